//! One circuit a key.

mod accounts;

use std::{
    convert::Infallible,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use accounts::{at_once, open};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, Rejection, State,
    breaker::keyed::{Circuits, KeyedBreaker, KeyedBreakerLayer},
    time::ManualClock,
};

fn config(clock: &ManualClock) -> BreakerConfig {
    BreakerConfig::default().unobserved().open_when(at_once()).clock(clock.clone())
}

fn circuits(keys: usize) -> (Circuits<u32>, ManualClock) {
    let clock = ManualClock::new();
    (Circuits::with_capacity(config(&clock), keys).unwrap(), clock)
}

fn fail(circuits: &Circuits<u32>, key: u32) {
    open(&circuits.get(&key));
}

#[tokio::test]
async fn one_keys_failures_are_not_another_ones() {
    let layer = BreakerLayer::keyed(config(&ManualClock::new()), |key: &u32| *key);
    let circuits = layer.circuits().clone();
    let mut service = layer.layer(service_fn(|key: u32| async move { if key == 1 { Err("down") } else { Ok(key) } }));

    assert_eq!(service.ready().await.unwrap().call(1).await, Err(BreakerError::Inner("down")));
    assert!(service.ready().await.unwrap().call(1).await.unwrap_err().rejection().is_some());
    assert_eq!(service.ready().await.unwrap().call(2).await, Ok(2));

    let mut states = circuits.states();
    states.sort_unstable_by_key(|(key, _)| *key);
    assert_eq!(states, [(1, State::Open), (2, State::Closed)]);
    circuits.remove(&1);
    assert_eq!(circuits.peek(&1).map(|circuit| circuit.state()), None);
    assert_eq!(circuits.get(&1).state(), State::Closed);
}

/// r4j#650, #703: keys that are made up can't fill the memory.
#[test]
fn there_are_never_more_keys_than_the_capacity() {
    let (circuits, _) = circuits(100);
    for key in 0..10_000 {
        circuits.get(&key).admit().unwrap().success();
        assert!(circuits.len() <= 100, "{} circuits after {key} keys", circuits.len());
    }
    assert!(circuits.len() > 50);
}

#[test]
fn idle_keys_leave_before_busy_ones() {
    let (circuits, _) = circuits(100);
    let busy = |circuit: &Circuit| circuit.stats().total_failures;
    for key in 0..10 {
        // Counted by a failure and closed again, so that it can be seen whether it was forgotten.
        let circuit = circuits.get(&key);
        circuit.admit().unwrap().failure();
        circuit.reset();
    }
    for key in 10..10_000 {
        circuits.get(&key);
        circuits.get(&(key % 10));
    }
    for key in 0..10 {
        assert_eq!(busy(&circuits.get(&key)), 1, "busy key {key} was forgotten");
    }
}

#[test]
fn an_open_circuit_is_not_forgotten_because_somebody_makes_up_keys() {
    let (circuits, _) = circuits(100);
    fail(&circuits, 7);
    for key in 1_000..20_000 {
        circuits.get(&key).admit().unwrap().success();
    }
    assert_eq!(circuits.get(&7).state(), State::Open);
    assert!(circuits.len() <= 100);
}

#[test]
fn an_open_circuit_whose_time_is_over_is_idle() {
    let (circuits, clock) = circuits(100);
    fail(&circuits, 7);
    clock.advance(Duration::from_secs(31));
    // Keys that come only once make room for each other; those that come again take the place of idle ones.
    for busy in (1_000..20_000u32).collect::<Vec<_>>().chunks(50) {
        for key in busy.iter().chain(busy).chain(busy) {
            circuits.get(key).admit().unwrap().success();
        }
    }
    assert!(circuits.peek(&7).is_none());
}

#[test]
fn where_all_are_open_a_new_key_works_but_is_not_remembered() {
    let (circuits, _) = circuits(10);
    for key in 0..1_000 {
        fail(&circuits, key);
        assert!(circuits.len() <= 10);
    }
    assert!(circuits.states().iter().all(|(_, state)| *state == State::Open));
    circuits.get(&5_000).admit().unwrap().success();
    assert!(circuits.peek(&5_000).is_none());
}

#[test]
fn a_call_on_its_way_outlives_its_circuit() {
    let (circuits, _) = circuits(10);
    let permit = circuits.get(&1).admit().unwrap();
    circuits.remove(&1);
    let successor = circuits.get(&2);
    permit.failure();
    assert_eq!((successor.state(), successor.stats().total_failures), (State::Closed, 0));
}

