//! All three layers with the HTTP presets, around a service that responds at once: the layers'
//! share of the end-to-end time.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{
    body::Bytes,
    http::{Request, Response},
};
use http_body_util::Empty;
use tower::{Layer, Service};
use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer};

use crate::{
    contender::{BARE, Case, Contender, OURS},
    upstream::{Down, at_once},
};

type Outgoing = Request<Empty<Bytes>>;

pub fn cases() -> Vec<Case> {
    vec![Case::new("HTTP presets, all three stacked, success", || {
        let stacked = FallbackLayer::new(Web)
            .layer(RetryLayer::new(RetryConfig::http()).layer(BreakerLayer::new(BreakerConfig::http()).layer(Web)));
        vec![contender(BARE, Web), contender(OURS, stacked)]
    })]
}

#[derive(Clone)]
struct Web;

impl Service<Outgoing> for Web {
    type Response = Response<Empty<Bytes>>;
    type Error = Down;
    type Future = Ready<Result<Self::Response, Down>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Down>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Outgoing) -> Self::Future {
        ready(Ok(Response::new(std::hint::black_box(request).into_body())))
    }
}

/// Each call receives a clone of the request.
fn contender<S>(name: &'static str, mut service: S) -> Contender
where
    S: Service<Outgoing, Response = Response<Empty<Bytes>>> + Send + 'static,
{
    let request = Request::get("http://localhost:8080/orders/7").body(Empty::new()).expect("a request");
    let future = Some(size_of_val(&service.call(request.clone())));
    let call = move || {
        assert!(service.poll_ready(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
        at_once(|| service.call(request.clone()), Result::is_ok)
    };
    Contender { future, ..Contender::of(name, call) }
}
