//! The breaker as a service, and direct use of its circuit.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, Ratio, Rejection, State, Verdict,
    breaker::{Mode, Probes, TripRule, Window},
    time::ManualClock,
};
use tower_test::mock;

use crate::circuits::{counted, end_calls, ended_calls, first_failure, open, with_readiness};
use crate::fixed_numbers::FixedNumbers as _;

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

type Mocked =
    (mock::Spawn<tower_recourse::breaker::Breaker<mock::Mock<u32, u32>, ErrorClassifier>>, mock::Handle<u32, u32>);
type ErrorClassifier = tower_recourse::classify::ErrorClassifier;

fn breaker_around_mock(circuit: &Circuit) -> Mocked {
    mock::spawn_layer(BreakerLayer::on(circuit))
}

#[tokio::test(start_paused = true)]
async fn a_closed_breaker_passes_requests_and_responses_through() {
    let circuit = Circuit::new(counted());
    let (mut service, mut handle) = breaker_around_mock(&circuit);
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(7));
    let (request, response) = handle.next_request().await.unwrap();
    assert_eq!(request, 7);
    assert_pending!(call.poll());
    response.send_response(8);
    assert_eq!(assert_ready_ok!(call.poll()), 8);
    assert_eq!(ended_calls(&circuit), [1, 0, 0, 0]);
}

// tower#855: the breaker rejects before it polls the service for capacity.
#[tokio::test(start_paused = true)]
async fn a_rejecting_breaker_does_not_poll_the_service() {
    let circuit = Circuit::new(counted());
    let (mut service, mut handle) = breaker_around_mock(&circuit);
    handle.allow(0);
    open(&circuit);
    assert_ready_ok!(service.poll_ready());
    let error = assert_ready_err!(task::spawn(service.call(1)).poll());
    assert_eq!(error.rejection().unwrap().state(), State::Open);
    assert_pending!(task::spawn(handle.next_request()).poll(), "the service didn't receive the request");
    assert_eq!(circuit.stats().total_rejected, 1);

    tokio::time::advance(HALF_A_MINUTE).await;
    assert_pending!(service.poll_ready(), "for a probe, the service is polled");
    assert_eq!(circuit.stats().total_admitted, Some(5), "and no slot is taken before it is ready");
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut probe = task::spawn(service.call(2));
    assert_eq!(circuit.state(), State::HalfOpen);
    handle.next_request().await.unwrap().1.send_response(3);
    assert_eq!(assert_ready_ok!(probe.poll()), 3);
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test]
async fn a_circuit_that_opens_between_ready_and_call_rejects() {
    let circuit = Circuit::new(counted());
    let (mut service, _handle) = breaker_around_mock(&circuit);
    assert_ready_ok!(service.poll_ready());
    open(&circuit);
    let error = assert_ready_err!(task::spawn(service.call(1)).poll());
    assert!(error.rejection().is_some());
}

// tower 0.5: a readiness error bypassed the classifier.
#[tokio::test]
async fn a_readiness_error_is_the_outcome_of_the_call_that_follows() {
    let circuit = Circuit::new(counted());
    let (mut service, mut handle) = breaker_around_mock(&circuit);
    handle.send_error("no connection");
    assert_ready_ok!(service.poll_ready());
    assert_ready_ok!(service.poll_ready());
    assert_eq!(ended_calls(&circuit), [0; 4], "no call has been made yet");
    let error = assert_ready_err!(task::spawn(service.call(1)).poll());
    assert_eq!(error.into_inner().unwrap().to_string(), "no connection");
    assert_eq!(ended_calls(&circuit), [0, 1, 0, 0]);
}

/// Without `count_all_calls`, a call takes the fast path.
#[tokio::test]
async fn a_readiness_error_is_the_outcome_without_counting_too() {
    let circuit = Circuit::new(BreakerConfig::default().fixed());
    let (mut service, mut handle) = breaker_around_mock(&circuit);
    handle.send_error("no connection");
    assert_ready_ok!(service.poll_ready());
    let error = assert_ready_err!(task::spawn(service.call(1)).poll());
    assert_eq!(error.into_inner().unwrap().to_string(), "no connection");
    assert_eq!(circuit.stats().failures_in_a_row, 1);
}

