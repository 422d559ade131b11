//! Faults of other crates' breakers. Each test fails for a breaker that has the fault in the test's
//! comment.

use std::time::Duration;

use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, FallbackLayer, Ratio, State, Verdict,
    breaker::{OpenDuration, Probes, TripRule, Window},
    classify,
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, open};
use crate::fixed_numbers::FixedNumbers as _;

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn half_of(calls: u32) -> TripRule {
    TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(calls).unwrap() }
}

/// A half-open circuit and its clock.
fn half_open(probes: Probes) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(first_failure()).probes(probes).clock(clock.clone()));
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    assert_eq!(circuit.state(), State::HalfOpen);
    (circuit, clock)
}

// tower-resilience: after 1,000 successes, a window of 10 calls needed 1,000 failures to open.
#[test]
fn a_long_healthy_time_does_not_make_the_window_longer() {
    let circuit = Circuit::new(counted().open_when(half_of(10)));
    end_calls(&circuit, Verdict::Success, 1_000);
    end_calls(&circuit, Verdict::transient(), 4);
    assert_eq!(circuit.state(), State::Closed);
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn a_failure_leaves_the_window_after_its_number_of_calls() {
    let circuit = Circuit::new(counted().open_when(half_of(10)));
    end_calls(&circuit, Verdict::Success, 10);
    end_calls(&circuit, Verdict::transient(), 4);
    end_calls(&circuit, Verdict::Success, 6);
    assert_eq!(circuit.stats().window.failures, 4);
    end_calls(&circuit, Verdict::Success, 3);
    assert_eq!(circuit.stats().window.failures, 1);
    end_calls(&circuit, Verdict::transient(), 3);
    assert_eq!((circuit.stats().window.failures, circuit.state()), (3, State::Closed));
}

// tower-resilience, resilience4j#935: the circuit stayed half-open forever.
#[test]
fn a_half_open_circuit_admits_a_probe_after_a_year() {
    let (circuit, clock) = half_open(Probes::successes(2).unwrap());
    circuit.try_acquire().unwrap().success();
    clock.advance(Duration::from_secs(365 * 24 * 3_600));
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

// linkerd, resilience4j#903, #2120: a probe that never returned blocked all other calls.
#[test]
fn a_probe_that_never_returns_loses_its_slot() {
    let (circuit, clock) = half_open(Probes::one().lease(Duration::from_secs(5)).unwrap());
    let lost = circuit.try_acquire().unwrap();
    clock.advance(Duration::from_millis(4_999));
    assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), Some(Duration::from_millis(1)));
    clock.advance(Duration::from_millis(1));
    let second = circuit.try_acquire().unwrap();
    circuit.try_acquire().unwrap_err();
    lost.failure();
    assert_eq!(circuit.state(), State::HalfOpen, "the result of the lost probe is ignored");
    second.success();
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [1, 2, 0, 0]));
}

// tower-resilience, vert.x#294, failsafe: a call from before the trip closed or reopened the
// circuit.
#[test]
fn late_results_change_only_the_totals() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(first_failure()).clock(clock.clone()));
    let late: Vec<_> = (0..3).map(|_| circuit.try_acquire().unwrap()).collect();
    let [while_open, success, failure] = <[_; 3]>::try_from(late).unwrap();
    open(&circuit);
    let before = circuit.stats();
    while_open.failure();
    assert_eq!((circuit.stats().transitions, circuit.retry_in()), (before.transitions, before.retry_in));
    clock.advance(HALF_A_MINUTE);
    let probe = circuit.try_acquire().unwrap();
    success.success();
    assert_eq!(circuit.state(), State::HalfOpen, "a late success does not close it");
    circuit.try_acquire().unwrap_err();
    failure.failure();
    assert_eq!(circuit.state(), State::HalfOpen, "a late failure does not reopen it");
    circuit.try_acquire().unwrap_err();
    probe.success();
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [2, 3, 0, 0]));
}

// resilience4j: an ignored error from before the trip added a probe permit.
#[test]
fn a_late_neutral_or_dropped_call_frees_no_probe_slot() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(first_failure()).clock(clock.clone()));
    let (neutral, dropped) = (circuit.try_acquire().unwrap(), circuit.try_acquire().unwrap());
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let _probe = circuit.try_acquire().unwrap();
    neutral.neutral();
    drop(dropped);
    circuit.try_acquire().unwrap_err();
}

