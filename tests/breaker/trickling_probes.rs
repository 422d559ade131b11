//! Trickling probes, and the hints of a half-open circuit.

use std::{sync::Arc, thread, time::Duration};

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{CancelledCalls, HalfOpenTimeout, Mode, OpenDuration, Permit, Probes, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, open};
use crate::scripted::{EventLog, ms, secs};

/// Opens at the first failure for one second, and then admits one probe per second.
fn trickling() -> BreakerConfig {
    counted()
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(secs(1)))
        .probes(Probes::trickle())
}

/// A circuit whose open duration has ended.
fn ready_to_probe(config: BreakerConfig) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config.clock(clock.clone()));
    open(&circuit);
    clock.advance(circuit.retry_in().unwrap());
    (circuit, clock)
}

/// Admits this many probes, none of which returns.
fn hanging(circuit: &Circuit, clock: &ManualClock, probes: usize) -> Vec<Permit> {
    let admit = |_| {
        let probe = circuit.try_acquire().unwrap();
        assert!(circuit.try_acquire().is_err(), "one probe per interval");
        clock.advance(secs(1));
        probe
    };
    (0..probes).map(admit).collect()
}

#[test]
fn one_probe_per_interval_is_admitted() {
    let (circuit, clock) = ready_to_probe(trickling());
    let first = circuit.try_acquire().unwrap();
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(secs(1) - Duration::from_micros(1));
    assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), Some(Duration::from_micros(1)));
    clock.advance(Duration::from_micros(1));
    let second = circuit.try_acquire().unwrap();
    assert!(circuit.try_acquire().is_err());
    drop((first, second));
}

#[test]
fn the_success_of_any_probe_closes_the_circuit() {
    for which in 0..3 {
        let (circuit, clock) = ready_to_probe(trickling());
        let mut probes = hanging(&circuit, &clock, 3);
        probes.remove(which).success();
        assert_eq!(circuit.state(), State::Closed);
        probes.into_iter().for_each(Permit::failure);
        assert_eq!(circuit.state(), State::Closed, "late results don't count");
    }
}

#[test]
fn a_failed_probe_opens_until_its_interval_ends() {
    let events = EventLog::default();
    let (circuit, clock) = ready_to_probe(trickling().observe(events.observer()));
    let probe = circuit.try_acquire().unwrap();
    clock.advance(ms(300));
    events.clear();
    probe.failure();
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(ms(700))));
    assert!(events.last_has(&["CircuitOpened", "open_for: 700ms", "openings_in_a_row: 2"]));
    clock.advance(ms(700));
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_probe_that_fails_after_its_interval_is_followed_at_once() {
    let events = EventLog::default();
    let (circuit, clock) = ready_to_probe(trickling().observe(events.observer()));
    let probe = circuit.try_acquire().unwrap();
    clock.advance(secs(5));
    probe.failure();
    assert!(events.last_has(&["CircuitOpened", "open_for: 0ns", "openings_in_a_row: 2"]));
    let next = circuit.try_acquire().unwrap();
    assert!(circuit.try_acquire().is_err());
    next.success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_failure_beside_other_probes_only_counts() {
    let (circuit, clock) = ready_to_probe(trickling());
    let mut probes = hanging(&circuit, &clock, 2);
    let admitted_at_once = circuit.try_acquire().unwrap();
    probes.remove(0).failure();
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.window.calls, stats.window.failures), (State::HalfOpen, 1, 1));
    assert!(circuit.try_acquire().is_err(), "it frees nothing");
    probes.remove(0).failure();
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(ms(400));
    admitted_at_once.failure();
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(ms(600))));
}

#[test]
fn neutral_and_dropped_probes_free_nothing() {
    for end in [Permit::neutral, drop] {
        let (circuit, clock) = ready_to_probe(trickling());
        end(circuit.try_acquire().unwrap());
        assert_eq!(circuit.state(), State::HalfOpen);
        clock.advance(ms(999));
        assert!(circuit.try_acquire().is_err());
        clock.advance(ms(1));
        circuit.try_acquire().unwrap().success();
        assert_eq!(circuit.state(), State::Closed);
    }
}

#[test]
fn probes_that_are_all_dropped_open_it_again() {
    let (circuit, clock) = ready_to_probe(trickling());
    for _ in 0..3 {
        assert_ne!(circuit.state(), State::Open);
        drop(circuit.try_acquire().unwrap());
        clock.advance(ms(999));
        assert!(circuit.try_acquire().is_err());
        clock.advance(ms(1));
    }
    assert_eq!(circuit.stats().openings_in_a_row, 4, "three intervals, and the opening that the drops made");
}

