//! What other breakers get wrong, as FIELD notes: each would fail its test here.

use std::time::Duration;

use tokio_test::{assert_pending, task};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, FallbackLayer, Ratio, State, Verdict,
    breaker::{OpenFor, OpenRule, Probes, Window},
    classify,
    time::ManualClock,
};

use crate::circuits::{at_once, counted, end_all, endings, open};
use crate::fixed_numbers::FixedNumbers as _;

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn half_of(calls: u32) -> OpenRule {
    OpenRule::Ratio { failing: Ratio::HALF, window: Window::count(calls).unwrap() }
}

/// A circuit, half-open, and its clock.
fn half_open(probes: Probes) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(at_once()).probes(probes).clock(clock.clone()));
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    assert_eq!(circuit.state(), State::HalfOpen);
    (circuit, clock)
}

// tower-resilience (trap 1): after 1,000 successes, a window of 10 needed 1,000 failures.
#[test]
fn a_long_healthy_time_does_not_make_the_window_longer() {
    let circuit = Circuit::new(counted().open_when(half_of(10)));
    end_all(&circuit, Verdict::Success, 1_000);
    end_all(&circuit, Verdict::transient(), 4);
    assert_eq!(circuit.state(), State::Closed);
    end_all(&circuit, Verdict::transient(), 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn a_failure_leaves_the_window_after_as_many_calls_as_it_spans() {
    let circuit = Circuit::new(counted().open_when(half_of(10)));
    end_all(&circuit, Verdict::Success, 10);
    end_all(&circuit, Verdict::transient(), 4);
    end_all(&circuit, Verdict::Success, 6);
    assert_eq!(circuit.stats().window.failures, 4);
    end_all(&circuit, Verdict::Success, 3);
    assert_eq!(circuit.stats().window.failures, 1);
    end_all(&circuit, Verdict::transient(), 3);
    assert_eq!((circuit.stats().window.failures, circuit.state()), (3, State::Closed));
}

// tower-resilience (trap 2), resilience4j#935: half-open for ever.
#[test]
fn a_half_open_circuit_without_traffic_still_takes_a_probe_a_year_later() {
    let (circuit, clock) = half_open(Probes::successes(2).unwrap());
    circuit.admit().unwrap().success();
    clock.advance(Duration::from_secs(365 * 24 * 3_600));
    circuit.admit().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

// linkerd, resilience4j#903, #2120: a probe that never comes back keeps the gate shut.
#[test]
fn a_probe_that_never_returns_loses_its_slot() {
    let (circuit, clock) = half_open(Probes::one().lease(Duration::from_secs(5)).unwrap());
    let lost = circuit.admit().unwrap();
    clock.advance(Duration::from_millis(4_999));
    assert_eq!(circuit.admit().unwrap_err().retry_in(), Some(Duration::from_millis(1)));
    clock.advance(Duration::from_millis(1));
    let second = circuit.admit().unwrap();
    circuit.admit().unwrap_err();
    lost.failure();
    assert_eq!(circuit.state(), State::HalfOpen, "what the lost probe brings after all is ignored");
    second.success();
    assert_eq!((circuit.state(), endings(&circuit)), (State::Closed, [1, 2, 0, 0]));
}

// tower-resilience (trap 3), vert.x#294, failsafe: a call from before the trip closed, or reopened, the circuit.
#[test]
fn late_results_change_nothing_but_the_totals() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(at_once()).clock(clock.clone()));
    let late: Vec<_> = (0..3).map(|_| circuit.admit().unwrap()).collect();
    let [while_open, success, failure] = <[_; 3]>::try_from(late).unwrap();
    open(&circuit);
    let before = circuit.stats();
    while_open.failure();
    assert_eq!((circuit.stats().transitions, circuit.retry_in()), (before.transitions, before.retry_in));
    clock.advance(HALF_A_MINUTE);
    let probe = circuit.admit().unwrap();
    success.success();
    assert_eq!(circuit.state(), State::HalfOpen, "a late success does not close it");
    circuit.admit().unwrap_err();
    failure.failure();
    assert_eq!(circuit.state(), State::HalfOpen, "a late failure does not reopen it");
    circuit.admit().unwrap_err();
    probe.success();
    assert_eq!((circuit.state(), endings(&circuit)), (State::Closed, [2, 3, 0, 0]));
}

// resilience4j: an ignored error from before the trip added a probe permit.
#[test]
fn a_late_neutral_or_dropped_call_frees_no_probe_slot() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(at_once()).clock(clock.clone()));
    let (neutral, dropped) = (circuit.admit().unwrap(), circuit.admit().unwrap());
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let _probe = circuit.admit().unwrap();
    neutral.neutral();
    drop(dropped);
    circuit.admit().unwrap_err();
}