/// The breaker was ready because it would reject the call, so it didn't poll the service.
#[tokio::test]
async fn a_circuit_that_closes_after_ready_still_rejects_the_call() {
    for config in [counted(), BreakerConfig::default().fixed()] {
        let circuit = Circuit::new(config);
        let (mut service, mut handle) = breaker_around_mock(&circuit);
        handle.allow(0);
        circuit.force_open();
        assert_ready_ok!(service.poll_ready());
        circuit.set_mode(Mode::Auto);
        assert!(assert_ready_err!(task::spawn(service.call(1)).poll()).rejection().is_some());
        assert_pending!(service.poll_ready(), "the next call polls the service");
    }
}

#[tokio::test]
async fn polling_again_after_it_has_closed_admits_the_call() {
    for config in [counted(), BreakerConfig::default().fixed()] {
        let circuit = Circuit::new(config);
        let (mut service, mut handle) = breaker_around_mock(&circuit);
        circuit.force_open();
        assert_ready_ok!(service.poll_ready());
        circuit.set_mode(Mode::Auto);
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call(1));
        assert_pending!(call.poll());
        handle.next_request().await.unwrap().1.send_response(2);
        assert_eq!(assert_ready_ok!(call.poll()), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_earlier_readiness_error_does_not_count_for_the_probe() {
    let circuit = Circuit::new(counted());
    let mut first = true;
    let flaky = with_readiness(move || if std::mem::take(&mut first) { Err("down") } else { Ok(()) });
    let mut service = BreakerLayer::on(&circuit).layer(flaky);
    service.ready().await.unwrap();
    open(&circuit);
    assert!(service.call(()).await.unwrap_err().rejection().is_some());
    tokio::time::advance(HALF_A_MINUTE).await;
    service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test]
async fn a_dropped_call_is_neither_a_success_nor_a_failure() {
    let circuit = Circuit::new(counted().open_when(first_failure()));
    let (mut service, _handle) = breaker_around_mock(&circuit);
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(1));
    assert_pending!(call.poll());
    drop(call);
    drop(circuit.try_acquire());
    assert_eq!(ended_calls(&circuit), [0, 0, 0, 2]);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_rejection_has_the_circuits_name_state_and_time() {
    let clock = ManualClock::new();
    let config = counted().name("payments").clock(clock.clone());
    let circuit = Circuit::new(config.probes(Probes::one().lease(Duration::from_secs(7)).unwrap()));
    assert_eq!(circuit.retry_in(), None);
    open(&circuit);
    clock.advance(Duration::from_millis(10_500));
    let rejection = circuit.try_acquire().unwrap_err();
    assert_eq!((rejection.name().as_str(), rejection.state()), ("payments", State::Open));
    assert_eq!(rejection.retry_in(), Some(Duration::from_millis(19_500)));
    assert_eq!(rejection.to_string(), "circuit `payments` is open; retry in 19.5 s");
    assert_eq!(circuit.retry_in(), rejection.retry_in());

    clock.advance(Duration::from_millis(19_480));
    let rejection = circuit.try_acquire().unwrap_err();
    assert_eq!(rejection.to_string(), "circuit `payments` is open; retry in 0.1 s", "20 ms");

    clock.advance(Duration::from_millis(20));
    assert_eq!(circuit.retry_in(), None);
    let _probe = circuit.try_acquire().unwrap();
    clock.advance(Duration::from_secs(2));
    let rejection = circuit.try_acquire().unwrap_err();
    assert_eq!(rejection.to_string(), "circuit `payments` is half-open; retry in 0.1 s", "a hint");
}

#[test]
fn a_breaker_error_has_a_message_and_a_source() {
    let circuit = Circuit::new(counted());
    open(&circuit);
    let rejected = BreakerError::<std::io::Error>::Rejected(circuit.try_acquire().unwrap_err());
    assert_eq!(rejected.to_string(), "circuit `breaker` is open; retry in 30.0 s");
    assert!(rejected.source().unwrap().is::<Rejection>());
    assert!(rejected.into_inner().is_none());
    let failed = BreakerError::Inner(std::io::Error::other("reset by peer"));
    assert_eq!(failed.to_string(), "reset by peer");
    assert_eq!(failed.source().unwrap().to_string(), "reset by peer");
    assert!(failed.rejection().is_none());
}

#[test]
fn reading_the_state_moves_an_open_circuit_to_half_open() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    open(&circuit);
    clock.advance(HALF_A_MINUTE - Duration::from_micros(1));
    assert_eq!(circuit.state(), State::Open);
    clock.advance(Duration::from_micros(1));
    assert_eq!(circuit.stats().state, State::HalfOpen);
    assert_eq!(circuit.stats().transitions, 2, "only once");
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 3));
}