#[test]
fn a_new_probe_is_admitted_after_255_that_hang() {
    let (circuit, clock) = ready_to_probe(trickling());
    let lost = hanging(&circuit, &clock, 255);
    let of_a_new_round = circuit.try_acquire().unwrap();
    lost.into_iter().for_each(Permit::success);
    assert_eq!(circuit.state(), State::HalfOpen, "the results of the earlier round are ignored");
    assert!(circuit.try_acquire().is_err());
    of_a_new_round.success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn intervals_grow_like_openings() {
    let (circuit, clock) = ready_to_probe(trickling().open_for(OpenDuration::exponential(secs(1)).max(secs(60))));
    let mut hang = Vec::new();
    for seconds in [2, 4, 8, 16] {
        hang.push(circuit.try_acquire().unwrap());
        clock.advance(secs(seconds) - ms(1));
        assert!(circuit.try_acquire().is_err(), "{seconds} s");
        clock.advance(ms(1));
    }
    assert_eq!(circuit.stats().openings_in_a_row, 4);
    hang.push(circuit.try_acquire().unwrap());
    hang.into_iter().for_each(Permit::failure);
    assert_eq!((circuit.retry_in(), circuit.stats().openings_in_a_row), (Some(secs(32)), 6));
}

#[test]
fn intervals_are_a_share_of_the_failing_time() {
    let tenth = OpenDuration::share_of_failing_time(Ratio::percent(10).unwrap());
    let (circuit, clock) = ready_to_probe(trickling().open_for(tenth));
    clock.advance(ms(9_900));
    let _hangs = circuit.try_acquire().unwrap();
    clock.advance(ms(999));
    assert!(circuit.try_acquire().is_err(), "a tenth of 10 s");
    clock.advance(ms(1));
    let _hangs = circuit.try_acquire().unwrap();
    clock.advance(ms(1_099));
    assert!(circuit.try_acquire().is_err(), "a tenth of 11 s");
    clock.advance(ms(1));
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn each_interval_has_its_own_jitter() {
    let open_for = OpenDuration::fixed(secs(1)).jitter(Ratio::percent(20).unwrap());
    let (circuit, clock) = ready_to_probe(trickling().open_for(open_for).seed(1));
    let (mut hang, mut lengths) = (vec![circuit.try_acquire().unwrap()], Vec::new());
    for _ in 0..10 {
        let mut length = Duration::ZERO;
        let next = loop {
            match circuit.try_acquire() {
                Ok(next) => break next,
                Err(_) => clock.advance(ms(1)),
            }
            length += ms(1);
        };
        hang.push(next);
        lengths.push(length);
        assert!((ms(800)..=ms(1_200)).contains(&length), "{length:?}");
    }
    lengths.dedup();
    assert!(lengths.len() >= 9, "{lengths:?}");
}

#[test]
fn a_failed_probe_opens_for_as_long_as_it_asks() {
    let (circuit, _clock) =
        ready_to_probe(trickling().open_for(OpenDuration::fixed(secs(1)).honor_retry_after(secs(60))));
    circuit.try_acquire().unwrap().end(Verdict::transient().retry_after(secs(7)));
    assert_eq!(circuit.retry_in(), Some(secs(7)));
}

#[test]
fn a_slow_success_does_not_close_with_a_slow_call_rule() {
    let slow = TripRule::SlowCallRate { longer_than: ms(100), share: Ratio::HALF, window: Window::count(1).unwrap() };
    let (circuit, clock) = ready_to_probe(trickling().or_when(slow));
    let probe = circuit.try_acquire().unwrap();
    clock.advance(ms(101));
    probe.success();
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(ms(899))));
}

#[test]
fn the_half_open_limit_ends_trickling() {
    let probes = Probes::trickle().max_half_open(ms(2_500), HalfOpenTimeout::Close).unwrap();
    let (circuit, clock) = ready_to_probe(trickling().probes(probes));
    let _hang = hanging(&circuit, &clock, 2);
    clock.advance(ms(500));
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn slow_start_follows_trickling() {
    let (circuit, clock) = ready_to_probe(trickling().slow_start(secs(10)));
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
    assert!(circuit.try_acquire().is_err(), "at first, none is admitted");
    clock.advance(secs(10));
    assert!(circuit.try_acquire().is_ok());
}

#[test]
fn requests_are_not_probes_if_external_probes_trickle() {
    let (circuit, clock) = ready_to_probe(trickling().probes(Probes::trickle().external_only()));
    assert!(circuit.try_acquire().is_err());
    let probe = |result: Result<(), &'static str>| {
        tokio_test::task::spawn(circuit.probe(move || std::future::ready(result))).poll()
    };
    assert!(probe(Err("down")).is_ready());
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(secs(1))));
    clock.advance(secs(1));
    assert!(circuit.try_acquire().is_err());
    assert!(probe(Ok(())).is_ready());
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_kept_probe_has_its_lease_and_not_an_interval() {
    let probes = Probes::trickle().external_only().lease(secs(5)).unwrap();
    let circuit = Circuit::new(trickling().probes(probes));
    let probing = circuit.clone();
    let health = || async {
        tokio::time::sleep(secs(3)).await;
        Ok::<(), &str>(())
    };
    let task = tokio::spawn(async move { probing.run_health_probe(health).await });
    open(&circuit);
    tokio::time::sleep(secs(6)).await;
    assert_eq!(circuit.state(), State::Closed, "a check of 3 s within an interval of 1 s");
    task.abort();
}

