//! The registry: what it lists, its observers, and the health that it reports.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Registry, RetryConfig, RetryLayer, State,
    breaker::{OpenDuration, TripRule, keyed::CircuitRegistry},
    observe::Event,
    retry::{Backoff, RetryQuota, TokenBucket},
    time::ManualClock,
};

fn config(name: &'static str, registry: &Registry) -> BreakerConfig {
    BreakerConfig::default()
        .name(name)
        .open_when(TripRule::consecutive(1).unwrap())
        .without_observers()
        .register(registry)
}

fn counter(registry: &Registry) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    registry.observe(move |_: &Event<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    count
}

#[test]
fn circuits_are_listed_while_they_exist() {
    let registry = Registry::new();
    let circuit = Circuit::new(config("a", &registry));
    let _ = circuit.try_acquire().map(|permit| permit.failure());
    let [status] = &registry.circuits()[..] else { panic!("one circuit") };
    assert_eq!((status.name.as_str(), status.state, status.failures), ("a", State::Open, 1));
    drop(circuit);
    assert!(registry.circuits().is_empty());

    // The second circuit uses the memory of the first one, and is listed as itself.
    let other = Circuit::new(config("b", &Registry::new()));
    assert!(registry.circuits().is_empty());
    other.register(&registry);
    other.register(&registry);
    assert_eq!(registry.circuits().len(), 1);
    assert_eq!(registry.circuits()[0].failures, 0);
}

#[test]
fn each_circuit_of_a_keyed_breaker_is_listed() {
    let registry = Registry::new();
    let circuits = CircuitRegistry::with_capacity(config("tenants", &registry), 100).unwrap().named();
    for key in 0..100_000_u32 {
        circuits.get(&key);
    }
    assert_eq!(registry.circuits().len(), circuits.len());
    let layer = BreakerLayer::keyed(config("layer", &registry), |key: &u32| *key);
    layer.circuits().get(&7).force_open();
    // It is listed already.
    layer.circuits().get(&7).register(&registry);
    assert_eq!(registry.health().open, 1);
    let mut breakers = registry.keyed_breakers();
    breakers.sort_by_key(|breaker| breaker.capacity);
    let [first, second] = &breakers[..] else { panic!("two keyed breakers") };
    assert_eq!((first.name.as_str(), first.circuits, first.open), ("tenants", 100, 0));
    assert_eq!((first.capacity, first.evictions), (100, 99_900));
    assert_eq!((second.name.as_str(), second.circuits, second.open, second.capacity), ("layer", 1, 1, 10_000));
    drop((circuits, layer));
    assert!(registry.circuits().is_empty() && registry.keyed_breakers().is_empty());
}

/// However often and in whichever order layers are registered, and also after `without_observers`.
#[tokio::test]
async fn each_registry_receives_each_event_once() {
    let registries = [Registry::new(), Registry::new()];
    let [first, second] = registries.each_ref().map(counter);
    let received = || (first.swap(0, Ordering::Relaxed), second.swap(0, Ordering::Relaxed));
    let [a, b] = &registries;
    let breaker = BreakerConfig::default().register(a).without_observers().register(a).register(b).register(a);
    Circuit::new(breaker).force_open(); // Changes the mode and the state.
    assert_eq!(received(), (2, 2));
    let retry = RetryConfig::default().retries(0).register(a).without_observers().register(a).register(b).register(a);
    let error = || Err::<u32, _>(io::Error::from(io::ErrorKind::ConnectionReset));
    RetryLayer::new(retry).run_blocking(|_| error()).unwrap_err();
    assert_eq!(received(), (1, 1));
    let fallback = FallbackLayer::value(7).register(a).without_observers().register(a).register(b).register(a);
    let mut service = ServiceBuilder::new().layer(fallback).service(service_fn(|()| async { error() }));
    assert_eq!(tower::Service::call(&mut service, ()).await.unwrap(), 7);
    assert_eq!(received(), (2, 2));
}

#[test]
fn observers_receive_the_events_of_all_registered_circuits() {
    let registry = Registry::new();
    let circuit = Circuit::new(config("a", &registry).register(&registry));
    let count = counter(&registry);
    circuit.force_open();
    let after_first = count.load(Ordering::Relaxed);
    assert!(after_first > 0);

    let keyed = CircuitRegistry::new(config("keyed", &registry));
    keyed.get(&1).force_open();
    assert_eq!(count.load(Ordering::Relaxed), 2 * after_first);

    // The layers keep the observers.
    drop(registry);
    circuit.reset();
    circuit.force_closed();
    assert!(count.load(Ordering::Relaxed) > 2 * after_first);
}

