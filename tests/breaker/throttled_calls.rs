//! How a breaker counts throttled calls.

use std::time::Duration;

use tower::{Layer, load_shed::error::Overloaded, service_fn};
use tower_recourse::{
    BreakerLayer, Circuit, Delivery, Ratio, State, Verdict,
    breaker::{AdaptiveThrottle, OpenDuration, Probes, ThrottledCalls, TripRule, Window, WindowStats},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls};
use crate::scripted::{EventLog, secs};

/// The service responded that it receives too many calls.
const ANSWERED: Verdict = Verdict::throttled().delivery(Delivery::Sent);
const FAILURE: Verdict = Verdict::transient();

fn opens_after(failures: u32) -> TripRule {
    TripRule::consecutive(failures).unwrap()
}

/// A circuit whose open duration of 30 s has ended. One failure opens it.
fn half_open(probes: Probes) -> Circuit {
    let clock = ManualClock::new();
    let config = counted().open_when(opens_after(1)).open_for(OpenDuration::fixed(secs(30)));
    let circuit = Circuit::new(config.probes(probes).clock(clock.clone()));
    end_calls(&circuit, FAILURE, 1);
    clock.advance(secs(30));
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit
}

#[test]
fn no_rule_about_health_counts_throttled_calls() {
    let window = || Window::count(10).unwrap();
    let ratio = |failing| TripRule::FailureRate { failing, window: window() };
    let slow = TripRule::SlowCallRate { longer_than: Duration::ZERO, share: Ratio::HALF, window: window() };
    let custom = TripRule::custom(window().minimum(1).unwrap(), |in_a_row: u32, window: &WindowStats| {
        in_a_row > 0 || window.failures > 0
    });
    for rule in [opens_after(1), ratio(Ratio::HALF), slow, custom] {
        let circuit = Circuit::new(counted().open_when(rule.clone()));
        end_calls(&circuit, Verdict::throttled().retry_after(secs(9)), 100);
        assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 0), "{rule:?}");
        assert_eq!(ended_calls(&circuit), [0, 0, 100, 0], "{rule:?}");
    }
}

#[test]
fn a_throttled_call_does_not_end_a_row_of_failures() {
    let circuit = Circuit::new(counted().open_when(opens_after(2)));
    for verdict in [FAILURE, ANSWERED, FAILURE] {
        circuit.try_acquire().unwrap().end(verdict);
    }
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn the_throttle_rule_counts_throttled_calls_as_not_accepted() {
    for throttled in [ThrottledCalls::Neutral, ThrottledCalls::Failure] {
        let config = counted().on_throttled(throttled).seed(1);
        let circuit = Circuit::new(config.open_when(TripRule::AdaptiveThrottle(AdaptiveThrottle::GOOGLE)));
        let rejected = (0..1_000).filter(|_| circuit.try_acquire().map(|permit| permit.end(ANSWERED)).is_err());
        let rejected = rejected.count();
        assert!(rejected > 900, "{rejected} of 1,000 with {throttled:?}");
    }
}

#[test]
fn throttled_calls_are_failures_if_so_configured() {
    let config = counted().on_throttled(ThrottledCalls::Failure).open_when(opens_after(1));
    let circuit = Circuit::new(config.open_for(OpenDuration::fixed(secs(1)).honor_retry_after(secs(60))));
    circuit.try_acquire().unwrap().end(ANSWERED.retry_after(secs(7)));
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 1, 0, 0]));
    let left = circuit.retry_in().unwrap();
    assert!(left > secs(6) && left <= secs(7), "{left:?}");
}

#[test]
fn a_throttled_response_to_a_probe_closes_the_circuit() {
    let circuit = half_open(Probes::one());
    circuit.try_acquire().unwrap().end(ANSWERED);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [0, 1, 1, 0]));
}

#[test]
fn a_throttled_response_counts_as_a_successful_probe() {
    let circuit = half_open(Probes::successes(2).unwrap());
    circuit.try_acquire().unwrap().end(ANSWERED);
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_probe_that_a_queue_shed_is_followed_by_another() {
    for sent in [Delivery::NotSent, Delivery::Unknown] {
        let circuit = half_open(Probes::one());
        let probe = circuit.try_acquire().unwrap();
        assert!(circuit.try_acquire().is_err(), "one probe at a time");
        probe.end(Verdict::throttled().delivery(sent));
        assert_eq!(circuit.state(), State::HalfOpen, "{sent:?}");
        circuit.try_acquire().expect("another probe").success();
        assert_eq!(circuit.state(), State::Closed, "{sent:?}");
    }
}

#[test]
fn a_throttled_probe_reopens_if_it_counts_as_a_failure() {
    let clock = ManualClock::new();
    let config = counted().on_throttled(ThrottledCalls::Failure).open_when(opens_after(1)).clock(clock.clone());
    let circuit = Circuit::new(config.open_for(OpenDuration::fixed(secs(30))));
    end_calls(&circuit, FAILURE, 1);
    clock.advance(secs(30));
    circuit.try_acquire().unwrap().end(ANSWERED);
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test]
async fn a_full_queue_inside_the_breaker_opens_no_circuit() {
    let events = EventLog::default();
    let circuit = Circuit::new(counted().open_when(opens_after(1)).observe(events.observer()));
    let shed = service_fn(|_: ()| async { Err::<(), tower::BoxError>(Overloaded::new().into()) });
    let mut service = BreakerLayer::on(&circuit).layer(shed);
    for _ in 0..10 {
        service.ready().await.unwrap().call(()).await.unwrap_err();
    }
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [0, 0, 10, 0]));
    assert_eq!(events.count(""), 0, "no event is emitted");
}