#[test]
fn a_blocking_call_is_a_probe() {
    let (circuit, clock) = ready_to_probe(trickling());
    assert!(circuit.call_blocking(|| Err::<(), _>("down")).is_err());
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(secs(1))));
    clock.advance(secs(1));
    assert!(circuit.call_blocking(|| Ok::<_, &str>(())).is_ok());
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_restored_half_open_circuit_admits_a_probe_at_once() {
    let (circuit, _clock) = ready_to_probe(trickling());
    let _hangs = circuit.try_acquire().unwrap();
    let clock = ManualClock::new();
    let restored = Circuit::new(trickling().clock(clock.clone()));
    restored.restore(&circuit.snapshot(), secs(5));
    let _probe = restored.try_acquire().unwrap();
    assert!(restored.try_acquire().is_err());
    clock.advance(secs(1));
    restored.try_acquire().unwrap().success();
    assert_eq!(restored.state(), State::Closed);
}

#[test]
fn an_unlimited_interval_is_a_lease() {
    let probes = Probes::trickle().lease(secs(5)).unwrap();
    let (circuit, _clock) = ready_to_probe(trickling());
    let clock = ManualClock::new();
    let forever = trickling().open_for(OpenDuration::until_reset()).probes(probes).clock(clock.clone());
    let restored = Circuit::new(forever);
    restored.restore(&circuit.snapshot(), secs(5));
    let _hangs = restored.try_acquire().unwrap();
    clock.advance(secs(5) - ms(1));
    assert!(restored.try_acquire().is_err());
    clock.advance(ms(1));
    let probe = restored.try_acquire().unwrap();
    drop(_hangs);
    probe.failure();
    assert_eq!((restored.state(), restored.retry_in()), (State::Open, None));
}

#[test]
fn a_mode_ends_trickling() {
    let (circuit, clock) = ready_to_probe(trickling());
    let hang = hanging(&circuit, &clock, 2);
    circuit.set_mode(Mode::MetricsOnly);
    hang.into_iter().for_each(Permit::failure);
    assert_eq!(circuit.state(), State::Closed);
    circuit.set_mode(Mode::Auto);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_dropped_probe_is_a_failure_if_so_configured() {
    let (circuit, _clock) = ready_to_probe(trickling().on_cancelled(CancelledCalls::Failure));
    drop(circuit.try_acquire().unwrap());
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(secs(1))));
}

#[test]
fn trickling_probes_have_no_limit_of_concurrency() {
    let refused = Probes::trickle().max_concurrent(2).unwrap_err().to_string();
    assert_eq!(refused, "`max_concurrent` is 2, but must be left out if probes trickle");
}

#[test]
fn one_of_many_threads_is_admitted_per_interval() {
    let (circuit, clock) = ready_to_probe(trickling());
    for _ in 0..50 {
        let admitted = thread::scope(|scope| {
            let ask = || scope.spawn(|| circuit.try_acquire().ok());
            let threads: Vec<_> = (0..4).map(|_| ask()).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(admitted.len(), 1);
        clock.advance(secs(1));
    }
}

/// A half-open circuit whose only probe has 30 s left to return.
fn probing() -> (Circuit, ManualClock, Permit) {
    let (circuit, clock) = ready_to_probe(trickling().probes(Probes::one()));
    let probe = circuit.try_acquire().unwrap();
    (circuit, clock, probe)
}

#[test]
fn six_callers_at_one_instant_get_six_hints() {
    let (circuit, _clock, _probe) = probing();
    let mut hints: Vec<_> = (0..6).map(|_| circuit.try_acquire().unwrap_err().retry_in().unwrap()).collect();
    assert!(hints.iter().all(|hint| (ms(50)..=ms(150)).contains(hint)), "{hints:?}");
    hints.sort_unstable();
    hints.dedup();
    assert_eq!(hints.len(), 6);
}

#[test]
fn hints_use_the_whole_range() {
    let (circuit, clock, _probe) = probing();
    let mut tenths = [0; 10];
    for _ in 0..2_000 {
        clock.advance(Duration::from_micros(7));
        let hint = circuit.retry_in().unwrap() - ms(50);
        tenths[hint.as_micros() as usize / 10_001] += 1;
    }
    assert!(tenths.into_iter().all(|hints| (100..300).contains(&hints)), "{tenths:?}");
}

#[test]
fn threads_at_one_instant_get_different_hints() {
    let (circuit, _clock, _probe) = probing();
    let circuit = Arc::new(circuit);
    let ask = || {
        let circuit = Arc::clone(&circuit);
        thread::spawn(move || circuit.retry_in().unwrap())
    };
    let threads: Vec<_> = (0..6).map(|_| ask()).collect();
    let mut hints: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    hints.sort_unstable();
    hints.dedup();
    assert!(hints.len() >= 5, "{hints:?}");
}

#[test]
fn a_hint_is_never_after_the_lease() {
    let (circuit, clock, _probe) = probing();
    clock.advance(secs(30) - ms(2));
    assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), Some(ms(2)));
}
