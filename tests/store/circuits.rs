//! Circuits in a store.

use tower_recourse::{BreakerConfig, Circuit, State, breaker::TripRule};

use super::*;

use crate::fixed_numbers::FixedNumbers as _;

fn circuit(store: &FileStore) -> (Circuit, Restored) {
    let config = BreakerConfig::default().fixed().without_observers().open_when(TripRule::consecutive(2).unwrap());
    let circuit = Circuit::new(config.observe(store.observer()));
    let restored = store.register("upstream", &circuit).unwrap();
    (circuit, restored)
}

#[test]
fn an_open_circuit_is_restored_and_does_not_hold_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    let (first, restored) = circuit(&store);
    assert_eq!(restored, Restored::Nothing);
    first.try_acquire().unwrap().failure();
    first.try_acquire().unwrap().failure();
    drop(store);

    let store = FileStore::open(folder.path(), "state").unwrap();
    let (second, restored) = circuit(&store);
    assert!(matches!(restored, Restored::State { .. }));
    assert_eq!(second.state(), State::Open);
    assert!(second.retry_in() <= first.retry_in().max(Some(Duration::from_secs(30))));
    second.reset();
    drop((store, second));

    let store = FileStore::open(folder.path(), "state").unwrap();
    let (third, _) = circuit(&store);
    assert_eq!(third.state(), State::Closed);
    drop((first, third));
}

#[test]
fn an_opening_is_written_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap().write_interval(Duration::from_millis(1));
    let (circuit, _) = circuit(&store);
    circuit.force_open();
    let path = folder.path().join("state.json");
    // The loop ends only if the store writes the file.
    while !path.exists() || file(folder.path())["parts"]["upstream"]["state"]["mode"] != "forced_open" {
        std::thread::yield_now();
    }
}

#[test]
fn a_circuit_past_its_open_duration_is_restored_half_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    let (first, _) = circuit(&store);
    first.try_acquire().unwrap().failure();
    first.try_acquire().unwrap().failure();
    store.save().unwrap();
    let saved = serde_json::to_value(first.snapshot()).unwrap();
    assert_eq!((&saved["state"], &saved["mode"]), (&json!("open"), &json!("auto")));
    let mut snapshot: tower_recourse::breaker::CircuitSnapshot = serde_json::from_value(saved).unwrap();
    snapshot.open_for = Some(Duration::ZERO);
    first.restore(&snapshot, Duration::ZERO);
    drop(store);
    let store = FileStore::open(folder.path(), "state").unwrap();
    assert_eq!(circuit(&store).0.state(), State::HalfOpen);
}

/// A handler can answer with them. A name from outside can't forge a line of the output.
#[test]
fn the_stats_of_a_circuit_are_serialized() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers().name("a\nb".to_owned()));
    circuit.force_open();
    let stats = serde_json::to_value(circuit.stats()).unwrap();
    assert_eq!((&stats["state"], &stats["mode"]), (&"open".into(), &"forced_open".into()));
    assert_eq!(stats["window"]["calls"], 0);
    assert_eq!(stats["name"], circuit.stats().name.to_string());
    assert!(!stats["name"].as_str().unwrap().contains('\n'));
}
