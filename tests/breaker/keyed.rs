//! One circuit per key.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    fmt,
    hash::{Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, Rejection, State,
    breaker::{
        Probes,
        keyed::{CircuitRegistry, KeyedBreaker, KeyedBreakerLayer},
    },
    time::ManualClock,
};

use crate::circuits::{first_failure, open};
use crate::fixed_numbers::FixedNumbers as _;

fn config(clock: &ManualClock) -> BreakerConfig {
    BreakerConfig::default().fixed().without_observers().open_when(first_failure()).clock(clock.clone())
}

fn circuits(keys: usize) -> (CircuitRegistry<u32>, ManualClock) {
    let clock = ManualClock::new();
    (CircuitRegistry::with_capacity(config(&clock), keys).unwrap(), clock)
}

fn fail(circuits: &CircuitRegistry<u32>, key: u32) {
    open(&circuits.get(&key));
}

#[tokio::test]
async fn failures_of_one_key_do_not_count_for_another() {
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

/// resilience4j#650, #703: a client that invents keys can't fill the memory.
#[test]
fn there_are_never_more_keys_than_the_capacity() {
    let (circuits, _) = circuits(100);
    for key in 0..10_000 {
        circuits.get(&key).try_acquire().unwrap().success();
        assert!(circuits.len() <= 100, "{} circuits after {key} keys", circuits.len());
    }
    assert_eq!(circuits.len(), 100);
}

#[test]
fn idle_keys_leave_before_busy_ones() {
    let (circuits, _) = circuits(100);
    let busy = |circuit: &Circuit| circuit.stats().total_failures;
    for key in 0..10 {
        // The total of failures shows later whether the registry kept this circuit. The reset
        // closes it, because open circuits are kept longer.
        let circuit = circuits.get(&key);
        circuit.try_acquire().unwrap().failure();
        circuit.reset();
    }
    for key in 10..10_000 {
        circuits.get(&key);
        circuits.get(&(key % 10));
    }
    for key in 0..10 {
        assert_eq!(busy(&circuits.get(&key)), 1, "busy key {key} was removed");
    }
}

#[test]
fn invented_keys_do_not_evict_an_open_circuit() {
    let (circuits, _) = circuits(100);
    fail(&circuits, 7);
    for key in 1_000..20_000 {
        circuits.get(&key).try_acquire().unwrap().success();
    }
    assert_eq!(circuits.get(&7).state(), State::Open);
    assert!(circuits.len() <= 100);
}

#[test]
fn an_open_circuit_past_its_duration_is_idle() {
    let (circuits, clock) = circuits(100);
    fail(&circuits, 7);
    clock.advance(Duration::from_secs(31));
    // Keys that come only once replace each other. Keys that come again replace idle ones.
    for busy in (1_000..20_000u32).collect::<Vec<_>>().chunks(50) {
        for key in busy.iter().chain(busy).chain(busy) {
            circuits.get(key).try_acquire().unwrap().success();
        }
    }
    assert!(circuits.peek(&7).is_none());
}

#[test]
fn if_all_are_open_a_new_key_works_but_is_not_kept() {
    let (circuits, _) = circuits(10);
    for key in 0..1_000 {
        fail(&circuits, key);
        assert!(circuits.len() <= 10);
    }
    assert!(circuits.states().iter().all(|(_, state)| *state == State::Open));
    circuits.get(&5_000).try_acquire().unwrap().success();
    assert!(circuits.peek(&5_000).is_none());
}

#[test]
fn a_running_call_outlives_its_circuit() {
    let (circuits, _) = circuits(10);
    let permit = circuits.get(&1).try_acquire().unwrap();
    circuits.remove(&1);
    let successor = circuits.get(&2);
    permit.failure();
    assert_eq!((successor.state(), successor.stats().total_failures), (State::Closed, 0));
}

#[test]
fn threads_that_insert_the_same_key_share_one_circuit() {
    let (circuits, _) = circuits(1_000);
    let failures = 4;
    for key in 0..200 {
        let start = Barrier::new(failures);
        std::thread::scope(|scope| {
            for _ in 0..failures {
                scope.spawn(|| {
                    start.wait();
                    // Each call is either admitted, or rejected because of a failure that the same
                    // circuit counted.
                    if let Ok(permit) = circuits.get(&key).try_acquire() {
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
async fn circuit_names_contain_the_key() {
    let circuits = CircuitRegistry::<&str>::new(config(&ManualClock::new()).name("hosts")).named();
    open(&circuits.get(&"a"));
    assert_eq!(circuits.get(&"a").try_acquire().unwrap_err().to_string(), "circuit `hosts/a` is open; retry in 30.0 s");
    assert_eq!(circuits.get(&"a").stats().name.as_str(), "hosts/a");

    let layer = BreakerLayer::keyed(config(&ManualClock::new()).name("hosts"), |key: &u32| *key).named();
    let mut service = layer.layer(service_fn(|_: u32| async { Ok::<_, Infallible>(()) }));
    service.ready().await.unwrap().call(7).await.unwrap();
    let stats = layer.circuits().stats();
    let names: Vec<_> = stats.iter().map(|(key, stats)| (*key, stats.name.as_str())).collect();
    assert_eq!(names, [(7, "hosts/7")], "the layer's services use the named circuits");
}

#[test]
fn the_stats_of_all_circuits_apply_their_timers() {
    let clock = ManualClock::new();
    let circuits = CircuitRegistry::<u32>::new(config(&clock));
    open(&circuits.get(&1));
    circuits.get(&2);
    let states = || {
        let mut states: Vec<_> = circuits.stats().into_iter().map(|(key, stats)| (key, stats.state)).collect();
        states.sort_by_key(|(key, _)| *key);
        states
    };
    assert_eq!(states(), [(1, State::Open), (2, State::Closed)]);
    clock.advance(Duration::from_secs(30));
    assert_eq!(states(), [(1, State::HalfOpen), (2, State::Closed)]);
}

#[tokio::test]
async fn a_response_can_replace_a_rejection() {
    let calls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&calls);
    let circuits = CircuitRegistry::new(config(&ManualClock::new()));
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
    let call = || circuits.get(&1).try_acquire().unwrap().success();
    call();
    let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| call()));
    assert_eq!(counted.count_total, 0);
}

/// Circuits that open after five failures.
fn opens_after_five(keys: usize) -> (CircuitRegistry<u32>, ManualClock) {
    let clock = ManualClock::new();
    let config = BreakerConfig::default().fixed().without_observers().clock(clock.clone());
    (CircuitRegistry::with_capacity(config, keys).unwrap(), clock)
}

/// Makes calls that fail if they are admitted. Returns how many were admitted.
fn make_failing_calls(circuits: &CircuitRegistry<u32>, key: u32, calls: u32) -> u32 {
    let call = |_: &u32| {
        circuits.get(&key).try_acquire().is_ok_and(|permit| {
            permit.failure();
            true
        })
    };
    (0..calls).filter(call).count() as u32
}

#[test]
fn as_many_circuits_stay_open_as_the_capacity_allows() {
    for keys in [1, 2, 3, 7, 256, 1_000, 10_000u32] {
        let (circuits, _) = opens_after_five(keys as usize);
        let admitted: u32 = (0..keys).map(|key| make_failing_calls(&circuits, key, 20)).sum();
        let open = circuits.states().into_iter().filter(|(_, state)| *state == State::Open).count();
        assert_eq!((open, circuits.len(), admitted), (keys as usize, keys as usize, 5 * keys), "of {keys}");
        // The registry has no room for one more key, so it stores no circuit for that key.
        assert_eq!(make_failing_calls(&circuits, keys, 20), 20);
        assert!((0..keys).all(|key| circuits.get(&key).state() == State::Open));
    }
}

#[test]
fn the_capacity_holds_for_keys_of_several_threads() {
    const KEYS: u32 = 512;
    let (circuits, _) = opens_after_five(KEYS as usize);
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let (circuits, admitted) = (&circuits, &admitted);
            scope.spawn(move || {
                for key in (0..KEYS).filter(|key| key % 8 == thread) {
                    admitted.fetch_add(make_failing_calls(circuits, key, 20), Ordering::Relaxed);
                    // Meanwhile, each thread removes a key that was never inserted.
                    circuits.remove(&(KEYS + thread));
                }
            });
        }
    });
    assert!(circuits.states().iter().all(|(_, state)| *state == State::Open));
    assert_eq!((circuits.len(), admitted.into_inner()), (KEYS as usize, 5 * KEYS));
}

#[test]
fn threads_that_invent_keys_never_exceed_the_capacity() {
    for keys in [1, 2, 50] {
        let (circuits, _) = opens_after_five(keys);
        std::thread::scope(|scope| {
            for thread in 0..4u32 {
                let circuits = &circuits;
                scope.spawn(move || {
                    for key in 0..3_000 {
                        circuits.get(&(key * 4 + thread)).try_acquire().unwrap().success();
                        if key % 7 == 0 {
                            circuits.remove(&(key * 4 + thread));
                        }
                        assert!(circuits.len() <= keys);
                    }
                });
            }
        });
        assert!(circuits.len() <= keys);
        assert_eq!(circuits.states().len(), circuits.len());
    }
}

#[test]
fn threads_that_invent_keys_evict_no_open_circuit() {
    let (circuits, _) = circuits(10);
    (0..10).for_each(|key| fail(&circuits, key));
    std::thread::scope(|scope| {
        for thread in 1..=4u32 {
            let circuits = &circuits;
            scope.spawn(move || {
                for key in 0..1_000 {
                    circuits.get(&(key * 4 + 10 * thread)).try_acquire().unwrap().success();
                    assert_eq!(circuits.len(), 10);
                }
            });
        }
    });
    assert_eq!(circuits.states().len(), 10);
    assert!((0..10).all(|key| circuits.get(&key).state() == State::Open));
}

#[test]
fn evictions_are_counted() {
    let circuits = CircuitRegistry::with_capacity(BreakerConfig::default().without_observers(), 2).unwrap();
    (0..2).for_each(|key| drop(circuits.get(&key)));
    assert_eq!((circuits.capacity(), circuits.evictions()), (2, 0));
    circuits.remove(&0);
    circuits.get(&2);
    assert_eq!(circuits.evictions(), 0, "a removed key isn't evicted");
    (3..10).for_each(|key| drop(circuits.get(&key)));
    assert_eq!((circuits.evictions(), circuits.handle().evictions()), (7, 7));
}

#[test]
fn evictions_of_two_threads_are_counted() {
    const KEYS: u64 = 1_000;
    let circuits = CircuitRegistry::with_capacity(BreakerConfig::default().without_observers(), 10).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let circuits = &circuits;
            scope.spawn(move || (0..KEYS).for_each(|key| drop(circuits.get(&(2 * key + thread)))));
        }
    });
    // A thread may remove its own new key, if the other thread's new keys are the only others.
    let stored = circuits.len() as u64;
    assert!(circuits.evictions() <= 2 * KEYS - stored);
    assert!(circuits.evictions() >= 2 * KEYS - 20, "{}", circuits.evictions());
}

