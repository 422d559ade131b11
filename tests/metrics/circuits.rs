//! The series of circuits.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, Registry,
    breaker::{Mode, OpenDuration, TripRule, Window},
    time::ManualClock,
};

use crate::exporter::Exporter;

pub(crate) fn config(name: &'static str, registry: &Registry) -> BreakerConfig {
    BreakerConfig::default()
        .name(name)
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(10)))
        .without_observers()
        .register(registry)
}

fn fail(circuit: &Circuit) {
    circuit.try_acquire().unwrap().failure();
}

#[test]
fn the_state_has_one_series_per_state() {
    let exporter = Exporter::new();
    let clock = ManualClock::new();
    let circuit = Circuit::new(config("a", &exporter.registry).clock(clock.clone()));
    assert_eq!(exporter.scrape().states(&[("name", "a")]), ["closed"]);

    fail(&circuit);
    clock.advance(Duration::from_secs(4));
    let scrape = exporter.scrape();
    assert_eq!(scrape.states(&[("name", "a")]), ["open"]);
    assert_eq!(scrape.value("recourse_circuit_failing_seconds", &[("name", "a")]), Some(4.0));

    clock.advance(Duration::from_secs(6));
    let probe = circuit.try_acquire().unwrap();
    assert_eq!(exporter.scrape().states(&[("name", "a")]), ["half_open"]);

    probe.success();
    let scrape = exporter.scrape();
    assert_eq!(scrape.states(&[("name", "a")]), ["closed"]);
    assert_eq!(scrape.value("recourse_circuit_failing_seconds", &[("name", "a")]), Some(0.0));
    for pair in [("closed", "open"), ("open", "half_open"), ("half_open", "closed")] {
        let labels = [("name", "a"), ("from", pair.0), ("to", pair.1)];
        assert_eq!(scrape.value("recourse_circuit_transitions_total", &labels), Some(1.0), "{pair:?}");
    }
}

#[test]
fn the_mode_has_one_series_per_mode() {
    let exporter = Exporter::new();
    let circuit = Circuit::new(config("a", &exporter.registry));
    let modes = || -> Vec<String> {
        let series = exporter.scrape().series.into_iter();
        let set = series.filter(|(name, _, value)| name == "recourse_circuit_mode" && *value == 1.0);
        set.map(|(_, labels, _)| labels["mode"].clone()).collect()
    };
    assert_eq!(modes(), ["auto"]);
    circuit.force_open();
    assert_eq!(modes(), ["forced_open"]);
    circuit.set_mode(Mode::Disabled);
    assert_eq!(modes(), ["disabled"]);
    circuit.set_mode(Mode::MetricsOnly);
    assert_eq!(modes(), ["metrics_only"]);
    circuit.force_closed();
    assert_eq!(modes(), ["forced_closed"]);
}

#[test]
fn calls_are_counted_by_outcome() {
    let exporter = Exporter::new();
    let counting = Circuit::new(config("counting", &exporter.registry).count_all_calls());
    let other = Circuit::new(config("other", &exporter.registry));
    for circuit in [&counting, &other] {
        circuit.try_acquire().unwrap().success();
        circuit.try_acquire().unwrap().neutral();
        drop(circuit.try_acquire().unwrap());
        fail(circuit);
        circuit.try_acquire().unwrap_err();
        circuit.try_acquire().unwrap_err();
    }
    let scrape = exporter.scrape();
    let calls = |name, outcome| scrape.value("recourse_circuit_calls_total", &[("name", name), ("outcome", outcome)]);
    for name in ["counting", "other"] {
        for outcome in ["failure", "neutral", "cancelled"] {
            assert_eq!(calls(name, outcome), Some(1.0), "{name} {outcome}");
        }
        assert_eq!(scrape.value("recourse_circuit_rejections_total", &[("name", name)]), Some(2.0));
    }
    assert_eq!((calls("counting", "success"), calls("other", "success")), (Some(1.0), None));
}

