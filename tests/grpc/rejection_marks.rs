//! A breaker marks its response to a rejected call (`http::mark_rejection`), and outer layers
//! recognise the mark, as with HTTP. In gRPC the HTTP status of the response is always 200.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tower::{Layer, Service, ServiceBuilder, buffer::Buffer, service_fn};
use tower_http::trace::TraceLayer;
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Rejection, RetryConfig, RetryLayer, State,
    breaker::{OpenDuration, TripRule},
    grpc::{Code, PeekLayer, StatusClassifier, Unavailable, code},
    retry::{Budget, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;

type Answer = Response<Full<Bytes>>;

fn response(code: &'static str) -> Answer {
    let response = Response::builder().header("content-type", "application/grpc").header("grpc-status", code);
    response.body(Full::default()).unwrap()
}

fn request() -> Request<Full<Bytes>> {
    Request::post("/greeter.Greeter/Greet").body(Full::from("body")).unwrap()
}

fn open() -> Circuit<StatusClassifier> {
    let config = BreakerConfig::grpc().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers();
    let circuit = Circuit::new(config.open_for(OpenDuration::fixed(Duration::from_secs(5))));
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.state(), State::Open);
    circuit
}

fn never_called()
-> impl Service<Request<Full<Bytes>>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(|_| async { unreachable!("the circuit is open") })
}

/// Checks that both layers recognise the rejection of an inner service: a retry that waits as long
/// as the pushback requests, and an outer breaker.
macro_rules! is_known {
    ($circuit:expr, $inner:expr) => {{
        let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(9));
        let outer = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers().count_all_calls());
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(RetryConfig::grpc().retries(2).without_observers().shared_budget(budget.clone())))
            .layer(BreakerLayer::on(&outer).on_rejection(Unavailable))
            .layer(PeekLayer::new())
            .service($inner);
        let answered = service.oneshot(request()).await.unwrap();
        assert_eq!(code(&answered), Some(Code::Unavailable));
        assert_eq!(($circuit.stats().total_rejected, budget.balance()), (1, 9));
        assert_eq!((outer.stats().total_neutral, outer.stats().total_failures), (1, 0));
    }};
}

#[tokio::test(start_paused = true)]
async fn a_rejection_whose_body_changed_its_type_is_not_retried() {
    let circuit = open();
    let rejecting = BreakerLayer::on(&circuit).on_rejection(Unavailable).layer(never_called());
    type Boxed = UnsyncBoxBody<Bytes, Infallible>;
    let boxing = |response: Answer| -> Response<Boxed> { response.map(BodyExt::boxed_unsync) };
    is_known!(circuit, ServiceBuilder::new().map_response(boxing).service(rejecting));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_through_a_trace_layer_is_not_retried() {
    let circuit = open();
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(9));
    let outer = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers().count_all_calls());
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::grpc().retries(2).without_observers().shared_budget(budget.clone())))
        .layer(BreakerLayer::on(&outer))
        .layer(PeekLayer::new())
        .layer(TraceLayer::new_for_grpc())
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .service(never_called());
    assert_eq!(code(&service.oneshot(request()).await.unwrap()), Some(Code::Unavailable));
    assert_eq!((circuit.stats().total_rejected, budget.balance()), (1, 9));
    assert_eq!((outer.stats().total_neutral, outer.stats().total_failures), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_arrives_later_is_not_retried() {
    let circuit = open();
    let rejecting = BreakerLayer::on(&circuit).on_rejection(Unavailable).layer(never_called());
    let later = service_fn(move |request| {
        let call = rejecting.clone().oneshot(request);
        async move {
            let response = tokio::spawn(call).await.unwrap();
            tokio::task::yield_now().await;
            response
        }
    });
    is_known!(circuit, later);
}

#[tokio::test(start_paused = true)]
async fn a_custom_response_to_a_rejection_is_not_retried() {
    let circuit = open();
    let respond = |_: &Rejection| response("14");
    let rejecting = BreakerLayer::on(&circuit).respond_when_open(respond).layer(never_called());
    let later = service_fn(move |request| {
        let call = rejecting.clone().oneshot(request);
        async move { tokio::spawn(call).await.unwrap() }
    });
    is_known!(circuit, later);
}

#[tokio::test(start_paused = true)]
async fn responses_and_failures_after_a_rejection_are_counted() {
    for (code, counted) in [("0", (50, 0)), ("14", (0, 50))] {
        let rejecting = BreakerLayer::on(&open()).on_rejection(Unavailable).layer(never_called());
        let outer = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers().count_all_calls());
        let handler = service_fn(move |request| {
            let rejecting = rejecting.clone();
            async move {
                drop(rejecting.oneshot(request).await?);
                Ok::<_, Infallible>(response(code))
            }
        });
        let service = BreakerLayer::on(&outer).layer(handler);
        for _ in 0..50 {
            service.clone().oneshot(request()).await.unwrap();
            outer.reset();
        }
        let stats = outer.stats();
        assert_eq!(((stats.total_successes.unwrap(), stats.total_failures), stats.total_neutral), (counted, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_through_a_buffer_deposits_once() {
    let budget = Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0));
    let retry = || RetryLayer::new(RetryConfig::grpc().retries(2).without_observers().shared_budget(budget.clone()));
    let good = service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(response("0")) });
    let buffered = Buffer::new(retry().layer(good), 8);
    let service = RetryLayer::new(RetryConfig::grpc().retries(2).without_observers().shared_budget(budget.clone()))
        .layer(buffered);
    for requests in 1..4 {
        service.clone().oneshot(request()).await.unwrap();
        assert_eq!(budget.balance(), requests);
    }
}