#[test]
fn a_named_circuit_has_its_key_and_the_labels() {
    let config = BreakerConfig::default().label("team", "payments").name("tenants").without_observers();
    let layer = BreakerLayer::keyed(config.clone(), |key: &&str| *key).named();
    let name = layer.circuits().get(&"a\nb").name();
    assert_eq!((name.as_str(), name.key(), name.label("team")), ("tenants/a\nb", Some("a\nb"), Some("payments")));
    assert_eq!(name.to_string(), r"tenants/a\nb");

    let long = "x".repeat(1_000);
    let layer = BreakerLayer::keyed(config.clone(), |key: &String| key.clone()).named();
    let name = layer.circuits().get(&long).name();
    let key = name.key().unwrap();
    assert!(key.ends_with("x…") && key.len() <= 260, "{}", key.len());

    let unnamed = BreakerLayer::keyed(config, |key: &u32| *key);
    let name = unnamed.circuits().get(&7).name();
    assert_eq!((name.as_str(), name.key(), name.label("team")), ("tenants", None, Some("payments")));
}

#[test]
fn threads_that_insert_the_same_key_evict_no_other() {
    for round in 0..1_000 {
        let (circuits, _) = opens_after_five(2);
        make_failing_calls(&circuits, 1, 4);
        let start = Barrier::new(3);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    circuits.get(&2);
                });
            }
        });
        make_failing_calls(&circuits, 1, 1);
        assert_eq!((circuits.get(&1).state(), circuits.len()), (State::Open, 2), "round {round}");
    }
}

