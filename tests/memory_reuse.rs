//! A circuit's memory is recycled, and the circuit that used it before has no effect on the next
//! one.

#[path = "support/circuits.rs"]
mod circuits;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio_test::{assert_pending, task};
use tower::{Layer, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Ratio, State, Verdict,
    breaker::{OpenDuration, Probes, TripRule, Window, WindowStats},
    observe::{Event, Observer},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, open};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// A window that no other test uses. Circuits with the same window share recycled memory, so this
/// memory passes from circuit to circuit in the order of the test.
fn own_memory(calls: u32) -> BreakerConfig {
    let window = Window::count(calls).unwrap().minimum(1).unwrap();
    counted().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
}

#[test]
fn circuits_created_one_by_one_use_the_memory_of_one() {
    let round = || open(&Circuit::new(own_memory(1_001)));
    round();
    let counted = allocation_counter::measure(|| (0..100_000).for_each(|_| round()));
    assert_eq!((counted.count_current, counted.bytes_current), (0, 0));
}

#[test]
fn as_many_are_kept_as_existed_at_once() {
    let ten = || drop((0..10).map(|_| Circuit::new(own_memory(1_002))).collect::<Vec<_>>());
    ten();
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| ten()));
    assert_eq!(counted.bytes_current, 0);
}

// A former bug: if a circuit without a window got one later, its memory was recycled only for
// circuits with that window, and the next circuit without a window had to allocate.
#[test]
fn circuits_that_change_windows_use_the_memory_of_one() {
    let without = || counted().open_when(tower_recourse::breaker::TripRule::consecutive(1).unwrap());
    let round = || {
        for (first, then) in
            [(without(), own_memory(1_011)), (own_memory(1_012), without()), (own_memory(1_012), own_memory(1_013))]
        {
            let circuit = Circuit::new(first);
            circuit.reconfigure(then);
            open(&circuit);
        }
    };
    round();
    let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| round()));
    assert_eq!(counted.bytes_current, 0);
}

#[test]
fn calls_that_outlive_their_circuit_end_without_effect() {
    let mut pending = Vec::new();
    for _ in 0..4 {
        let mut service =
            BreakerLayer::new(own_memory(1_003)).layer(service_fn(|()| std::future::pending::<Result<(), &str>>()));
        let mut call = task::spawn(service.call(()));
        assert_pending!(call.poll());
        pending.push(call);
    }
    let layer = BreakerLayer::new(own_memory(1_003));
    let mut service = layer.layer(service_fn(|response: Result<(), String>| async move {
        tokio::task::yield_now().await;
        response
    }));
    let mut failing = task::spawn(service.call(Err("down".to_owned())));
    assert_pending!(failing.poll());
    drop((layer, service));

    let next = Circuit::new(own_memory(1_003));
    drop(pending);
    assert_eq!(tokio_test::block_on(failing).unwrap_err().into_inner().unwrap(), "down");
    assert_eq!((next.state(), ended_calls(&next), next.stats().window.calls), (State::Closed, [0; 4], 0));
}

#[test]
fn an_old_permit_does_not_affect_the_next_circuit() {
    let old = || {
        let circuit = Circuit::new(own_memory(1_004));
        std::array::from_fn::<_, 4, _>(|_| circuit.try_acquire().unwrap())
    };
    let end = |[success, failure, neutral, dropped]: [tower_recourse::breaker::Permit; 4]| {
        success.success();
        failure.failure();
        neutral.neutral();
        drop(dropped);
    };
    let (while_closed, while_open, while_half_open) = (old(), old(), old());
    let clock = ManualClock::new();
    let circuit = Circuit::new(own_memory(1_004).clock(clock.clone()));
    end_calls(&circuit, Verdict::Success, 3);
    end(while_closed);
    assert_eq!((circuit.stats().window.calls, circuit.stats().window.failures), (3, 0));
    open(&circuit);
    end(while_open);
    assert_eq!(circuit.retry_in(), Some(HALF_A_MINUTE));
    clock.advance(HALF_A_MINUTE);
    let _probe = circuit.try_acquire().unwrap();
    end(while_half_open);
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.try_acquire().unwrap_err();
    assert_eq!(circuit.stats().total_successes, Some(3));
}