#[test]
fn the_window_shows_calls_and_ratios() {
    let exporter = Exporter::new();
    let (share, window) = (Ratio::percent(90).unwrap(), Window::count(10).unwrap());
    let clock = ManualClock::new();
    let circuit = Circuit::new(
        BreakerConfig::default()
            .name("a")
            .open_when(TripRule::FailureRate { failing: share, window })
            .or_when(TripRule::SlowCallRate { longer_than: Duration::from_secs(1), share, window })
            .clock(clock.clone())
            .register(&exporter.registry),
    );
    let value = |metric: &str| exporter.scrape().value(metric, &[("name", "a")]);
    assert_eq!(value("recourse_circuit_window_calls"), Some(0.0));
    assert_eq!(value("recourse_circuit_failure_ratio"), None);
    circuit.try_acquire().unwrap().success();
    let slow = circuit.try_acquire().unwrap();
    clock.advance(Duration::from_secs(2));
    slow.success();
    circuit.try_acquire().unwrap().success();
    fail(&circuit);
    assert_eq!(value("recourse_circuit_window_calls"), Some(4.0));
    assert_eq!(value("recourse_circuit_failure_ratio"), Some(0.25));
    assert_eq!(value("recourse_circuit_slow_ratio"), Some(0.25));
    circuit.reset();
    assert_eq!(value("recourse_circuit_failure_ratio"), Some(0.0));
}

#[test]
fn circuits_of_one_name_show_sums_and_the_worst_state() {
    let exporter = Exporter::new();
    let [first, second] = [(); 2].map(|()| Circuit::new(config("a", &exporter.registry)));
    fail(&first);
    second.try_acquire().unwrap().neutral();
    let scrape = exporter.scrape();
    assert_eq!(scrape.states(&[("name", "a")]), ["open"]);
    fail(&second);
    let failures = [("name", "a"), ("outcome", "failure")];
    assert_eq!(exporter.scrape().value("recourse_circuit_calls_total", &failures), Some(2.0));

    // Other labels are another series.
    let labelled = Circuit::new(config("a", &exporter.registry).label("team", "x"));
    let scrape = exporter.scrape();
    assert_eq!(scrape.states(&[("name", "a"), ("team", "x")]), ["closed"]);
    assert_eq!(scrape.states(&[("name", "a")]), ["open"]);
    drop(labelled);
}

#[test]
fn a_dropped_circuit_leaves_its_counts_and_no_state() {
    let exporter = Exporter::new();
    let failures = [("name", "a"), ("outcome", "failure")];
    let first = Circuit::new(config("a", &exporter.registry));
    fail(&first);
    exporter.scrape();
    drop(first);
    let scrape = exporter.scrape();
    assert_eq!(scrape.states(&[("name", "a")]), [""; 0]);
    assert_eq!(scrape.value("recourse_circuit_calls_total", &failures), Some(1.0));
    assert_eq!(scrape.value("recourse_circuit_failing_seconds", &[("name", "a")]), Some(0.0));

    // The next circuit of the name continues the counts.
    fail(&Circuit::new(config("a", &exporter.registry)));
    assert_eq!(exporter.scrape().value("recourse_circuit_calls_total", &failures), Some(2.0));
}

#[test]
fn a_circuit_in_two_registries_leaves_its_counts_in_both() {
    let exporters = [Exporter::new(), Exporter::new()];
    let failures = [("name", "a"), ("outcome", "failure")];
    for count in 1..=2 {
        let circuit = Circuit::new(config("a", &exporters[0].registry));
        exporters.iter().for_each(|exporter| circuit.register(&exporter.registry));
        circuit.reconfigure(config("a", &Registry::new()));
        fail(&circuit);
        let value = |exporter: &Exporter| exporter.scrape().value("recourse_circuit_calls_total", &failures);
        assert_eq!(exporters.each_ref().map(value), [Some(f64::from(count)); 2]);
    }
}

#[test]
fn a_circuit_that_is_registered_later_keeps_its_counts() {
    let exporter = Exporter::new();
    let circuit = Circuit::new(config("a", &Registry::new()));
    let other = Circuit::new(BreakerConfig::default().name("b").open_when(TripRule::consecutive(1).unwrap()));
    for circuit in [circuit, other] {
        circuit.register(&exporter.registry);
        fail(&circuit);
    }
    let scrape = exporter.scrape();
    for name in ["a", "b"] {
        assert_eq!(scrape.value("recourse_circuit_calls_total", &[("name", name), ("outcome", "failure")]), Some(1.0));
    }
}

#[test]
fn usual_transitions_start_at_zero() {
    let exporter = Exporter::new();
    let _circuit = Circuit::new(config("a", &exporter.registry));
    let scrape = exporter.scrape();
    for (from, to) in [("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("half_open", "closed")] {
        let labels = [("name", "a"), ("from", from), ("to", to)];
        assert_eq!(scrape.value("recourse_circuit_transitions_total", &labels), Some(0.0));
    }
}
