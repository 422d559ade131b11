//! Adaptive throttling: Google's *Site Reliability Engineering*, chapter 21.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{AdaptiveThrottle, Mode, OpenDuration, Probes, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls};

const SLICE: Duration = Duration::from_secs(12);
const FAILURE: Verdict = Verdict::transient();

fn throttled(config: BreakerConfig, throttle: AdaptiveThrottle) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    (Circuit::new(config.open_when(TripRule::AdaptiveThrottle(throttle)).clock(clock.clone())), clock)
}

/// Makes this many calls; those that are admitted end with `verdict`. Returns how many were
/// rejected.
fn rejected(circuit: &Circuit, calls: u32, verdict: Verdict) -> u32 {
    let rejected = |_: &u32| circuit.try_acquire().map(|permit| permit.end(verdict)).is_err();
    (0..calls).filter(rejected).count() as u32
}

/// The formula as printed in the book.
fn google_formula(k: f64, requests: f64, accepts: f64) -> f64 {
    ((requests - k * accepts) / (requests + 1.0)).max(0.0)
}

/// In each case, the throttle has counted `accepts + failures` requests, of which the service
/// accepted `accepts`. A running call doesn't count, so the probability stays constant and can be
/// measured.
#[test]
fn the_rejected_share_follows_googles_formula() {
    for (k, accepts, failures) in
        [(2.0, 40, 60), (2.0, 50, 50), (2.0, 10, 90), (1.0, 80, 20), (1.5, 50, 50), (4.0, 26, 74)]
    {
        let mut rejected = 0;
        let rounds = 1_000;
        for round in 0..rounds {
            let (circuit, _clock) = throttled(counted().seed(round), AdaptiveThrottle::GOOGLE.k(k).unwrap());
            // The calls are admitted before any of them has ended, so none is rejected.
            let permits: Vec<_> = (0..accepts + failures).map(|_| circuit.try_acquire().unwrap()).collect();
            for (number, permit) in permits.into_iter().enumerate() {
                permit.end(if number < accepts { Verdict::Success } else { FAILURE });
            }
            rejected += u32::from(circuit.try_acquire().is_err());
        }
        let (measured, expected) = (f64::from(rejected) / rounds as f64, google_formula(k, 100.0, accepts as f64));
        // Six standard deviations of the rejected share in this many rounds.
        let tolerance = 6.0 * (expected * (1.0 - expected) / rounds as f64).sqrt();
        assert!((measured - expected).abs() <= tolerance, "k {k}, {accepts} accepted: {measured}, not {expected}");
    }
}

// A burst of calls to a new circuit. If a call counted when it begins, the second one would be
// rejected with a probability of one half.
#[test]
fn a_burst_of_running_calls_is_not_throttled() {
    let (circuit, _clock) = throttled(counted().seed(1), AdaptiveThrottle::GOOGLE);
    let burst: Vec<_> = (0..1_000).map(|_| circuit.try_acquire().unwrap()).collect();
    burst.into_iter().for_each(|permit| permit.success());
    assert_eq!(rejected(&circuit, 1_000, Verdict::Success), 0);
}

#[test]
fn a_healthy_service_is_never_throttled() {
    let (circuit, clock) = throttled(counted().seed(1), AdaptiveThrottle::GOOGLE);
    for _ in 0..100 {
        assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
        clock.advance(SLICE / 3);
    }
    assert_eq!(rejected(&circuit, 499, FAILURE), 0, "neither is a service that accepts more than half");
    assert_eq!(ended_calls(&circuit), [10_000, 499, 0, 0]);
}

// An outcome that is neutral to the service's health isn't a rejection by the service.
#[test]
fn neutral_and_dropped_calls_do_not_throttle() {
    let (circuit, _clock) = throttled(counted().seed(1), AdaptiveThrottle::GOOGLE);
    assert_eq!(rejected(&circuit, 1_000, Verdict::Neutral), 0);
    (0..1_000).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
}

/// Lets this many windows of two minutes pass, with ten calls in each slice. Returns how many calls
/// were rejected in each window.
fn windows(circuit: &Circuit, clock: &ManualClock, windows: usize, verdict: Verdict) -> Vec<u32> {
    let slice = |_| {
        clock.advance(SLICE);
        rejected(circuit, 10, verdict)
    };
    (0..windows).map(|_| (0..10).map(slice).sum()).collect()
}

// While the service accepts nothing, Google's formula admits about one call per window. If
// rejections didn't count as requests, about fourteen would be admitted, because the number of
// requests would stay small.
#[test]
fn rejections_count_as_requests_and_some_calls_are_admitted() {
    let (circuit, clock) = throttled(counted().seed(1), AdaptiveThrottle::GOOGLE);
    let rejected: u32 = windows(&circuit, &clock, 200, FAILURE).iter().sum();
    let [_, through, ..] = ended_calls(&circuit);
    assert!((100..400).contains(&through), "{through} calls of 20,000 were admitted");
    assert_eq!((circuit.stats().total_rejected, through), (u64::from(rejected), 20_000 - u64::from(rejected)));
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 0));
}