#[test]
fn a_circuit_in_recycled_memory_starts_fresh() {
    let old = Circuit::new(own_memory(1_005));
    end_calls(&old, Verdict::transient(), 1);
    assert_eq!(old.state(), State::Open);
    drop(old);
    let stats = Circuit::new(own_memory(1_005).name("next")).stats();
    assert_eq!((stats.name.as_str(), stats.state, stats.window.calls), ("next", State::Closed, 0));
    assert_eq!((stats.total_failures, stats.total_admitted, stats.transitions), (0, Some(0), 0));
}

#[test]
fn an_observer_may_read_and_drop_its_circuit() {
    let held = Arc::new(Mutex::new(None::<Circuit>));
    let (handle, seen) = (Arc::clone(&held), Arc::new(Mutex::new(Vec::new())));
    let sees = Arc::clone(&seen);
    let config = own_memory(1_006).observe(move |_: &Event<'_>| {
        let last_handle = handle.lock().unwrap().take();
        sees.lock().unwrap().push(last_handle.map(|circuit| circuit.stats().transitions));
    });
    let circuit = Circuit::new(config);
    let permit = circuit.try_acquire().unwrap();
    *held.lock().unwrap() = Some(circuit);
    permit.failure();
    assert_eq!(*seen.lock().unwrap(), [Some(1), None], "the failure, and the opening after the last handle");
    assert_eq!(Circuit::new(own_memory(1_006)).state(), State::Closed);
}

/// An observer whose destructor reconfigures another circuit.
struct Reconfigures(Circuit);

impl Observer for Reconfigures {
    fn on_event(&self, _: &Event<'_>) {}
}

impl Drop for Reconfigures {
    fn drop(&mut self) {
        self.0.reconfigure(own_memory(1_015).name("exchanged"));
    }
}

/// Calls `run` on another thread, and fails if that takes longer than a minute.
fn finishes(run: impl FnOnce() + Send + 'static) {
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        run();
        done.send(()).unwrap();
    });
    if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(Duration::from_secs(60)) {
        panic!("the test hangs");
    }
    thread.join().unwrap();
}

#[test]
fn an_observer_may_reconfigure_circuits_in_its_drop() {
    finishes(|| {
        let other = Circuit::new(own_memory(1_016));
        let circuit = Circuit::new(own_memory(1_017).observe(Reconfigures(other.clone())));
        circuit.reconfigure(own_memory(1_018));
        assert_eq!(other.name().as_str(), "exchanged", "dropped by a reconfiguration");
        let circuit = Circuit::new(own_memory(1_017).observe(Reconfigures(circuit)));
        drop(circuit);
        let last = Circuit::new(own_memory(1_017).observe(Reconfigures(other)));
        let permit = last.try_acquire().unwrap();
        drop(last);
        drop(permit);
    });
}

/// A circuit drops a custom rule when a new config replaces its settings.
#[test]
fn a_rule_may_create_and_drop_circuits_in_its_drop() {
    struct Makes;
    impl Drop for Makes {
        fn drop(&mut self) {
            let circuit = Circuit::new(own_memory(1_019));
            circuit.reconfigure(own_memory(1_020));
        }
    }
    let rule = || {
        let makes = Makes;
        let opens = move |_: u32, _: &WindowStats| {
            let _ = &makes;
            false
        };
        counted().open_when(TripRule::custom(Window::count(1_021).unwrap(), opens))
    };
    finishes(move || {
        let circuit = Circuit::new(rule());
        circuit.reconfigure(rule());
        circuit.reconfigure(own_memory(1_022));
        assert_eq!(circuit.state(), State::Closed);
    });
}

/// Each time that a circuit stores is tagged with the last 16 bits of its generation. In recycled
/// memory, the tags repeat after 65,536 generations. Each circuit uses at least one generation.
fn check_repeated_time_tags(before: impl Fn(BreakerConfig), first_window: u32) {
    // How many circuits it takes until the tag repeats depends on how many generations the first
    // circuit used.
    for generations in 0..6 {
        let config = || own_memory(first_window + generations);
        before(config());
        for _ in 0..(1 << 16) - generations {
            drop(Circuit::new(config()));
        }
        let circuit = Circuit::new(config().clock(ManualClock::new()));
        open(&circuit);
        assert_eq!(circuit.retry_in(), Some(HALF_A_MINUTE), "{generations} generations before");
    }
}

