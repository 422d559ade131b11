//! Slow start: after a circuit closes, a growing share of the calls is admitted.

use std::time::Duration;

use tower::{Layer, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, State, Verdict,
    breaker::{HalfOpenTimeout, Mode, OpenDuration, Probes, TripRule},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, open};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);
const RAMP: Duration = Duration::from_secs(100);

fn ramping() -> BreakerConfig {
    counted().open_when(first_failure()).open_for(OpenDuration::exponential(HALF_A_MINUTE)).slow_start(RAMP).seed(7)
}

/// A circuit that has just closed, and its clock.
fn just_closed(config: BreakerConfig) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config.clock(clock.clone()));
    open(&circuit);
    clock.advance(circuit.retry_in().unwrap());
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
    (circuit, clock)
}

/// How many of a thousand calls are admitted.
fn admitted_of_a_thousand(circuit: &Circuit) -> u32 {
    (0..1_000).map(|_| circuit.try_acquire().map_or(0, |permit| (permit.success(), 1).1)).sum()
}

// Hystrix#1647: load returns slowly instead of all at once.
#[test]
fn the_admitted_share_grows_evenly_from_none_to_all() {
    let (circuit, clock) = just_closed(ramping());
    assert_eq!(admitted_of_a_thousand(&circuit), 0);
    for tenth in 1..10 {
        clock.advance(RAMP / 10);
        let admitted = admitted_of_a_thousand(&circuit);
        assert!(admitted.abs_diff(100 * tenth) < 60, "{admitted} after {tenth} tenths");
    }
    clock.advance(RAMP / 10 - Duration::from_millis(1));
    assert!(admitted_of_a_thousand(&circuit) > 990);
    clock.advance(Duration::from_millis(1));
    assert_eq!(admitted_of_a_thousand(&circuit), 1_000);
    assert_eq!(circuit.stats().transitions, 3, "the end of slow start isn't a transition");
}

#[test]
fn a_circuit_without_slow_start_admits_all_calls() {
    assert_eq!(admitted_of_a_thousand(&Circuit::new(ramping())), 1_000);
    let (circuit, _clock) = just_closed(counted().open_when(first_failure()));
    assert_eq!(admitted_of_a_thousand(&circuit), 1_000);
}

#[test]
fn a_seed_makes_the_admitted_calls_repeatable() {
    let lucky = |seed| {
        let (circuit, clock) = just_closed(ramping().seed(seed));
        clock.advance(RAMP / 2);
        (0..64).fold(0, |calls: u64, _| calls << 1 | u64::from(circuit.try_acquire().is_ok()))
    };
    assert_eq!(lucky(1), lucky(1));
    assert_ne!(lucky(1), lucky(2));
}

#[test]
fn a_call_rejected_by_slow_start_gets_a_rejection() {
    let (circuit, _clock) = just_closed(ramping());
    let rejection = circuit.try_acquire().unwrap_err();
    assert_eq!((rejection.state(), rejection.retry_in()), (State::Closed, None));
    assert_eq!(rejection.to_string(), "circuit `breaker` admits only a share of the calls");
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Closed, None));
    assert_eq!(circuit.stats().total_rejected, 1);
}

#[test]
fn a_failure_reopens_it_and_the_next_closing_starts_slowly() {
    let (circuit, clock) = just_closed(ramping());
    clock.advance(RAMP / 2);
    let lucky = std::iter::from_fn(|| Some(circuit.try_acquire())).find_map(Result::ok).unwrap();
    lucky.failure();
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.openings_in_a_row, stats.retry_in), (State::Open, 1, Some(HALF_A_MINUTE)));
    clock.advance(HALF_A_MINUTE);
    circuit.try_acquire().unwrap().success();
    assert_eq!(admitted_of_a_thousand(&circuit), 0, "from the beginning");
    clock.advance(RAMP / 4);
    assert!(admitted_of_a_thousand(&circuit).abs_diff(250) < 60);
}

#[test]
fn the_end_of_slow_start_keeps_the_failures_in_a_row() {
    let (circuit, clock) = just_closed(ramping().open_when(TripRule::consecutive(2).unwrap()));
    clock.advance(RAMP - Duration::from_millis(1));
    end_calls(&circuit, Verdict::transient(), 1);
    let of_the_ramp = circuit.try_acquire().unwrap();
    clock.advance(Duration::from_millis(1));
    assert_eq!(circuit.state(), State::Closed);
    of_the_ramp.failure();
    assert_eq!(circuit.state(), State::Open, "a call during slow start belongs to the same generation");
}

#[test]
fn closing_by_the_half_open_limit_starts_slowly_too() {
    let clock = ManualClock::new();
    let probes = Probes::one().max_half_open(Duration::from_secs(8), HalfOpenTimeout::Close).unwrap();
    let circuit = Circuit::new(ramping().probes(probes).clock(clock.clone()));
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let _lost = circuit.try_acquire().unwrap();
    clock.advance(Duration::from_secs(8));
    assert_eq!(admitted_of_a_thousand(&circuit), 0);
    clock.advance(RAMP / 2);
    assert!(admitted_of_a_thousand(&circuit).abs_diff(500) < 60);
}

#[test]
fn a_change_of_mode_ends_slow_start() {
    for mode in [Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled] {
        let (circuit, _clock) = just_closed(ramping());
        circuit.set_mode(mode);
        circuit.try_acquire().unwrap().success();
        circuit.reset();
        circuit.try_acquire().unwrap().success();
        assert_eq!(ended_calls(&circuit), [3, 1, 0, 0]);
    }
    let (circuit, _clock) = just_closed(ramping());
    circuit.reset();
    assert_eq!(admitted_of_a_thousand(&circuit), 1_000);
}

#[test]
fn a_running_slow_start_uses_new_settings() {
    let (circuit, clock) = just_closed(ramping());
    clock.advance(RAMP / 4);
    circuit.reconfigure(ramping().slow_start(RAMP / 2));
    assert!(admitted_of_a_thousand(&circuit).abs_diff(500) < 60, "half of the shorter one has passed");
    circuit.reconfigure(ramping().slow_start(2 * RAMP));
    assert!(admitted_of_a_thousand(&circuit).abs_diff(125) < 60);
    circuit.reconfigure(ramping().slow_start(Duration::ZERO));
    assert_eq!(admitted_of_a_thousand(&circuit), 1_000);
}

#[test]
fn slow_start_continues_when_windows_change() {
    let (circuit, clock) = just_closed(ramping());
    clock.advance(RAMP / 4);
    let window = tower_recourse::breaker::Window::count(10).unwrap();
    let rule = TripRule::FailureRate { failing: tower_recourse::Ratio::HALF, window };
    circuit.reconfigure(ramping().or_when(rule));
    assert!(admitted_of_a_thousand(&circuit).abs_diff(250) < 60);
    clock.advance(RAMP / 4);
    assert!(admitted_of_a_thousand(&circuit).abs_diff(500) < 60);
    clock.advance(RAMP / 2);
    assert_eq!(admitted_of_a_thousand(&circuit), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_service_is_admitted_eventually() {
    let circuit = Circuit::new(ramping());
    open(&circuit);
    let echo = service_fn(|()| async { Ok::<_, &str>(()) });
    let mut service = BreakerLayer::on(&circuit).wait_when_open().layer(echo);
    service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
    let closed = tokio::time::Instant::now();
    service.ready().await.unwrap().call(()).await.unwrap();
    assert!((Duration::ZERO..RAMP).contains(&closed.elapsed()), "{:?}", closed.elapsed());
    assert_eq!(circuit.stats().total_rejected, 0);
}
