//! HTTP stacks that are `Sync`, and whose futures are. These tests pass if they compile.

use std::time::Duration;

use ::http::{Request, Response};
use axum::{Router, routing::get};
use bytes::Bytes;
use http_body::Body;
use http_body_util::{
    BodyExt, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client},
    rt::TokioExecutor,
};
use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerError, RetryConfig, RetryLayer,
    http::{
        self, BodyBreakerLayer, BodyTimeoutLayer, FirstFrameLayer, IdempotencyKeyLayer, Replayable,
        ReportExtensionLayer, RetireConnectionLayer, body_breaker::TrackedBody, body_timeout::TimeoutBody,
        first_frame::FirstFrameBody,
    },
    retry::Timeouts,
};

use crate::loopback::{request, serve};

fn is_send_and_sync<T: Send + Sync>(_: &T) {}

/// The type of body that the stack returns.
type ResponseBody = TrackedBody<FirstFrameBody<TimeoutBody<Incoming>>>;

/// A stack of all layers. The request's body may be one that isn't `Sync`.
fn stack<B>() -> BoxCloneSyncService<Request<B>, Response<ResponseBody>, BoxError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Replayable<Stored: Send> + Send + Unpin + 'static,
{
    ServiceBuilder::new()
        .map_err(BreakerError::into_boxed)
        .layer(ReportExtensionLayer)
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::new(RetryConfig::http().timeouts(Timeouts::attempt(Duration::from_secs(1)))))
        .layer(BodyBreakerLayer::new(BreakerConfig::http()))
        .layer(FirstFrameLayer::new())
        .layer(BodyTimeoutLayer::new())
        .map_err(BoxError::from)
        .layer(RetireConnectionLayer::new())
        .boxed_clone_sync()
        .service(Client::builder(TokioExecutor::new()).build_http::<B>())
}

/// The standard stack.
fn standard() -> BoxCloneSyncService<Request<Full<Bytes>>, Response<http::ResponseBody<Incoming>>, legacy::Error> {
    ServiceBuilder::new()
        .layer(http::StandardLayer::http("upstream").fallback_response(Response::new("stored".into())))
        .boxed_clone_sync()
        .service(Client::builder(TokioExecutor::new()).build_http())
}

#[test]
fn a_whole_stack_can_be_boxed_by_service_builder() {
    is_send_and_sync(&standard());
    is_send_and_sync(&stack::<Full<Bytes>>());
    is_send_and_sync(&stack::<UnsyncBoxBody<Bytes, BoxError>>());
}

/// `boxed` requires a body that is `Sync`.
#[tokio::test]
async fn bodies_of_responses_can_be_boxed() {
    let upstream = serve(Router::new().route("/", get(|| async { "a poem" }))).await;
    let response = stack::<Full<Bytes>>().oneshot(request("GET", upstream, "")).await.unwrap();
    let body: BoxBody<Bytes, BoxError> = response.into_body().map_err(BoxError::from).boxed();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "a poem");
}