#[tokio::test(start_paused = true)]
async fn retries_and_fallbacks_are_registered() {
    let registry = Registry::new();
    let count = counter(&registry);
    let budget = Arc::new(TokenBucket::default());
    let quota = RetryQuota::new();
    let retry = RetryConfig::default()
        .name("reads")
        .retries(2)
        .backoff(Backoff::none())
        .shared_budget(Arc::clone(&budget))
        .quota(&quota, |request: &u32| *request)
        .without_observers()
        .register(&registry);
    let layers = [RetryLayer::new(retry.clone()), RetryLayer::new(retry.name("writes"))];
    let service = ServiceBuilder::new()
        .layer(FallbackLayer::value(0).without_observers().register(&registry))
        .layer(layers[0].clone())
        .service(service_fn(async |_: u32| Err::<u32, _>(io::Error::from(io::ErrorKind::ConnectionRefused))));
    assert_eq!(service.oneshot(1).await.unwrap(), 0);

    let (budgets, quotas) = (registry.budgets(), registry.quotas());
    assert_eq!(budgets.len(), 1);
    assert_eq!((budgets[0].name.as_str(), budgets[0].granted), ("reads", 2));
    assert_eq!(budgets[0].max_balance, Some(110));
    assert_eq!(quotas.len(), 1);
    assert_eq!((quotas[0].retries, quotas[0].keys), (2, 1));
    // Two retries, the end of the retry, and the call of the backup.
    assert!(count.load(Ordering::Relaxed) >= 4);
    drop((layers, budget, quota));
    assert!(registry.budgets().is_empty() && registry.quotas().is_empty());
}

#[test]
fn the_service_is_unready_only_by_choice() {
    let registry = Registry::new();
    let database = Circuit::new(config("database", &registry));
    let other = Circuit::new(config("other", &registry));
    registry.not_ready_if_open("database");
    other.force_open();
    assert!(registry.health().ready);
    assert!(!registry.health_with(|circuit| circuit.state != State::Open).ready);
    database.force_open();
    let health = registry.health();
    assert!(!health.ready);
    assert_eq!((health.total, health.open, health.circuits[0].name.as_str()), (2, 2, "database"));
    database.force_closed();
    assert!(registry.health().ready);
}

#[test]
fn reading_moves_no_circuit_to_half_open() {
    let registry = Registry::new();
    let clock = ManualClock::new();
    let open_for = OpenDuration::fixed(Duration::from_secs(10));
    let circuit = Circuit::new(config("a", &registry).open_for(open_for).clock(clock.clone()));
    circuit.try_acquire().unwrap().failure();
    clock.advance(Duration::from_secs(30));
    let count = counter(&registry);
    let health = registry.health();
    assert_eq!((health.open, health.half_open), (1, 0));
    assert_eq!(health.circuits[0].open_for, Some(Duration::ZERO));
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[test]
fn the_json_is_valid_and_bounded() {
    let registry = Registry::new();
    let circuits = CircuitRegistry::new(config("a\"\n\u{1b}[31m", &registry)).named();
    for key in 0..1_000 {
        circuits.get(&format!("{key}\"\\\u{202e}{}", "x".repeat(10_000))).force_open();
    }
    let json = registry.health().to_json();
    assert!(json.len() < 20 * 1_024, "{}", json.len());
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["open"], 1_000);
    assert_eq!(value["circuits"].as_array().unwrap().len(), 20);
    assert!(!json.contains(['\n', '\u{1b}', '\u{202e}']));
}

#[test]
fn an_observer_may_use_the_registry() {
    let registry = Registry::new();
    let circuit = Circuit::new(config("a", &registry));
    let inner = registry.clone();
    registry.observe(move |_: &Event<'_>| {
        inner.observe(|_: &Event<'_>| {});
        inner.not_ready_if_open("a");
        assert_eq!(inner.health().total, 1);
    });
    circuit.force_open();
    assert!(!registry.health().ready);
}

#[test]
fn a_panic_of_an_observer_leaves_the_registry_usable() {
    let registry = Registry::new();
    let circuit = Circuit::new(config("a", &registry));
    registry.observe(|_: &Event<'_>| panic!("observer"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| circuit.force_open())).is_err());
    assert_eq!(registry.health().open, 1);
}

#[test]
fn threads_register_and_drop_circuits_while_another_reads() {
    let registry = Registry::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    Circuit::new(config("a", &registry)).force_open();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..500 {
                assert!(registry.circuits().iter().all(|circuit| circuit.name.as_str() == "a"));
            }
        });
    });
    assert!(registry.circuits().is_empty());
}