// A former bug: in one of 65,536 generations, a time that was never set was read as "never".
#[test]
fn a_time_that_was_never_set_is_ignored() {
    check_repeated_time_tags(|config| drop(Circuit::new(config)), 1_100);
}

// Stored times are relative to the creation of their circuit, so those of the former circuit mean
// nothing to the next one.
#[test]
fn times_of_the_former_circuit_are_ignored() {
    let opens_after_an_hour = |config: BreakerConfig| {
        let clock = ManualClock::new();
        let circuit = Circuit::new(config.clock(clock.clone()));
        clock.advance(Duration::from_secs(3_600));
        open(&circuit);
    };
    check_repeated_time_tags(opens_after_an_hour, 1_200);
}

#[test]
fn seeded_jitter_is_repeatable_in_recycled_memory() {
    let times = || {
        let clock = ManualClock::new();
        let open_for = OpenDuration::exponential(Duration::from_secs(10)).jitter(Ratio::HALF);
        let circuit = Circuit::new(own_memory(1_008).open_for(open_for).seed(7).clock(clock.clone()));
        open(&circuit);
        (0..5).map(|_| fail_a_probe(&circuit, &clock)).collect::<Vec<_>>()
    };
    assert_eq!(times(), times());
}

// tower 0.5: clones shared one random sequence, so clients that opened together retried together.
#[test]
fn circuits_of_one_config_have_different_jitter() {
    let config = own_memory(1_009).open_for(OpenDuration::fixed(HALF_A_MINUTE).jitter(Ratio::HALF));
    let circuits: Vec<_> = (0..10).map(|_| Circuit::new(config.clone().clock(ManualClock::new()))).collect();
    let mut times: Vec<_> = circuits.iter().inspect(|circuit| open(circuit)).map(Circuit::retry_in).collect();
    times.sort();
    times.dedup();
    assert_eq!(times.len(), 10);
}

#[test]
fn the_open_duration_grows_to_its_bound_and_restarts() {
    let seconds = Duration::from_secs;
    let times = |open_for, probes| {
        let clock = ManualClock::new();
        let circuit = Circuit::new(own_memory(1_010).open_for(open_for).probes(probes).clock(clock.clone()));
        open(&circuit);
        let times: Vec<_> = (0..70).map(|_| fail_a_probe(&circuit, &clock)).collect();
        clock.advance(*times.last().unwrap());
        clock.advance(seconds(3_600));
        circuit.try_acquire().unwrap().success();
        open(&circuit);
        (times, circuit.retry_in().unwrap())
    };
    let (doubled, again) = times(OpenDuration::exponential(seconds(1)).max(seconds(100)), Probes::one());
    assert_eq!(doubled[..8], [1, 2, 4, 8, 16, 32, 64, 100].map(seconds));
    assert_eq!((doubled[69], again), (seconds(100), seconds(1)), "the count of openings stops at 63");
    let (linear, again) = times(OpenDuration::linear(seconds(10)), Probes::one());
    assert_eq!(linear[..3], [10, 20, 30].map(seconds));
    assert_eq!((linear[29], linear[69], again), (seconds(300), seconds(300), seconds(10)));
    let (jittered, _) = times(OpenDuration::exponential(seconds(1)).max(seconds(8)).jitter(Ratio::HALF), Probes::one());
    for (time, base) in jittered.iter().zip([1.0_f64, 2.0, 4.0].into_iter().chain(std::iter::repeat(8.0))) {
        assert!((base * 0.5 - 1e-5..=(base * 1.5).min(8.0)).contains(&time.as_secs_f64()), "{time:?} for {base} s");
    }
}

/// Waits until the circuit's open duration has ended, and fails a probe, which reopens it. Returns
/// the open duration.
fn fail_a_probe(circuit: &Circuit, clock: &ManualClock) -> Duration {
    let time = circuit.retry_in().unwrap();
    clock.advance(time);
    circuit.try_acquire().unwrap().failure();
    time
}