// tower-resilience (trap 4): `reset()` while closed did nothing.
#[test]
fn a_reset_while_closed_forgets_the_counts_and_the_calls_on_their_way() {
    let rule = OpenRule::consecutive(3).unwrap();
    let circuit = Circuit::new(counted().open_when(rule).or_when(half_of(4)));
    end_all(&circuit, Verdict::transient(), 2);
    let under_way = circuit.admit().unwrap();
    circuit.reset();
    let stats = circuit.stats();
    assert_eq!((stats.failures_in_a_row, stats.window.calls, stats.transitions), (0, 0, 0));
    under_way.failure();
    end_all(&circuit, Verdict::transient(), 2);
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 2));
    end_all(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [0, 6, 0, 0]));
    circuit.reset();
    assert_eq!(
        (circuit.state(), circuit.stats().transitions, circuit.stats().openings_in_a_row),
        (State::Closed, 2, 0)
    );
}

// tower-resilience (trap 5): on axum, a layer is applied once a route.
#[tokio::test]
async fn one_layer_is_one_breaker_for_all_that_it_makes() {
    let layer = BreakerLayer::new(counted().open_when(OpenRule::consecutive(3).unwrap()));
    let fails = service_fn(|()| async { Err::<(), _>("down") });
    let mut services = [layer.layer(fails), layer.clone().layer(fails), layer.layer(fails).clone()];
    for service in &mut services {
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert_eq!(error.into_inner(), Some("down"));
    }
    for service in &mut services {
        assert!(service.ready().await.unwrap().call(()).await.unwrap_err().rejection().is_some());
    }
    assert_eq!((layer.circuit().stats().total_rejected, endings(layer.circuit())), (3, [0, 3, 0, 0]));
}

#[test]
fn two_layers_of_one_config_are_two_breakers() {
    let config = counted().open_when(at_once());
    let (one, two) = (BreakerLayer::new(config.clone()), BreakerLayer::new(config));
    open(one.circuit());
    assert_eq!((one.circuit().state(), two.circuit().state()), (State::Open, State::Closed));
}

// failsafe let 100 of 100 into half-open, recloser 200 of 200; resilience4j#1432, fs-java#391: a limit that holds.
#[test]
fn a_half_open_circuit_admits_no_more_than_its_probes() {
    let (circuit, _clock) = half_open(Probes::successes(10).unwrap().at_a_time(3).unwrap());
    let mut probes: Vec<_> = (0..100).filter_map(|_| circuit.admit().ok()).collect();
    assert_eq!(probes.len(), 3);
    probes.pop().unwrap().success();
    drop(probes.pop());
    probes.extend((0..100).filter_map(|_| circuit.admit().ok()));
    assert_eq!(probes.len(), 3, "who ends makes room for one");

    let (circuit, _clock) = half_open(Probes::successes(2).unwrap().at_a_time(9).unwrap());
    let probes: Vec<_> = (0..100).filter_map(|_| circuit.admit().ok()).collect();
    assert_eq!(probes.len(), 2, "nor more than can matter");
}

// Polly: a cancelled probe closes the circuit; monix#1080, linkerd: one wedges it.
#[test]
fn a_probe_that_is_dropped_or_neutral_gives_its_slot_back() {
    let (circuit, _clock) = half_open(Probes::one());
    for _ in 0..300 {
        drop(circuit.admit().unwrap());
        circuit.admit().unwrap().neutral();
        assert_eq!(circuit.state(), State::HalfOpen);
    }
    circuit.admit().unwrap().success();
    assert_eq!((circuit.state(), endings(&circuit)), (State::Closed, [1, 1, 300, 300]));
}

