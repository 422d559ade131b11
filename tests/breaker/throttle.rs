//! Adaptive throttling: Google's *Site Reliability Engineering*, chapter 21.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{Mode, OpenFor, OpenRule, Probes, Throttle, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_all, endings};

const SLICE: Duration = Duration::from_secs(12);
const FAILURE: Verdict = Verdict::transient();

fn throttled(config: BreakerConfig, throttle: Throttle) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    (Circuit::new(config.open_when(OpenRule::Throttle(throttle)).clock(clock.clone())), clock)
}

/// Of so many calls that want in, how many are rejected. Those that aren't end like this.
fn rejected(circuit: &Circuit, calls: u32, verdict: Verdict) -> u32 {
    let rejected = |_: &u32| circuit.admit().map(|permit| permit.end(verdict)).is_err();
    (0..calls).filter(rejected).count() as u32
}

/// The formula as it is printed.
fn googles(k: f64, requests: f64, accepts: f64) -> f64 {
    ((requests - k * accepts) / (requests + 1.0)).max(0.0)
}

/// A throttle that has seen so many requests, of which so many were accepted. Who is admitted tells nothing while it is on its way, so
/// the probability stands still and can be measured.
#[test]
fn the_share_that_is_rejected_is_googles() {
    for (k, accepts, failures) in
        [(2.0, 40, 60), (2.0, 50, 50), (2.0, 10, 90), (1.0, 80, 20), (1.5, 50, 50), (4.0, 26, 74)]
    {
        let mut rejected = 0;
        let rounds = 1_000;
        for round in 0..rounds {
            let (circuit, _clock) = throttled(counted().seed(round), Throttle::GOOGLE.k(k).unwrap());
            // Let in before anything is known, so that none of them is rejected.
            let permits: Vec<_> = (0..accepts + failures).map(|_| circuit.admit().unwrap()).collect();
            for (number, permit) in permits.into_iter().enumerate() {
                permit.end(if number < accepts { Verdict::Success } else { FAILURE });
            }
            rejected += u32::from(circuit.admit().is_err());
        }
        let (measured, expected) = (f64::from(rejected) / rounds as f64, googles(k, 100.0, accepts as f64));
        // Six standard deviations of what so many rounds measure.
        let tolerance = 6.0 * (expected * (1.0 - expected) / rounds as f64).sqrt();
        assert!((measured - expected).abs() <= tolerance, "k {k}, {accepts} accepted: {measured}, not {expected}");
    }
}

// A cold start with calls at once: counted when they begin, the second of them would be rejected by half.
#[test]
fn a_burst_of_calls_on_their_way_is_not_held_against_the_service() {
    let (circuit, _clock) = throttled(counted().seed(1), Throttle::GOOGLE);
    let burst: Vec<_> = (0..1_000).map(|_| circuit.admit().unwrap()).collect();
    burst.into_iter().for_each(|permit| permit.success());
    assert_eq!(rejected(&circuit, 1_000, Verdict::Success), 0);
}

#[test]
fn a_healthy_service_is_never_throttled() {
    let (circuit, clock) = throttled(counted().seed(1), Throttle::GOOGLE);
    for _ in 0..100 {
        assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
        clock.advance(SLICE / 3);
    }
    assert_eq!(rejected(&circuit, 499, FAILURE), 0, "nor is one that accepts more than half");
    assert_eq!(endings(&circuit), [10_000, 499, 0, 0]);
}

// What says nothing about the service's health is no refusal by it.
#[test]
fn neutral_and_dropped_calls_throttle_nobody() {
    let (circuit, _clock) = throttled(counted().seed(1), Throttle::GOOGLE);
    assert_eq!(rejected(&circuit, 1_000, Verdict::Neutral), 0);
    (0..1_000).for_each(|_| drop(circuit.admit().unwrap()));
    assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
}

/// So many windows of two minutes go by, with ten calls in each slice of them. How many are rejected, window by window.
fn windows(circuit: &Circuit, clock: &ManualClock, windows: usize, verdict: Verdict) -> Vec<u32> {
    let slice = |_| {
        clock.advance(SLICE);
        rejected(circuit, 10, verdict)
    };
    (0..windows).map(|_| (0..10).map(slice).sum()).collect()
}

// Google's formula lets about one call a window through while nothing is accepted. Were rejections not counted as requests, some
// fourteen would get through, as there would never be many.
#[test]
fn some_calls_always_get_through_and_rejections_count_as_requests() {
    let (circuit, clock) = throttled(counted().seed(1), Throttle::GOOGLE);
    let rejected: u32 = windows(&circuit, &clock, 200, FAILURE).iter().sum();
    let [_, through, ..] = endings(&circuit);
    assert!((100..400).contains(&through), "{through} calls of 20,000 got through");
    assert_eq!((circuit.stats().total_rejected, through), (u64::from(rejected), 20_000 - u64::from(rejected)));
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 0));
}

