//! Tests of the layers around a `reqwest::Client`, with servers on sockets.

mod bodies;
mod breaker;
mod errors;
mod redirects;
mod retries;
mod server;
#[path = "../support/span_tree.rs"]
mod span_tree;
mod spans;
mod stacks;

use std::time::Duration;

use reqwest::{Client, Method, Request, Response};
use tower::{Service, ServiceBuilder, util::MapErr};
use tower_recourse::{
    RetryConfig, RetryLayer,
    http::StatusClassifier,
    reqwest::{Error, Replay},
    retry::{Backoff, NoTimeouts, Retry, quota::NoQuota},
};

type ReqwestRetry = RetryConfig<StatusClassifier, NoTimeouts, NoQuota, Replay>;

pub(crate) fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// The preset with short delays, and without a budget.
pub(crate) fn config() -> ReqwestRetry {
    RetryConfig::reqwest()
        .backoff(Backoff::fixed(ms(2)))
        .throttled_backoff(Backoff::fixed(ms(2)))
        .without_budget()
        .without_observers()
}

type Retried = Retry<MapErr<Client, fn(reqwest::Error) -> Error>, ReqwestRetry, Replay>;

pub(crate) fn retried(client: Client) -> Retried {
    let client_error: fn(reqwest::Error) -> Error = Error::Client;
    ServiceBuilder::new().layer(RetryLayer::new(config())).map_err(client_error).service(client)
}

pub(crate) fn request(method: Method, url: &str) -> Request {
    Request::new(method, url.parse().unwrap())
}

pub(crate) async fn send<S>(service: &mut S, request: Request) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// Sends a request and returns the status and the body.
pub(crate) async fn answer<S>(service: &mut S, request: Request) -> (u16, String)
where
    S: Service<Request, Response = Response, Error: std::fmt::Debug>,
{
    let response = send(service, request).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}