// tower-resilience: `reset()` on a closed circuit did nothing.
#[test]
fn a_reset_while_closed_clears_counts_and_ignores_running_calls() {
    let rule = TripRule::consecutive(3).unwrap();
    let circuit = Circuit::new(counted().open_when(rule).or_when(half_of(4)));
    end_calls(&circuit, Verdict::transient(), 2);
    let under_way = circuit.try_acquire().unwrap();
    circuit.reset();
    let stats = circuit.stats();
    assert_eq!((stats.failures_in_a_row, stats.window.calls, stats.transitions), (0, 0, 0));
    under_way.failure();
    end_calls(&circuit, Verdict::transient(), 2);
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 2));
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 6, 0, 0]));
    circuit.reset();
    assert_eq!(
        (circuit.state(), circuit.stats().transitions, circuit.stats().openings_in_a_row),
        (State::Closed, 2, 0)
    );
}

// tower-resilience: axum applies a layer once per route, and each application made its own breaker.
#[tokio::test]
async fn all_services_of_one_layer_share_one_breaker() {
    let layer = BreakerLayer::new(counted().open_when(TripRule::consecutive(3).unwrap()));
    let fails = service_fn(|()| async { Err::<(), _>("down") });
    let mut services = [layer.layer(fails), layer.clone().layer(fails), layer.layer(fails).clone()];
    for service in &mut services {
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert_eq!(error.into_inner(), Some("down"));
    }
    for service in &mut services {
        assert!(service.ready().await.unwrap().call(()).await.unwrap_err().rejection().is_some());
    }
    assert_eq!((layer.circuit().stats().total_rejected, ended_calls(layer.circuit())), (3, [0, 3, 0, 0]));
}

#[test]
fn two_layers_with_one_config_have_two_breakers() {
    let config = counted().open_when(first_failure());
    let (one, two) = (BreakerLayer::new(config.clone()), BreakerLayer::new(config));
    open(one.circuit());
    assert_eq!((one.circuit().state(), two.circuit().state()), (State::Open, State::Closed));
}

// failsafe admitted 100 of 100 calls in half-open, recloser 200 of 200; also resilience4j#1432,
// fs-java#391.
#[test]
fn a_half_open_circuit_admits_no_more_than_its_probes() {
    let (circuit, _clock) = half_open(Probes::successes(10).unwrap().max_concurrent(3).unwrap());
    let mut probes: Vec<_> = (0..100).filter_map(|_| circuit.try_acquire().ok()).collect();
    assert_eq!(probes.len(), 3);
    probes.pop().unwrap().success();
    drop(probes.pop());
    probes.extend((0..100).filter_map(|_| circuit.try_acquire().ok()));
    assert_eq!(probes.len(), 3, "a call that ends frees one slot");

    let (circuit, _clock) = half_open(Probes::successes(2).unwrap().max_concurrent(9).unwrap());
    let probes: Vec<_> = (0..100).filter_map(|_| circuit.try_acquire().ok()).collect();
    assert_eq!(probes.len(), 2, "and no more than are needed");
}

// Polly: a cancelled probe closed the circuit. monix#1080, linkerd: a cancelled probe kept it
// half-open forever.
#[test]
fn a_dropped_or_neutral_probe_returns_its_slot() {
    let (circuit, _clock) = half_open(Probes::one());
    for _ in 0..300 {
        drop(circuit.try_acquire().unwrap());
        circuit.try_acquire().unwrap().neutral();
        assert_eq!(circuit.state(), State::HalfOpen);
    }
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [1, 1, 300, 300]));
}

/// An error whose source is the breaker's error. Only `FollowSources` looks for it there.
#[derive(Debug, PartialEq)]
struct Opaque(BreakerError<&'static str>);

impl std::fmt::Display for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opaque")
    }
}

impl std::error::Error for Opaque {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.rejection().map(|rejection| rejection as _)
    }
}

// tower-resilience: an outer breaker counted the rejection of an inner one as a failure of the
// service.
#[tokio::test(start_paused = true)]
async fn an_outer_breaker_does_not_count_inner_rejections() {
    let inner = Circuit::new(counted().open_for(OpenDuration::fixed(Duration::from_secs(3_600))));
    let permanent = classify::errors(|_: &Opaque| Verdict::permanent());
    let outer = Circuit::new(
        counted()
            .open_when(first_failure())
            .classifier(classify::first(permanent).or(classify::FollowSources(classify::ErrorClassifier))),
    );
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::on(&outer))
        .map_err(Opaque)
        .layer(BreakerLayer::on(&inner))
        .service(service_fn(|()| async { Ok::<_, &str>(()) }));
    open(&inner);
    service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!((outer.state(), ended_calls(&outer)), (State::Closed, [0, 0, 1, 0]));
    open(&outer);
    tokio::time::advance(HALF_A_MINUTE).await;
    service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!(outer.state(), State::HalfOpen, "and it isn't a probe's result");
    inner.reset();
    service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(outer.state(), State::Closed);
}