#[test]
fn threads_that_bring_the_same_new_key_share_one_circuit() {
    let (circuits, _) = circuits(1_000);
    let failures = 4;
    for key in 0..200 {
        let start = Barrier::new(failures);
        std::thread::scope(|scope| {
            for _ in 0..failures {
                scope.spawn(|| {
                    start.wait();
                    // All are admitted, or rejected by a failure that was counted on the same circuit.
                    if let Ok(permit) = circuits.get(&key).admit() {
                        permit.failure();
                    }
                });
            }
        });
        assert_eq!(circuits.get(&key).state(), State::Open);
        let stats = circuits.get(&key).stats();
        assert_eq!(stats.total_failures + stats.total_rejected, failures as u64);
    }
}

#[tokio::test]
async fn names_tell_one_key_from_another() {
    let circuits = Circuits::<&str>::new(config(&ManualClock::new()).name("hosts")).named();
    open(&circuits.get(&"a"));
    assert_eq!(circuits.get(&"a").admit().unwrap_err().to_string(), "circuit `hosts/a` is open; retry in 30.0 s");
    assert_eq!(circuits.get(&"a").stats().name.as_str(), "hosts/a");
}

#[tokio::test]
async fn a_response_can_stand_in_for_a_rejection() {
    let calls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&calls);
    let circuits = Circuits::new(config(&ManualClock::new()));
    open(&circuits.get(&1));
    let layer = KeyedBreakerLayer::on(&circuits, |key: &u32| *key)
        .respond_when_open(|rejection: &Rejection| format!("{}", rejection.state()));
    let mut service = layer.layer(service_fn(move |_: u32| {
        seen.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Infallible>("fresh".to_owned()) }
    }));
    assert_eq!(service.ready().await.unwrap().call(1).await, Ok("open".to_owned()));
    assert_eq!(service.ready().await.unwrap().call(2).await, Ok("fresh".to_owned()));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_call_through_a_closed_circuit_allocates_nothing() {
    let (circuits, _) = circuits(10);
    let call = || circuits.get(&1).admit().unwrap().success();
    call();
    let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| call()));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn no_keys_at_all_is_refused() {
    let refused = Circuits::<u32>::with_capacity(BreakerConfig::default(), 0).unwrap_err();
    assert_eq!(refused.to_string(), "`keys` is 0, but must be at least 1");
}

#[test]
fn a_key_costs_at_most_300_bytes_beside_itself() {
    const KEYS: u32 = 100_000;
    let info = allocation_counter::measure(|| {
        let (circuits, _) = circuits(KEYS as usize);
        for key in 0..KEYS {
            circuits.get(&key);
        }
        // The map keeps some room: as many keys as it has room for are to be held.
        assert!(circuits.len() as u32 >= KEYS / 100 * 99, "{} of {KEYS} keys", circuits.len());
        std::mem::forget(circuits);
    });
    let each = info.bytes_current as f64 / f64::from(KEYS);
    println!("{each:.0} bytes a key");
    assert!(each <= 300.0 + size_of::<u32>() as f64, "{each:.0} bytes a key");
}

#[test]
fn who_only_looks_makes_no_circuit() {
    let (circuits, _) = circuits(100);
    assert!(circuits.is_empty() && circuits.peek(&1).is_none() && circuits.is_empty());
    fail(&circuits, 1);
    assert!(!circuits.is_empty());
    assert_eq!(circuits.peek(&1).map(|circuit| circuit.state()), Some(State::Open));
    assert_eq!(format!("{circuits:?}"), "circuits `breaker`");
}

/// As with one circuit: a readiness error is the outcome of the call that follows, and of its key.
#[tokio::test]
async fn a_readiness_error_is_the_outcome_of_the_call_that_follows() {
    let layer = BreakerLayer::keyed(config(&ManualClock::new()), |key: &u32| *key);
    let circuits = layer.circuits().clone();
    let (mock, mut handle) = tower_test::mock::pair::<u32, u32>();
    let mut service = layer.layer(mock);
    assert!(format!("{service:?}").contains("KeyedBreaker"));
    let ready = |service: &mut KeyedBreaker<_, _>| {
        tokio_test::task::spawn(std::future::poll_fn(|cx| service.poll_ready(cx))).poll().is_ready()
    };
    handle.allow(0);
    assert!(!ready(&mut service), "it is ready when its service is");
    handle.send_error("no connection");
    assert!(ready(&mut service));
    let error = service.call(1).await.unwrap_err();
    assert_eq!(error.into_inner().unwrap().to_string(), "no connection");
    assert_eq!(circuits.states(), [(1, State::Open)]);
}
