//! A breaker marks its response to a rejected call (`http::mark_rejection`). Outer layers recognise
//! the mark, whatever is between the layers, and whenever the response arrives.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tokio::task::yield_now;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, buffer::Buffer, service_fn, util::BoxCloneService};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Circuit, FallbackLayer, Rejection, RetryConfig, RetryLayer, State,
    Verdict,
    breaker::{OpenDuration, Probes},
    classify,
    fallback::PrimaryFailure,
    http::{BodyBreakerLayer, ReportExtensionLayer, StatusClassifier, Unavailable, mark_rejection, rejection},
    retry::{Budget, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{Answer, Scripted, config, empty_response};

fn open() -> Circuit<tower_recourse::http::StatusClassifier> {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers());
    circuit.force_open();
    circuit
}

fn request() -> Request<Full<Bytes>> {
    Request::new(Full::default())
}

/// A client with an open circuit that responds with 503.
fn rejecting() -> impl Service<Request<Full<Bytes>>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send
{
    BreakerLayer::on(&open()).on_rejection(Unavailable).layer(Scripted::new(|_| empty_response(200)).service())
}

/// A handler whose client is rejected and that responds from its cache, with a response of the same
/// type, in the same poll.
fn cached() -> impl Service<Request<Full<Bytes>>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send {
    let client = rejecting();
    service_fn(move |request| {
        let client = client.clone();
        async move {
            let rejected = client.oneshot(request).await?;
            assert_eq!(rejected.status(), 503);
            Ok(Response::new(Full::from("cached")))
        }
    })
}

/// The same cache as a middleware that replaces the breaker's response.
fn cached_by_a_middleware()
-> impl Service<Request<Full<Bytes>>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send {
    ServiceBuilder::new()
        .map_response(|rejected: Answer| {
            assert_eq!(rejected.status(), 503);
            Response::new(Full::from("cached"))
        })
        .service(rejecting())
}

/// A middleware that changes the status and the body of the breaker's response.
fn cached_in_place()
-> impl Service<Request<Full<Bytes>>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send {
    ServiceBuilder::new()
        .map_response(|mut rejected: Answer| {
            *rejected.status_mut() = StatusCode::OK;
            rejected.map(|_| Full::from("cached"))
        })
        .service(rejecting())
}

async fn text(response: Answer) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

macro_rules! check_cached {
    ($inner:expr) => {
        // The fallback has the default classifier, which can't inspect responses, and then one that
        // can.
        let backup = || Response::new(Full::from("backup"));
        let plain = FallbackLayer::value(backup()).without_observers().layer($inner);
        assert_eq!(text(plain.oneshot(request()).await.unwrap()).await, "cached");
        let by_status =
            FallbackLayer::value(backup()).without_observers().classifier(StatusClassifier::default()).layer($inner);
        assert_eq!(text(by_status.oneshot(request()).await.unwrap()).await, "cached");
        let retried = FallbackLayer::value(backup()).without_observers().layer(RetryLayer::new(config()).layer($inner));
        assert_eq!(text(retried.oneshot(request()).await.unwrap()).await, "cached");
    };
}

#[tokio::test(start_paused = true)]
async fn a_cached_response_after_a_rejection_is_kept() {
    check_cached!(cached());
    check_cached!(cached_by_a_middleware());
}

#[tokio::test(start_paused = true)]
async fn a_rejection_turned_into_a_response_is_kept() {
    let by_status =
        FallbackLayer::value(empty_response(500)).without_observers().classifier(StatusClassifier::default());
    let answered = by_status.layer(cached_in_place()).oneshot(request()).await.unwrap();
    assert_eq!(text(answered).await, "cached");
}

#[tokio::test(start_paused = true)]
async fn cached_responses_close_a_half_open_circuit() {
    macro_rules! check {
        ($config:expr, $inner:expr) => {
            let probes = Probes::successes(5).unwrap();
            let config =
                $config.without_observers().probes(probes).open_for(OpenDuration::fixed(Duration::from_secs(1)));
            let circuit = Circuit::new(config.count_all_calls());
            circuit.force_open();
            circuit.set_mode(tower_recourse::breaker::Mode::Auto);
            while circuit.state() == State::Closed {
                circuit.try_acquire().unwrap().failure();
            }
            tokio::time::advance(Duration::from_secs(1)).await;
            for _ in 0..5 {
                let service = BreakerLayer::on(&circuit).layer($inner);
                assert_eq!(text(service.oneshot(request()).await.unwrap()).await, "cached");
            }
            assert_eq!((circuit.state(), circuit.stats().total_neutral), (State::Closed, 0));
        };
    }
    check!(BreakerConfig::http().fixed_share(), cached());
    check!(BreakerConfig::http().fixed_share(), cached_in_place());
    check!(BreakerConfig::default().fixed(), cached());
    check!(BreakerConfig::default().fixed(), cached_by_a_middleware());
}