/// The same race without threads: while a key is being inserted, its `Clone` inserts an equal key.
#[test]
fn a_key_that_is_inserted_twice_at_once_evicts_no_other() {
    let circuits = CircuitRegistry::with_capacity(BreakerConfig::default().fixed().without_observers(), 2).unwrap();
    let plain = |id| Hooked(id, Box::new(|| ()));
    (0..4).for_each(|_| circuits.get(&plain(1)).try_acquire().unwrap().failure());
    let inner = circuits.clone();
    let twice = Hooked(2, Box::new(move || drop(inner.get(&plain(2)))));
    circuits.get(&twice);
    assert_eq!(circuits.len(), 2);
    circuits.get(&plain(1)).try_acquire().unwrap().failure();
    assert_eq!(circuits.get(&plain(1)).state(), State::Open);
}

/// A key that runs a closure when it is cloned.
struct Hooked(u32, Box<dyn Fn() + Send + Sync>);

impl Hash for Hooked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Hooked {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Hooked {}

impl Clone for Hooked {
    fn clone(&self) -> Self {
        (self.1)();
        Self(self.0, Box::new(|| ()))
    }
}

/// A dashboard reads all states once a day. Reading moves a circuit whose open duration has ended
/// to half-open.
#[test]
fn half_open_circuits_without_probes_expire() {
    let day = Duration::from_secs(24 * 60 * 60);
    let (circuits, clock) = opens_after_five(100);
    let look = || {
        for (key, _) in circuits.states() {
            circuits.peek(&key).unwrap().state();
        }
    };
    // These hosts are down, and no client calls them any more.
    assert_eq!((0..100).map(|key| make_failing_calls(&circuits, key, 50)).sum::<u32>(), 500);
    let mut admitted = 0;
    for today in 0..365 {
        clock.advance(day);
        look();
        if today % 3 == 0 && today < 300 {
            admitted += make_failing_calls(&circuits, 1_000 + today, 50);
            look();
        }
        assert!(circuits.len() <= 100);
    }
    assert_eq!(admitted, 500, "of 5,000 calls to a hundred hosts, five each are made");
}

#[test]
fn a_circuit_with_a_running_probe_stays_for_the_lease() {
    let (circuits, clock) = opens_after_five(1);
    make_failing_calls(&circuits, 1, 5);
    clock.advance(Duration::from_secs(30));
    let probe = circuits.get(&1).try_acquire().unwrap();
    clock.advance(Duration::from_secs(29));
    circuits.get(&2);
    assert_eq!(circuits.peek(&1).map(|circuit| circuit.state()), Some(State::HalfOpen));
    clock.advance(Duration::from_secs(1));
    circuits.get(&2);
    assert!(circuits.peek(&1).is_none() && circuits.peek(&2).is_some());
    drop(probe);
}

/// A circuit that admits only external probes is kept for the length of a lease after its open
/// duration.
#[test]
fn a_circuit_that_waits_for_an_external_probe_stays_a_lease() {
    let clock = ManualClock::new();
    let probes = Probes::one().external_only();
    let config = BreakerConfig::default()
        .fixed()
        .without_observers()
        .open_when(first_failure())
        .probes(probes)
        .clock(clock.clone());
    for observed in [false, true] {
        let circuits = CircuitRegistry::with_capacity(config.clone(), 1).unwrap();
        fail(&circuits, 1);
        clock.advance(Duration::from_secs(59));
        if observed {
            assert_eq!(circuits.get(&1).state(), State::HalfOpen);
        }
        circuits.get(&2);
        assert!(circuits.get(&1).try_acquire().is_err());
        clock.advance(Duration::from_secs(1));
        circuits.get(&2);
        assert!(circuits.peek(&1).is_none());
    }
}

thread_local! {
    /// What the trait implementations of a [`Key`] run, one at a time.
    static REENTERS: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
    static REENTERED: Cell<[u32; 5]> = const { Cell::new([0; 5]) };
}

fn reenter(part: usize) {
    let Some(reenters) = REENTERS.try_with(|reenters| reenters.take()).ok().flatten() else { return };
    reenters();
    REENTERED.set(std::array::from_fn(|at| REENTERED.get()[at] + u32::from(at == part)));
    REENTERS.set(Some(reenters));
}

/// A key whose trait implementations use the collection that holds it.
#[derive(Debug)]
struct Key(u32);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        reenter(0);
        // All keys have the same hash, so that they are compared with each other.
        state.write_u32(0);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        reenter(1);
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Clone for Key {
    fn clone(&self) -> Self {
        reenter(2);
        Self(self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reenter(3);
        self.0.fmt(f)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        reenter(4);
    }
}

#[test]
fn the_code_of_a_key_may_use_the_circuits() {
    let (done, is_done) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let circuits = CircuitRegistry::with_capacity(config(&ManualClock::new()), 4).unwrap().named();
        let inner = circuits.clone();
        let turn = Cell::new(0);
        REENTERS.set(Some(Rc::new(move || {
            turn.set((turn.get() + 1) % 7);
            inner.get(&Key(turn.get())).try_acquire().unwrap().success();
            inner.remove(&Key((turn.get() + 3) % 7));
            assert!(inner.states().len() <= 4 && inner.len() <= 4);
        })));
        for key in 0..200 {
            circuits.get(&Key(key % 9)).try_acquire().unwrap().success();
            circuits.peek(&Key(key % 5));
            circuits.states();
            circuits.remove(&Key(key % 11));
            assert!(circuits.len() <= 4);
        }
        REENTERS.take();
        done.send(REENTERED.get()).unwrap();
    });
    let reentered = is_done.recv_timeout(Duration::from_secs(60)).expect("the thread hangs or has panicked");
    assert!(reentered.iter().all(|times| *times > 0), "hash, eq, clone, display, drop: {reentered:?}");
    thread.join().unwrap();
}