// A handler that calls another service, is rejected, and still succeeds. The rejection isn't the
// handler's outcome.
#[tokio::test]
async fn a_rejection_that_the_service_handled_is_not_its_outcome() {
    let client = Circuit::new(counted());
    open(&client);
    let asks = client.clone();
    let handler = service_fn(move |()| {
        let client = asks.clone();
        async move {
            let cached = client.call(|| async { Ok::<_, &str>("fresh") }).await.unwrap_or("from its cache");
            Ok::<_, &str>(cached)
        }
    });
    let outer = Circuit::new(counted());
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("from the fallback"))
        .layer(BreakerLayer::on(&outer))
        .service(handler);
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), "from its cache");
    assert_eq!((ended_calls(&outer), client.stats().total_rejected), ([1, 0, 0, 0], 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_the_service_returns_is_the_fallbacks_cause() {
    let circuit = Circuit::new(counted());
    open(&circuit);
    let expected = Cause::Rejected { retry_in: circuit.retry_in() };
    let stack = ServiceBuilder::new()
        .layer(
            FallbackLayer::from_fn(|failed: tower_recourse::fallback::PrimaryFailure<'_, Cause, Opaque>| {
                std::future::ready(Ok::<_, &str>(failed.cause))
            })
            .classifier(classify::FollowSources(classify::ErrorClassifier)),
        )
        .map_err(Opaque)
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(|()| async { Err::<Cause, _>("down") }));
    assert_eq!(stack.oneshot(()).await, Ok(expected));
}

// tower-resilience: users couldn't change what the default counted as a failure.
#[tokio::test]
async fn a_closure_may_classify_responses_and_ignore_errors() {
    let config = counted().open_when(TripRule::consecutive(2).unwrap());
    let circuit = Circuit::new(config.classify(|outcome: Result<&u16, &&str>| match outcome {
        Ok(500..) => Verdict::transient(),
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::Neutral,
    }));
    let echo = service_fn(|response: Result<u16, &'static str>| std::future::ready(response));
    let mut service = BreakerLayer::on(&circuit).layer(echo);
    for response in [Ok(503), Err("cancelled"), Ok(200), Ok(500), Err("cancelled"), Ok(502)] {
        let _ = service.ready().await.unwrap().call(response).await;
    }
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [1, 3, 2, 0]));
}

#[tokio::test(start_paused = true)]
async fn slow_successes_open_the_circuit() {
    let window = Window::count(4).unwrap();
    let longer_than = Duration::from_secs(1);
    let rule = TripRule::SlowCallRate { longer_than, share: Ratio::HALF, window };
    let circuit = Circuit::new(counted().open_when(rule));
    let sleeps = service_fn(|time: Duration| async move {
        tokio::time::sleep(time).await;
        Ok::<_, &str>(())
    });
    let mut service = BreakerLayer::on(&circuit).layer(sleeps);
    for time in [longer_than, 2 * longer_than, Duration::ZERO] {
        service.ready().await.unwrap().call(time).await.unwrap();
    }
    assert_eq!((circuit.stats().window.timed, circuit.stats().window.slow), (3, 1));
    service.ready().await.unwrap().call(2 * longer_than).await.unwrap();
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [4, 0, 0, 0]));
    tokio::time::advance(HALF_A_MINUTE).await;
    service.ready().await.unwrap().call(2 * longer_than).await.unwrap();
    assert_eq!(circuit.state(), State::Open, "a slow probe isn't a success");
}

// A call that is running when its circuit opens is finished, not cancelled.
#[tokio::test]
async fn an_open_circuit_lets_running_calls_finish() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers());
    let (response, answered) = tokio::sync::oneshot::channel();
    let mut call = task::spawn(circuit.call(|| answered));
    assert_pending!(call.poll());
    open(&circuit);
    response.send("the late result arrives").unwrap();
    assert_eq!(call.await.unwrap(), "the late result arrives");
    assert_eq!(circuit.state(), State::Open);
}