#[test]
fn stats_have_every_field() {
    let clock = ManualClock::new();
    let window = Window::count(4).unwrap();
    let rule = TripRule::FailureRate { failing: Ratio::HALF, window };
    let circuit =
        Circuit::new(counted().open_when(rule).or_when(TripRule::consecutive(3).unwrap()).clock(clock.clone()));
    end_calls(&circuit, Verdict::Success, 2);
    end_calls(&circuit, Verdict::timed_out(), 1);
    let stats = circuit.stats();
    assert_eq!((stats.failures_in_a_row, stats.threshold), (1, Some(3)));
    assert_eq!((stats.window.calls, stats.window.failures), (3, 1));
    assert_eq!(stats.window.failure_rate(), Some(1.0 / 3.0));
    assert_eq!((stats.window.timed, stats.window.slow_rate()), (0, None));
    assert_eq!((stats.open_for, stats.retry_in, stats.openings_in_a_row), (HALF_A_MINUTE, None, 0));
    open(&circuit);
    let stats = circuit.stats();
    assert_eq!((stats.failures_in_a_row, stats.retry_in, stats.openings_in_a_row), (0, Some(HALF_A_MINUTE), 1));
    assert_eq!(stats.window.calls, 0);
}

#[test]
fn calls_are_counted_only_if_configured() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers());
    end_calls(&circuit, Verdict::Success, 3);
    end_calls(&circuit, Verdict::transient(), 1);
    let stats = circuit.stats();
    assert_eq!((stats.total_admitted, stats.total_successes, stats.total_failures), (None, None, 1));
}

#[tokio::test]
async fn a_function_and_a_layer_share_one_circuit() {
    let circuit = Circuit::new(counted().open_when(TripRule::consecutive(2).unwrap()));
    let fails = service_fn(|()| async { Err::<(), _>("service") });
    let mut service = ServiceBuilder::new().layer(BreakerLayer::on(&circuit)).service(fails);
    service.ready().await.unwrap().call(()).await.unwrap_err();
    let error = circuit.call(|| async { Err::<(), _>("function") }).await.unwrap_err();
    assert_eq!(error.into_inner(), Some("function"));
    assert_eq!(circuit.state(), State::Open);

    let never = || -> std::future::Ready<Result<(), &str>> { panic!("called behind an open circuit") };
    assert!(circuit.call(never).await.unwrap_err().rejection().is_some());
    assert!(service.ready().await.unwrap().call(()).await.unwrap_err().rejection().is_some());
    assert_eq!((service.circuit().stats().total_rejected, ended_calls(&circuit)), (2, [0, 2, 0, 0]));
}

#[tokio::test]
async fn a_function_that_is_dropped_returns_its_permit() {
    let circuit = Circuit::new(counted());
    let mut call = task::spawn(circuit.call(std::future::pending::<Result<(), &str>>));
    assert_pending!(call.poll());
    drop(call);
    assert_eq!(ended_calls(&circuit), [0, 0, 0, 1]);
    assert_ready!(task::spawn(circuit.call(|| async { Ok::<_, &str>(()) })).poll()).unwrap();
    assert_eq!(ended_calls(&circuit), [1, 0, 0, 1]);
}