#[test]
fn a_key_that_panics_takes_no_room() {
    #[derive(Hash, PartialEq, Eq)]
    struct Panics(u32);
    impl Clone for Panics {
        fn clone(&self) -> Self {
            assert!(self.0 < 100, "by design");
            Self(self.0)
        }
    }
    let circuits = CircuitRegistry::with_capacity(config(&ManualClock::new()), 10).unwrap();
    for key in 100..200 {
        catch_unwind(AssertUnwindSafe(|| circuits.get(&Panics(key)))).unwrap_err();
    }
    assert_eq!(circuits.len(), 0);
    for key in 0..10 {
        open(&circuits.get(&Panics(key)));
    }
    assert!((0..10).all(|key| circuits.get(&Panics(key)).state() == State::Open));
}

#[test]
fn a_key_whose_drop_panics_frees_its_place() {
    let remove = |circuits: &CircuitRegistry<PanicsInDrop>| circuits.remove(&PanicsInDrop(1, false));
    let evict = |circuits: &CircuitRegistry<PanicsInDrop>| drop(circuits.get(&PanicsInDrop(2, false)));
    for leave in [&remove as &dyn Fn(&CircuitRegistry<PanicsInDrop>), &evict] {
        let circuits = CircuitRegistry::with_capacity(config(&ManualClock::new()), 1).unwrap();
        circuits.get(&PanicsInDrop(1, false));
        catch_unwind(AssertUnwindSafe(|| leave(&circuits))).unwrap_err();
        open(&circuits.get(&PanicsInDrop(2, false)));
        assert_eq!((circuits.len(), circuits.get(&PanicsInDrop(2, false)).state()), (1, State::Open));
    }
}