type Boxed = UnsyncBoxBody<Bytes, io::Error>;

fn boxed(response: Answer) -> Response<Boxed> {
    response.map(|body| body.map_err(|never| match never {}).boxed_unsync())
}

fn backup<E>(_: PrimaryFailure<'_, Response<Boxed>, E>) -> std::future::Ready<Result<Response<Boxed>, Infallible>> {
    std::future::ready(Ok(boxed(empty_response(203))))
}

/// A circuit that opens for 5 s. A retry would wait that long if it treated the rejection as a
/// failure.
fn shortly_open() -> Circuit<tower_recourse::http::StatusClassifier> {
    let circuit = Circuit::new(
        BreakerConfig::http().fixed_share().without_observers().open_for(OpenDuration::fixed(Duration::from_secs(5))),
    );
    while circuit.state() == State::Closed {
        circuit.try_acquire().unwrap().failure();
    }
    circuit
}

#[tokio::test(start_paused = true)]
async fn a_rejection_whose_body_changed_its_type_is_not_retried() {
    let (circuit, inner) = (shortly_open(), Scripted::new(|_| empty_response(200)));
    let outer = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(9));
    let service = ServiceBuilder::new()
        .layer(FallbackLayer::from_fn(backup).without_observers())
        .layer(RetryLayer::new(RetryConfig::http().retries(2).without_observers().shared_budget(budget.clone())))
        .layer(BreakerLayer::on(&outer))
        .map_response(boxed)
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .service(inner.service());
    let answered = service.oneshot(request()).await.unwrap();
    assert_eq!(answered.status(), 203, "the fallback is called, although its classifier can't inspect responses");
    assert_eq!((circuit.stats().total_rejected, inner.calls(), budget.balance()), (1, 0, 9));
    assert_eq!(outer.stats().total_neutral, 1);
}

/// Calls the service on another task, and returns the response in a later poll.
fn later<S>(
    service: S,
) -> impl Service<Request<Full<Bytes>>, Response = S::Response, Error = Infallible, Future: Send> + Clone
where
    S: Service<Request<Full<Bytes>>, Error = Infallible, Future: Send, Response: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    service_fn(move |request| {
        let call = service.clone().oneshot(request);
        async move {
            let response = tokio::spawn(call).await.unwrap();
            yield_now().await;
            response
        }
    })
}

/// Puts all layers around a service that rejects. Checks that each layer recognises the rejection.
macro_rules! is_known {
    ($circuit:expr, $inner:expr) => {{
        let outer = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
        let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(9));
        let transient = classify::outcomes(|_: Result<&Answer, &Infallible>| Verdict::transient());
        let retry =
            RetryConfig::http().retries(2).classifier(classify::first(transient).or(StatusClassifier::default()));
        let service = ServiceBuilder::new()
            .layer(ReportExtensionLayer)
            .layer(
                FallbackLayer::value(empty_response(203)).classifier(StatusClassifier::default()).without_observers(),
            )
            .layer(RetryLayer::new(retry.without_observers().shared_budget(budget.clone())))
            .layer(RetryLayer::new(RetryConfig::http().retries(2).without_observers().shared_budget(budget.clone())))
            .layer(BreakerLayer::on(&outer).on_rejection(Unavailable))
            .service($inner);
        let answered = service.oneshot(request()).await.unwrap();
        let how = *answered.extensions().get::<CallReport>().unwrap();
        assert_eq!((answered.status().as_u16(), budget.balance()), (203, 9));
        assert_eq!(($circuit.stats().total_rejected, outer.stats().total_neutral), (1, 1));
        assert!(how.cause().unwrap().is_rejection());
    }};
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_arrives_later_is_recognised() {
    let circuit = shortly_open();
    is_known!(circuit, later(BreakerLayer::on(&circuit).on_rejection(Unavailable).layer(never_called())));
}

fn never_called()
-> impl Service<Request<Full<Bytes>>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(|_| async { unreachable!("the circuit is open") })
}

fn teapot(_: &Rejection) -> Answer {
    empty_response(418)
}