#[test]
fn all_types_implement_debug() {
    let circuit = Circuit::new(counted().name("inventory"));
    assert_eq!(format!("{circuit:?}"), r#"Circuit { name: "inventory", state: Closed, .. }"#);
    let layer = BreakerLayer::on(&circuit);
    assert!(format!("{layer:?}").contains("inventory"));
    let service = layer.layer("inner");
    assert_eq!(*service.get_ref(), "inner");
    assert!(format!("{service:?}").starts_with(r#"Breaker { inner: "inner", circuit: Circuit"#));
    assert!(format!("{:?}", circuit.try_acquire().unwrap()).starts_with("Permit { generation:"));
    assert_eq!(State::HalfOpen.to_string(), "half-open");
}

#[test]
fn handles_services_and_calls_are_send() {
    fn moves<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn is_sent<T: Send + 'static>(_: &T) {}
    let circuit = Circuit::new(counted());
    let mut service = BreakerLayer::on(&circuit).layer(service_fn(|()| std::future::ready(Ok::<_, &str>(()))));
    moves(&circuit);
    moves(&service);
    is_sent(&circuit.try_acquire().unwrap());
    is_sent(&service.call(()));
    // The future must also be `Send` if the error type has a lifetime, as trait objects do.
    type BoxError = Box<dyn Error + Send + Sync>;
    is_sent(&async move { circuit.call(|| std::future::ready(Ok::<_, BoxError>(()))).await });
}

#[test]
fn a_blocking_function_is_called_and_classified_or_rejected() {
    let clock = ManualClock::new();
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(2).unwrap()).clock(clock.clone());
    let circuit = Circuit::new(config.classify_errors(|&oops: &u32| (oops == 0).then_some(Verdict::Neutral)));
    assert_eq!(circuit.call_blocking(|| Ok::<_, u32>(7)), Ok(7));
    for oops in [1, 0, 2] {
        assert_eq!(circuit.call_blocking(|| Err::<(), _>(oops)), Err(BreakerError::Inner(oops)));
    }
    let rejected = circuit.call_blocking(|| -> Result<(), u32> { panic!("it is open") }).unwrap_err();
    assert_eq!(rejected.rejection().unwrap().state(), State::Open);
    clock.advance(HALF_A_MINUTE);
    let panicking = AssertUnwindSafe(|| circuit.call_blocking(|| -> Result<(), u32> { panic!("a probe") }));
    assert_eq!((catch_unwind(panicking).is_err(), circuit.state()), (true, State::Open));
}

#[tokio::test]
async fn polling_again_after_a_readiness_error_returns_it_again() {
    for config in [counted(), BreakerConfig::default().fixed()] {
        let circuit = Circuit::new(config);
        let mut first = true;
        let flaky = with_readiness(move || if std::mem::take(&mut first) { Err("down") } else { Ok(()) });
        let mut service = BreakerLayer::on(&circuit).layer(flaky);
        service.ready().await.unwrap();
        service.ready().await.unwrap();
        assert_eq!(service.call(()).await.unwrap_err().into_inner(), Some("down"));
        assert_eq!(circuit.stats().total_failures, 1);
    }
}

#[tokio::test]
async fn a_readiness_error_is_the_outcome_after_an_unused_rejection() {
    let circuit = Circuit::new(BreakerConfig::default().fixed());
    let mut first = true;
    let flaky = with_readiness(move || if std::mem::take(&mut first) { Err("down") } else { Ok(()) });
    let mut service = BreakerLayer::on(&circuit).layer(flaky);
    service.ready().await.unwrap();
    circuit.force_open();
    service.ready().await.unwrap();
    circuit.set_mode(Mode::Auto);
    service.ready().await.unwrap();
    assert_eq!(service.call(()).await.unwrap_err().into_inner(), Some("down"));
}

#[test]
fn the_debug_output_of_a_rejection_has_its_fields() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().name("x"));
    circuit.force_open();
    let rejection = circuit.try_acquire().unwrap_err();
    assert_eq!(
        format!("{rejection:?}"),
        format!("Rejection {{ name: {:?}, state: Open, retry_in: None }}", rejection.name())
    );
}