#[test]
fn the_throttle_recovers_with_the_service() {
    let (circuit, clock) = throttled(counted().seed(1), AdaptiveThrottle::GOOGLE);
    assert!(windows(&circuit, &clock, 5, FAILURE)[4] > 90);
    let recovering = windows(&circuit, &clock, 10, Verdict::Success);
    assert!(recovering[0] > recovering[2] && recovering[2] > recovering[4], "the share grows: {recovering:?}");
    assert_eq!(recovering[8..], [0, 0], "{recovering:?}");
}

#[test]
fn an_outage_ends_when_its_last_slice_leaves_the_window() {
    let (circuit, clock) = throttled(counted().seed(1), AdaptiveThrottle::GOOGLE);
    assert!(rejected(&circuit, 1_000, FAILURE) > 900);
    clock.advance(10 * SLICE - Duration::from_micros(1));
    assert!(rejected(&circuit, 50, Verdict::Success) > 40, "the tenth slice still counts");
    clock.advance(10 * SLICE);
    assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
}

// tower 0.5: clones shared one random sequence.
#[test]
fn a_seed_makes_rejections_repeatable_else_they_differ() {
    let play = |config: BreakerConfig| {
        let (circuit, _clock) = throttled(config, AdaptiveThrottle::GOOGLE.k(1.5).unwrap());
        let verdicts = [FAILURE, Verdict::Success, FAILURE].into_iter().cycle().take(300);
        verdicts.map(|verdict| rejected(&circuit, 1, verdict) == 1).collect::<Vec<_>>()
    };
    assert_eq!(play(counted().seed(7)), play(counted().seed(7)));
    assert_ne!(play(counted().seed(7)), play(counted().seed(8)));
    let one = counted();
    assert_ne!(play(one.clone()), play(one));
}

#[test]
fn the_throttle_does_not_change_the_counts_of_other_rules() {
    let window = Window::count(10).unwrap();
    let config = counted().seed(1).open_for(OpenDuration::fixed(SLICE));
    let clock = ManualClock::new();
    let rules = config.open_when(TripRule::AdaptiveThrottle(AdaptiveThrottle::GOOGLE));
    let rules = rules.or_when(TripRule::FailureRate { failing: Ratio::percent(100).unwrap(), window });
    let circuit = Circuit::new(rules.clock(clock.clone()));
    while circuit.state() == State::Closed {
        rejected(&circuit, 1, FAILURE);
    }
    let stats = circuit.stats();
    assert_eq!((stats.total_failures, stats.total_admitted), (10, Some(10)), "a rejection isn't a call in the window");
    assert!(stats.total_rejected > 0, "and some calls were made before it opened");
    clock.advance(SLICE);
    circuit.try_acquire().expect("probes aren't throttled").success();
    assert_eq!((circuit.state(), rejected(&circuit, 100, Verdict::Success)), (State::Closed, 0), "it starts again");
}

#[test]
fn failed_probes_do_not_throttle_later_calls() {
    let clock = ManualClock::new();
    let rules = counted().seed(1).open_when(TripRule::consecutive(1).unwrap());
    let rules =
        rules.or_when(TripRule::AdaptiveThrottle(AdaptiveThrottle::GOOGLE)).open_for(OpenDuration::fixed(SLICE));
    let probes = Probes::failure_rate(100, Ratio::percent(100).unwrap()).unwrap();
    let circuit = Circuit::new(rules.probes(probes).clock(clock.clone()));
    end_calls(&circuit, FAILURE, 1);
    clock.advance(SLICE);
    assert_eq!(rejected(&circuit, 99, FAILURE), 0);
    circuit.try_acquire().expect("the hundredth").success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_mode_overrides_the_throttle() {
    let (circuit, _clock) = throttled(counted().seed(1), AdaptiveThrottle::GOOGLE);
    for mode in [Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled] {
        circuit.set_mode(mode);
        assert_eq!(rejected(&circuit, 1_000, FAILURE), 0, "{mode}");
    }
    circuit.set_mode(Mode::Auto);
    assert_eq!(rejected(&circuit, 1_000, Verdict::Success), 0, "these aren't counted");
    end_calls(&circuit, FAILURE, 1_000);
    circuit.reset();
    assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
}

#[test]
fn throttle_settings_are_validated() {
    for k in [0.99, 1_000.1, f64::NAN, f64::INFINITY, -2.0] {
        assert!(AdaptiveThrottle::GOOGLE.k(k).is_err(), "{k}");
    }
    assert!(AdaptiveThrottle::GOOGLE.k(1.0).is_ok() && AdaptiveThrottle::GOOGLE.k(1_000.0).is_ok());
    assert!(AdaptiveThrottle::GOOGLE.over(Duration::from_millis(9)).is_err());
    assert!(AdaptiveThrottle::GOOGLE.over(Duration::from_millis(10)).is_ok());
}