/// An error that only `Sources` can look into, and that contains the breaker's.
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

// tower-resilience (trap 7), and its like with breakers: a rejection further in is no failure of the service.
#[tokio::test(start_paused = true)]
async fn an_outer_breaker_does_not_count_the_rejections_of_an_inner_one() {
    let inner = Circuit::new(counted().open_for(OpenFor::fixed(Duration::from_secs(3_600))));
    let permanent = classify::errors(|_: &Opaque| Verdict::permanent());
    let outer = Circuit::new(
        counted().open_when(at_once()).classifier(classify::first(permanent).or(classify::Sources(classify::Errors))),
    );
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::on(&outer))
        .map_err(Opaque)
        .layer(BreakerLayer::on(&inner))
        .service(service_fn(|()| async { Ok::<_, &str>(()) }));
    open(&inner);
    service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!((outer.state(), endings(&outer)), (State::Closed, [0, 0, 1, 0]));
    open(&outer);
    tokio::time::advance(HALF_A_MINUTE).await;
    service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!(outer.state(), State::HalfOpen, "nor does it decide for a probe");
    inner.reset();
    service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(outer.state(), State::Closed);
}

// A handler with a client of its own: a rejection that it got over isn't its answer's.
#[tokio::test]
async fn a_rejection_that_the_service_got_over_is_not_its_answer() {
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
    assert_eq!((endings(&outer), client.stats().total_rejected), ([1, 0, 0, 0], 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_the_service_passes_on_is_the_cause_for_the_fallback() {
    let circuit = Circuit::new(counted());
    open(&circuit);
    let expected = Cause::Rejected { retry_in: circuit.retry_in() };
    let stack = ServiceBuilder::new()
        .layer(
            FallbackLayer::from_fn(|failed: tower_recourse::fallback::Failed<'_, Cause, Opaque>| {
                std::future::ready(Ok::<_, &str>(failed.cause))
            })
            .classifier(classify::Sources(classify::Errors)),
        )
        .map_err(Opaque)
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(|()| async { Err::<Cause, _>("down") }));
    assert_eq!(stack.oneshot(()).await, Ok(expected));
}

// tower-resilience (trap 8): a default that can't be told what a failure is.
#[tokio::test]
async fn a_closure_may_count_responses_ignore_errors_and_see_slow_ones() {
    let config = counted().open_when(OpenRule::consecutive(2).unwrap());
    let circuit = Circuit::new(config.classify(|outcome: Result<&u16, &&str>| match outcome {
        Ok(500..) => Verdict::transient(),
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::Neutral,
    }));
    let echo = service_fn(|answer: Result<u16, &'static str>| std::future::ready(answer));
    let mut service = BreakerLayer::on(&circuit).layer(echo);
    for answer in [Ok(503), Err("cancelled"), Ok(200), Ok(500), Err("cancelled"), Ok(502)] {
        let _ = service.ready().await.unwrap().call(answer).await;
    }
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [1, 3, 2, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_share_of_slow_calls_opens_it_though_they_succeed() {
    let window = Window::count(4).unwrap();
    let longer_than = Duration::from_secs(1);
    let rule = OpenRule::Slow { longer_than, share: Ratio::HALF, window };
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
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [4, 0, 0, 0]));
    tokio::time::advance(HALF_A_MINUTE).await;
    service.ready().await.unwrap().call(2 * longer_than).await.unwrap();
    assert_eq!(circuit.state(), State::Open, "a slow probe isn't a good one");
}

// A call that is already under way when its circuit opens is finished, not thrown away.
#[tokio::test]
async fn an_open_circuit_lets_calls_on_their_way_finish() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().unobserved());
    let (answer, answered) = tokio::sync::oneshot::channel();
    let mut call = task::spawn(circuit.call(|| answered));
    assert_pending!(call.poll());
    open(&circuit);
    answer.send("late, but there").unwrap();
    assert_eq!(call.await.unwrap(), "late, but there");
    assert_eq!(circuit.state(), State::Open);
}
