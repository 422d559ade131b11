//! A stack around hyper's client, called from axum handlers and from spawned tasks as in the docs.
//!
//! The stack has boxed errors, because its attempts have a time limit. tower's `oneshot` compiles
//! in a closure or a spawned task only if such a stack is boxed. The `oneshot` of this crate's
//! services compiles there if one of them is the outermost.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer, fallback::PrimaryFailure,
    http::DeadlineLayer, retry::Timeouts,
};

use crate::loopback::{self, serve};

/// A macro keeps the concrete type of the stack, as in the docs. A function would have to return
/// `impl Service`.
macro_rules! stack {
    () => {
        ServiceBuilder::new()
            .map_err(BreakerError::into_boxed)
            .map_response(|response: Response<_>| response.map(Body::new))
            .layer(RetryLayer::new(RetryConfig::http().retries(2).timeouts(Timeouts::attempt(Duration::from_secs(5)))))
            .layer(BreakerLayer::new(BreakerConfig::http()))
            .map_err(BoxError::from)
            .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>())
    };
}

async fn upstream() -> SocketAddr {
    serve(Router::new().route("/", get(|| async { "a poem" }))).await
}

fn request(address: SocketAddr) -> Request<Full<Bytes>> {
    loopback::request("GET", address, "")
}

/// The response to a client of the app at `address`.
async fn answer(address: SocketAddr) -> Bytes {
    loopback::client().request(request(address)).await.unwrap().into_body().collect().await.unwrap().to_bytes()
}

type Documents = BoxCloneSyncService<Request<Full<Bytes>>, Response, BoxError>;

async fn document(State((documents, upstream)): State<(Documents, SocketAddr)>) -> Result<Response, StatusCode> {
    documents.oneshot(request(upstream)).await.map_err(|_| StatusCode::BAD_GATEWAY)
}

#[tokio::test]
async fn a_handler_calls_a_boxed_stack_by_oneshot() {
    let state = (Documents::new(stack!()), upstream().await);
    let app = serve(Router::new().route("/", get(document)).with_state(state)).await;
    assert_eq!(answer(app).await, "a poem");
}

#[tokio::test]
async fn a_handler_calls_a_stack_by_ready_and_call() {
    let (stack, upstream) = (stack!(), upstream().await);
    let handler = move || {
        let mut stack = stack.clone();
        async move {
            let service = stack.ready().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
            service.call(request(upstream)).await.map_err(|_| StatusCode::BAD_GATEWAY)
        }
    };
    let app = serve(Router::new().route("/", get(handler))).await;
    assert_eq!(answer(app).await, "a poem");
}

#[tokio::test]
async fn a_spawned_task_calls_a_stack_by_ready_and_call() {
    let (mut stack, upstream) = (stack!(), upstream().await);
    let response = tokio::spawn(async move { stack.ready().await?.call(request(upstream)).await });
    assert_eq!(response.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_spawned_task_calls_a_boxed_stack_by_oneshot() {
    let (documents, upstream) = (Documents::new(stack!()), upstream().await);
    let response = tokio::spawn(documents.oneshot(request(upstream)));
    assert_eq!(response.await.unwrap().unwrap().status(), StatusCode::OK);
}

/// The same stack inside a fallback, whose service has the method `oneshot`.
macro_rules! stack_with_fallback {
    () => {
        ServiceBuilder::new()
            .layer(
                FallbackLayer::from_fn(|_: PrimaryFailure<'_, Response, BoxError>| async {
                    Ok::<_, BoxError>(Response::new(Body::from("a stored poem")))
                })
                .merge_errors(|_: BoxError, backup: BoxError| backup),
            )
            .service(stack!())
    };
}

#[tokio::test]
async fn a_handler_calls_a_stack_by_oneshot() {
    let (stack, upstream) = (stack_with_fallback!(), upstream().await);
    let handler = move || {
        let call = stack.clone().oneshot(request(upstream));
        async move { call.await.map_err(|_| StatusCode::BAD_GATEWAY) }
    };
    let app = serve(Router::new().route("/", get(handler))).await;
    assert_eq!(answer(app).await, "a poem");
}

#[tokio::test]
async fn a_handler_calls_oneshot_in_its_async_block() {
    let (stack, upstream) = (stack_with_fallback!(), upstream().await);
    let handler = move || {
        let stack = stack.clone();
        async move {
            let answer: Result<Response, BoxError> = stack.oneshot(request(upstream)).await;
            answer.map_err(|_| StatusCode::BAD_GATEWAY)
        }
    };
    let app = serve(Router::new().route("/", get(handler))).await;
    assert_eq!(answer(app).await, "a poem");
}

#[tokio::test]
async fn oneshot_of_the_retry_and_the_breaker_can_be_spawned() {
    let upstream = upstream().await;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::http().timeouts(Timeouts::attempt(Duration::from_secs(5)))))
        .layer(BreakerLayer::new(BreakerConfig::http()))
        .map_err(BoxError::from)
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let first = tokio::spawn(stack.clone().oneshot(request(upstream)));
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    let second = tokio::spawn(async move {
        let response = stack.oneshot(request(upstream)).await.map_err(BreakerError::into_boxed)?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(response.status())
    });
    assert_eq!(second.await.unwrap().unwrap(), StatusCode::OK);
}

/// The deadline covers the fallback too, so its layer is the outermost.
#[tokio::test]
async fn oneshot_of_a_deadline_around_the_stack_can_be_spawned() {
    let upstream = upstream().await;
    let stack = ServiceBuilder::new()
        .layer(DeadlineLayer::new(Duration::from_secs(5)).on_timeout(|elapsed| Err(elapsed.into())))
        .service(stack_with_fallback!());
    let first = tokio::spawn(stack.clone().oneshot(request(upstream)));
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    let second = tokio::spawn(async move { stack.oneshot(request(upstream)).await });
    assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::OK);
}
