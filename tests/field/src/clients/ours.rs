use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, RetryConfig, RetryLayer,
    http::{BodyBreakerLayer, BodyTimeoutLayer, FirstFrameLayer},
    retry::Timeouts,
};

use super::{Service, Setup, boxed, pooled, reqwest_builder};
use crate::{Error, attempts::Attempts};

/// Puts Retry → Breaker with the presets around an HTTP client.
macro_rules! stack {
    ($setup:expr, $client:expr) => {{
        let outside = ServiceBuilder::new()
            .map_request(|request: Request<Bytes>| request.map(Full::new))
            .map_response(boxed)
            .map_err(BreakerError::into_boxed);
        let breaker = BreakerLayer::new(BreakerConfig::http());
        match $setup.attempt {
            None => Service::new(outside.layer(RetryLayer::new(RetryConfig::http())).layer(breaker).service($client)),
            Some(limit) => {
                let retry = RetryConfig::http().timeouts(Timeouts::attempt(limit));
                Service::new(outside.layer(RetryLayer::new(retry)).layer(breaker).service($client))
            }
        }
    }};
}

pub(super) fn over_hyper(setup: Setup, attempts: &Attempts) -> Service {
    stack!(setup, hyper(setup, attempts))
}

pub(super) fn over_reqwest(setup: Setup, attempts: &Attempts) -> Result<Service, Error> {
    let (client, attempts) = (reqwest_builder(setup).build()?, attempts.clone());
    let send = service_fn(move |request: Request<Full<Bytes>>| {
        attempts.record();
        let client = client.clone();
        async move {
            let request = request.map(reqwest::Body::wrap).try_into()?;
            Ok::<_, BoxError>(Response::<reqwest::Body>::from(client.execute(request).await?))
        }
    });
    Ok(stack!(setup, send))
}

/// The stack that the hyper page recommends for bodies. The idle time of a body has the same limit
/// as an attempt.
pub(super) fn with_bodies(setup: Setup, attempts: &Attempts) -> Result<Service, Error> {
    let limit = setup.attempt.unwrap_or(Duration::from_secs(10));
    let stack = ServiceBuilder::new()
        .map_request(|request: Request<Bytes>| request.map(Full::new))
        .map_response(boxed)
        .map_err(BreakerError::into_boxed)
        .layer(RetryLayer::new(RetryConfig::http().timeouts(Timeouts::attempt(limit))))
        .layer(BodyBreakerLayer::new(BreakerConfig::http()))
        .layer(FirstFrameLayer::new())
        .layer(BodyTimeoutLayer::new().idle(limit)?)
        .service(hyper(setup, attempts));
    Ok(Service::new(stack))
}

pub(super) fn retry_alone(setup: Setup, attempts: &Attempts) -> Service {
    let outside =
        ServiceBuilder::new().map_request(|request: Request<Bytes>| request.map(Full::new)).map_response(boxed);
    let client = hyper(setup, attempts);
    match setup.attempt {
        None => Service::new(outside.layer(RetryLayer::new(RetryConfig::http())).service(client)),
        Some(limit) => {
            let retry = RetryConfig::http().timeouts(Timeouts::attempt(limit));
            Service::new(outside.layer(RetryLayer::new(retry)).service(client))
        }
    }
}

/// hyper-util's client with a boxed error, to which a timeout converts.
fn hyper(
    setup: Setup,
    attempts: &Attempts,
) -> impl tower::Service<Request<Full<Bytes>>, Response = Response<hyper::body::Incoming>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let attempts = attempts.clone();
    ServiceBuilder::new()
        .map_request(move |request: Request<Full<Bytes>>| {
            attempts.record();
            request
        })
        .map_err(BoxError::from)
        .service(pooled(setup))
}
