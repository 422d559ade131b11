//! Names and labels of series.

use tower_recourse::{Circuit, breaker::keyed::CircuitRegistry};

use crate::{circuits::config, exporter::Exporter};

#[test]
fn hostile_names_labels_and_keys_stay_one_line() {
    let exporter = Exporter::new();
    let hostile = "a\"}\n# TYPE x gauge\\\u{202e}";
    let named = config("x", &exporter.registry).name(hostile).label("my-team", hostile).label("state", "mine");
    let circuits = CircuitRegistry::new(named).named();
    circuits.get(&hostile).try_acquire().unwrap().failure();
    let scrape = exporter.scrape();
    assert!(scrape.text.lines().all(|line| line.is_empty() || line.starts_with("# ") || line.starts_with("recourse_")));
    assert!(!scrape.text.contains('\u{202e}'));
    let states = scrape
        .series
        .iter()
        .filter(|(name, labels, value)| name == "recourse_circuit_state" && labels["state"] == "open" && *value == 1.0);
    let labels: Vec<_> = states.map(|(_, labels, _)| labels).collect();
    let [labels] = &labels[..] else { panic!("one open circuit\n{}", scrape.text) };
    // Two backslashes are one for the exporter.
    let escaped = r#"a"}\n# TYPE x gauge\u{202e}"#;
    for label in ["name", "key", "my_team"] {
        assert_eq!(labels[label], escaped, "{label}");
    }
    assert_eq!(labels["label_state"], "mine");
}

#[test]
fn names_beyond_a_thousand_share_a_series() {
    let exporter = Exporter::new();
    let circuits: Vec<_> = (0..1_200)
        .map(|number| Circuit::new(config("x", &exporter.registry).name(format!("circuit-{number}"))))
        .collect();
    for circuit in &circuits {
        circuit.try_acquire().unwrap().neutral();
    }
    let calls = |exporter: &Exporter| {
        let scrape = exporter.scrape();
        let series = scrape
            .series
            .iter()
            .filter(|(name, labels, _)| name == "recourse_circuit_calls_total" && labels["outcome"] == "neutral");
        (series.count(), scrape.sum("recourse_circuit_calls_total", &[("outcome", "neutral")]))
    };
    assert_eq!(calls(&exporter), (1_001, 1_200.0));
    drop(circuits);
    assert_eq!(calls(&exporter), (1_001, 1_200.0));
}

#[test]
fn labels_in_another_order_are_the_same_labels() {
    let exporter = Exporter::new();
    let circuits = [[("team", "x"), ("zone", "1")], [("zone", "1"), ("team", "x")]].map(|[first, second]| {
        let config = config("a", &exporter.registry).label(first.0, first.1).label(second.0, second.1);
        Circuit::new(config)
    });
    circuits.iter().for_each(|circuit| circuit.try_acquire().unwrap().failure());
    let failures = [("name", "a"), ("team", "x"), ("zone", "1"), ("outcome", "failure")];
    assert_eq!(exporter.scrape().value("recourse_circuit_calls_total", &failures), Some(2.0));
}