/// The stored clone of key 1 panics when it is dropped.
#[derive(Eq)]
struct PanicsInDrop(u32, bool);

impl Hash for PanicsInDrop {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for PanicsInDrop {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Clone for PanicsInDrop {
    fn clone(&self) -> Self {
        Self(self.0, self.0 == 1)
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        assert!(!self.1, "by design");
    }
}

#[test]
fn a_capacity_of_zero_is_invalid() {
    let refused = CircuitRegistry::<u32>::with_capacity(BreakerConfig::default().fixed(), 0).unwrap_err();
    assert_eq!(refused.to_string(), "`keys` is 0, but must be at least 1");
}

#[test]
fn a_key_uses_at_most_300_bytes_besides_itself() {
    const KEYS: u32 = 100_000;
    let info = allocation_counter::measure(|| {
        let (circuits, _) = circuits(KEYS as usize);
        for key in 0..KEYS {
            circuits.get(&key);
        }
        assert_eq!(circuits.len() as u32, KEYS);
        std::mem::forget(circuits);
    });
    let each = info.bytes_current as f64 / f64::from(KEYS);
    println!("{each:.0} bytes a key");
    assert!(each <= 300.0 + size_of::<u32>() as f64, "{each:.0} bytes a key");
}

#[test]
fn peeking_creates_no_circuit() {
    let (circuits, _) = circuits(100);
    assert!(circuits.is_empty() && circuits.peek(&1).is_none() && circuits.is_empty());
    fail(&circuits, 1);
    assert!(!circuits.is_empty());
    assert_eq!(circuits.peek(&1).map(|circuit| circuit.state()), Some(State::Open));
    assert_eq!(format!("{circuits:?}"), "circuits `breaker`");
}

/// As with a single circuit, a readiness error is the outcome of the call that follows, for that
/// call's key.
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
