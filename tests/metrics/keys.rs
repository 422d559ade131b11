//! The series of keyed breakers.

use std::thread;

use tower_recourse::breaker::keyed::CircuitRegistry;

use crate::{circuits::config, exporter::Exporter};

const TRANSITIONS: &str = "recourse_circuit_transitions_total";
const CALLS: &str = "recourse_circuit_calls_total";

#[test]
fn keys_beyond_the_bound_share_a_series() {
    let exporter = Exporter::new();
    let circuits = CircuitRegistry::new(config("tenants", &exporter.registry)).named();
    exporter.scrape();
    for key in 0..50 {
        circuits.get(&key).try_acquire().unwrap().failure();
    }
    let scrape = exporter.scrape();
    let keys: Vec<_> =
        scrape.series.iter().filter(|(name, labels, _)| name == CALLS && labels.contains_key("key")).collect();
    assert_eq!(keys.iter().filter(|(_, labels, _)| labels["outcome"] == "failure").count(), 20);
    assert_eq!(scrape.sum(CALLS, &[("name", "tenants"), ("outcome", "failure")]), 50.0);
    assert_eq!(scrape.sum("recourse_circuit_state", &[("name", "tenants"), ("state", "open")]), 21.0);

    // The sums stay exact, whichever keys fail from now on.
    for key in 0..50 {
        circuits.get(&key).reset();
        circuits.get(&key).try_acquire().unwrap().failure();
    }
    let scrape = exporter.scrape();
    assert_eq!(scrape.sum(CALLS, &[("name", "tenants"), ("outcome", "failure")]), 100.0);
    assert_eq!(scrape.sum(TRANSITIONS, &[("from", "closed"), ("to", "open")]), 100.0);
    let with_keys = scrape.series.iter().filter(|(name, labels, value)| {
        name == CALLS && labels.contains_key("key") && labels["outcome"] == "failure" && *value == 1.0
    });
    assert_eq!(with_keys.count(), 20);
}

#[test]
fn the_bound_of_keys_can_be_set() {
    for most in [0, 3] {
        let exporter = Exporter::new();
        exporter.registry.limit_keys_in_metrics(most);
        let circuits = CircuitRegistry::new(config("tenants", &exporter.registry)).named();
        for key in 0..10 {
            circuits.get(&key).force_open();
        }
        let scrape = exporter.scrape();
        let states = scrape
            .series
            .iter()
            .filter(|(name, labels, _)| name == "recourse_circuit_state" && labels.contains_key("key"));
        assert_eq!(states.count(), 3 * most);
    }
}