#[test]
fn it_recovers_with_the_service() {
    let (circuit, clock) = throttled(counted().seed(1), Throttle::GOOGLE);
    assert!(windows(&circuit, &clock, 5, FAILURE)[4] > 90);
    let recovering = windows(&circuit, &clock, 10, Verdict::Success);
    assert!(recovering[0] > recovering[2] && recovering[2] > recovering[4], "more and more: {recovering:?}");
    assert_eq!(recovering[8..], [0, 0], "{recovering:?}");
}

#[test]
fn it_forgets_an_outage_when_its_last_slice_has_left_the_window() {
    let (circuit, clock) = throttled(counted().seed(1), Throttle::GOOGLE);
    assert!(rejected(&circuit, 1_000, FAILURE) > 900);
    clock.advance(10 * SLICE - Duration::from_micros(1));
    assert!(rejected(&circuit, 50, Verdict::Success) > 40, "the tenth slice still knows");
    clock.advance(10 * SLICE);
    assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
}

// tower 0.5 (trap 11): clones shared one random sequence.
#[test]
fn chance_is_repeatable_with_a_seed_and_everybodys_own_without() {
    let play = |config: BreakerConfig| {
        let (circuit, _clock) = throttled(config, Throttle::GOOGLE.k(1.5).unwrap());
        let verdicts = [FAILURE, Verdict::Success, FAILURE].into_iter().cycle().take(300);
        verdicts.map(|verdict| rejected(&circuit, 1, verdict) == 1).collect::<Vec<_>>()
    };
    assert_eq!(play(counted().seed(7)), play(counted().seed(7)));
    assert_ne!(play(counted().seed(7)), play(counted().seed(8)));
    let one = counted();
    assert_ne!(play(one.clone()), play(one));
}

#[test]
fn it_stands_beside_rules_that_open_and_leaves_them_their_counts() {
    let window = Window::count(10).unwrap();
    let config = counted().seed(1).open_for(OpenFor::fixed(SLICE));
    let clock = ManualClock::new();
    let rules = config.open_when(OpenRule::Throttle(Throttle::GOOGLE));
    let rules = rules.or_when(OpenRule::Ratio { failing: Ratio::percent(100).unwrap(), window });
    let circuit = Circuit::new(rules.clock(clock.clone()));
    while circuit.state() == State::Closed {
        rejected(&circuit, 1, FAILURE);
    }
    let stats = circuit.stats();
    assert_eq!((stats.total_failures, stats.total_admitted), (10, Some(10)), "a rejection is no call of the window");
    assert!(stats.total_rejected > 0, "and there were some before it opened");
    clock.advance(SLICE);
    circuit.admit().expect("no chance decides about probes").success();
    assert_eq!((circuit.state(), rejected(&circuit, 100, Verdict::Success)), (State::Closed, 0), "it begins anew");
}

#[test]
fn probes_that_fail_do_not_throttle_those_that_follow() {
    let clock = ManualClock::new();
    let rules = counted().seed(1).open_when(OpenRule::consecutive(1).unwrap());
    let rules = rules.or_when(OpenRule::Throttle(Throttle::GOOGLE)).open_for(OpenFor::fixed(SLICE));
    let probes = Probes::share_of(100, Ratio::percent(100).unwrap()).unwrap();
    let circuit = Circuit::new(rules.probes(probes).clock(clock.clone()));
    end_all(&circuit, FAILURE, 1);
    clock.advance(SLICE);
    assert_eq!(rejected(&circuit, 99, FAILURE), 0);
    circuit.admit().expect("the hundredth").success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn whoever_steers_it_is_not_thwarted_by_chance() {
    let (circuit, _clock) = throttled(counted().seed(1), Throttle::GOOGLE);
    for mode in [Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled] {
        circuit.set_mode(mode);
        assert_eq!(rejected(&circuit, 1_000, FAILURE), 0, "{mode}");
    }
    circuit.set_mode(Mode::Auto);
    assert_eq!(rejected(&circuit, 1_000, Verdict::Success), 0, "of those nothing is remembered");
    end_all(&circuit, FAILURE, 1_000);
    circuit.reset();
    assert_eq!(rejected(&circuit, 100, Verdict::Success), 0);
}

#[test]
fn its_settings_are_checked() {
    for k in [0.99, 1_000.1, f64::NAN, f64::INFINITY, -2.0] {
        assert!(Throttle::GOOGLE.k(k).is_err(), "{k}");
    }
    assert!(Throttle::GOOGLE.k(1.0).is_ok() && Throttle::GOOGLE.k(1_000.0).is_ok());
    assert!(Throttle::GOOGLE.over(Duration::from_millis(9)).is_err());
    assert!(Throttle::GOOGLE.over(Duration::from_millis(10)).is_ok());
}