/// No classifier counts 418 or 200 as a failure.
#[tokio::test(start_paused = true)]
async fn a_custom_response_to_a_rejection_is_recognised() {
    let circuit = shortly_open();
    is_known!(circuit, later(BreakerLayer::on(&circuit).respond_when_open(teapot).layer(never_called())));
    let circuit = shortly_open();
    is_known!(
        circuit,
        later(BreakerLayer::on(&circuit).respond_when_open(|_| empty_response(200)).layer(never_called()))
    );
    let circuit = shortly_open();
    let body_breaker = BodyBreakerLayer::on(&circuit).respond_when_open(teapot).layer(never_called());
    is_known!(
        circuit,
        later(
            ServiceBuilder::new().map_response(|made: Response<_>| made.map(|_| Full::default())).service(body_breaker)
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_response_marked_by_hand_is_recognised() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers());
    circuit.force_open();
    let respond = |rejection: &Rejection| {
        let mut made = empty_response(503);
        mark_rejection(&mut made, rejection.clone());
        made
    };
    let service = BreakerLayer::on(&circuit).respond_when_open(respond).layer(never_called());
    let made = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(rejection(&made).map(Rejection::state), Some(State::Open));
    circuit.reset();
    circuit.set_mode(tower_recourse::breaker::Mode::ForcedOpen);
    let counted = circuit.stats().total_rejected;
    let retry = RetryLayer::new(RetryConfig::http().retries(2).without_observers());
    retry.layer(later(service)).oneshot(request()).await.unwrap();
    assert_eq!(circuit.stats().total_rejected - counted, 1);
}

#[tokio::test(start_paused = true)]
async fn the_mark_of_a_rejection_contains_the_rejection() {
    let rejected = rejecting().oneshot(request()).await.unwrap();
    assert_eq!(rejection(&rejected).map(|rejection| rejection.name().to_string()), Some("http".to_owned()));
    let cached = cached().oneshot(request()).await.unwrap();
    assert!(rejection(&cached).is_none());
    let cached = cached_in_place().oneshot(request()).await.unwrap();
    assert!(rejection(&cached).is_none());
}

/// A response that the service makes itself is counted, even if a call that it made meanwhile was
/// rejected.
#[tokio::test(start_paused = true)]
async fn a_503_of_the_service_after_a_rejection_is_a_failure() {
    let client = rejecting();
    let outer = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
    let handler = service_fn(move |request| {
        let client = client.clone();
        async move {
            drop(client.oneshot(request).await?);
            Ok::<_, Infallible>(empty_response(503))
        }
    });
    let service = BreakerLayer::on(&outer).layer(handler);
    for _ in 0..50 {
        service.clone().oneshot(request()).await.unwrap();
        outer.reset();
    }
    assert_eq!((outer.stats().total_failures, outer.stats().total_neutral), (50, 0));
}

/// Runs the service on a task, behind `tower::buffer`.
fn buffered<S>(inner: S) -> Buffer<Request<Full<Bytes>>, S::Future>
where
    S: Service<Request<Full<Bytes>>, Error = Infallible, Future: Send + 'static> + Send + 'static,
{
    Buffer::new(inner, 8)
}

/// Makes three requests, and returns the balance of the budget.
macro_rules! deposits {
    ($budget:expr, $service:expr) => {{
        let service = $service;
        for _ in 0..3 {
            let answered = service.clone().oneshot(request()).await.unwrap();
            assert_eq!(answered.status(), 200);
        }
        $budget.balance()
    }};
}

#[tokio::test(start_paused = true)]
async fn a_request_through_buffers_deposits_once() {
    let inner = || Scripted::new(|_| empty_response(200)).service();
    let budget = Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0));
    let retry = || RetryLayer::new(RetryConfig::http().retries(2).without_observers().shared_budget(budget.clone()));
    assert_eq!(deposits!(budget, retry().layer(buffered(retry().layer(inner())))), 3);
    // Three retries. The outer and the inner one share the budget; the one in between has another
    // budget.
    let other = Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0));
    let between = RetryLayer::new(RetryConfig::http().retries(2).without_observers().shared_budget(other.clone()));
    let innermost = BoxCloneService::new(buffered(retry().layer(inner())).map_err(never));
    let middle = BoxCloneService::new(buffered(between.layer(innermost)).map_err(never));
    assert_eq!(deposits!(budget, retry().layer(middle)), 6);
    assert_eq!(other.balance(), 3);
}

fn never(error: tower::BoxError) -> Infallible {
    panic!("{error}")
}

/// Two layers of one config, and then one layer twice.
#[tokio::test(start_paused = true)]
async fn a_request_through_one_retry_twice_deposits_once() {
    let inner = || Scripted::new(|_| empty_response(200)).service();
    let budget = Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0));
    let config = RetryConfig::http().retries(2).without_observers().shared_budget(budget.clone());
    let (one, other) = (RetryLayer::new(config.clone()), RetryLayer::new(config));
    assert_eq!(deposits!(budget, one.layer(buffered(other.layer(inner())))), 3);
    let weak = Arc::downgrade(&budget);
    let layer = RetryLayer::new(RetryConfig::http().retries(2).without_observers().shared_budget(budget));
    let balance = || weak.upgrade().unwrap().balance();
    let service = layer.layer(buffered(layer.layer(inner())));
    for requests in 4..7 {
        service.clone().oneshot(request()).await.unwrap();
        assert_eq!(balance(), requests);
    }
}