#[test]
fn a_key_has_series_once_its_circuit_has_opened() {
    let exporter = Exporter::new();
    let circuits = CircuitRegistry::new(config("tenants", &exporter.registry)).named();
    circuits.get(&"good").try_acquire().unwrap().success();
    circuits.get(&"bad").try_acquire().unwrap().failure();
    let scrape = exporter.scrape();
    assert!(!scrape.text.contains(r#"key="good""#), "{}", scrape.text);
    assert_eq!(scrape.states(&[("name", "tenants"), ("key", "bad")]), ["open"]);
    assert_eq!(scrape.states(&[("name", "tenants")]), ["closed"]);
}

#[test]
fn breakers_without_keys_in_names_have_one_series() {
    let exporter = Exporter::new();
    let circuits = CircuitRegistry::new(config("tenants", &exporter.registry));
    for key in 0..5 {
        circuits.get(&key).try_acquire().unwrap().failure();
    }
    let scrape = exporter.scrape();
    assert!(!scrape.text.contains("key="));
    assert_eq!(scrape.value(CALLS, &[("name", "tenants"), ("outcome", "failure")]), Some(5.0));
    assert_eq!(scrape.value("recourse_keyed_circuits", &[("name", "tenants")]), Some(5.0));
    assert_eq!(scrape.value("recourse_keyed_circuits_open", &[("name", "tenants")]), Some(5.0));
    assert_eq!(scrape.value("recourse_keyed_capacity", &[("name", "tenants")]), Some(10_000.0));
}

#[test]
fn evicted_circuits_leave_their_counts() {
    let exporter = Exporter::new();
    let calls = [("name", "tenants"), ("outcome", "neutral")];
    let circuits = CircuitRegistry::with_capacity(config("tenants", &exporter.registry), 10).unwrap().named();
    for key in 0..100 {
        let circuit = circuits.get(&key);
        circuit.register(&exporter.registry);
        circuit.try_acquire().unwrap().neutral();
        if key % 30 == 0 {
            assert_eq!(exporter.scrape().value(CALLS, &calls), Some(f64::from(key + 1)));
        }
    }
    let scrape = exporter.scrape();
    assert_eq!(scrape.value(CALLS, &calls), Some(100.0));
    assert_eq!(scrape.value("recourse_keyed_evictions_total", &[("name", "tenants")]), Some(90.0));
    assert_eq!(scrape.value("recourse_keyed_circuits", &[("name", "tenants")]), Some(10.0));

    drop(circuits);
    let scrape = exporter.scrape();
    assert_eq!(scrape.value(CALLS, &calls), Some(100.0));
    assert_eq!(scrape.value("recourse_keyed_evictions_total", &[("name", "tenants")]), Some(90.0));
    assert_eq!(scrape.value("recourse_keyed_circuits", &[("name", "tenants")]), Some(0.0));
    assert_eq!(scrape.value("recourse_keyed_capacity", &[("name", "tenants")]), Some(0.0));

    // The next breaker of the name continues the counts.
    let circuits = CircuitRegistry::with_capacity(config("tenants", &exporter.registry), 1).unwrap();
    circuits.get(&1).try_acquire().unwrap().neutral();
    circuits.get(&2).try_acquire().unwrap().neutral();
    let scrape = exporter.scrape();
    assert_eq!(scrape.value(CALLS, &calls), Some(102.0));
    assert_eq!(scrape.value("recourse_keyed_evictions_total", &[("name", "tenants")]), Some(91.0));
}

#[test]
fn a_key_that_comes_back_continues_its_series() {
    let exporter = Exporter::new();
    let circuits = CircuitRegistry::new(config("tenants", &exporter.registry)).named();
    let of_key = [("name", "tenants"), ("key", "a"), ("outcome", "failure")];
    // The circuit opens before its key has series.
    circuits.get(&"a").try_acquire().unwrap().failure();
    circuits.get(&"a").reset();
    assert_eq!(exporter.scrape().value(CALLS, &of_key), Some(0.0));
    circuits.get(&"a").try_acquire().unwrap().failure();
    assert_eq!(exporter.scrape().value(CALLS, &of_key), Some(1.0));
    circuits.remove(&"a");
    let scrape = exporter.scrape();
    assert_eq!(scrape.value(CALLS, &of_key), Some(1.0));
    assert_eq!(scrape.states(&[("name", "tenants"), ("key", "a")]), [""; 0]);
    circuits.get(&"a").try_acquire().unwrap().failure();
    let scrape = exporter.scrape();
    assert_eq!(scrape.value(CALLS, &of_key), Some(2.0));
    assert_eq!(scrape.sum(CALLS, &[("name", "tenants"), ("outcome", "failure")]), 3.0);
}

#[test]
fn totals_are_exact_and_never_decrease_under_threads() {
    let exporter = Exporter::new();
    let circuits = CircuitRegistry::with_capacity(config("tenants", &exporter.registry), 8).unwrap();
    let calls = [("name", "tenants"), ("outcome", "neutral")];
    thread::scope(|scope| {
        for thread in 0..2 {
            let circuits = &circuits;
            scope.spawn(move || {
                for key in 0..5_000 {
                    circuits.get(&(thread * 5_000 + key)).try_acquire().unwrap().neutral();
                }
            });
        }
        let mut before = 0.0;
        for _ in 0..50 {
            let now = exporter.scrape().value(CALLS, &calls).unwrap_or(0.0);
            assert!((before..=10_000.0).contains(&now), "{before} {now}");
            before = now;
        }
    });
    assert_eq!(exporter.scrape().value(CALLS, &calls), Some(10_000.0));
}
