//! The bytes that the layers add to a call's future. The request type has a niche for the tag of an
//! `Option`, as most types do, and the future of the service isn't zero-sized.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use tokio::time::Sleep;
use tower::{Layer, Service};
use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer};

type Answer = Result<[u64; 4], [u64; 2]>;

#[derive(Clone)]
struct Plain;

impl Service<String> for Plain {
    type Response = [u64; 4];
    type Error = [u64; 2];
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: String) -> Self::Future {
        ready(Ok([0; 4]))
    }
}

/// The added bytes and their limit.
pub struct Added {
    pub what: &'static str,
    pub goal: &'static str,
    pub bytes: usize,
    pub limit: usize,
}

pub fn all() -> [Added; 2] {
    let added = |future: usize| future - size_of::<Ready<Answer>>();
    let breaker = size_of_val(&BreakerLayer::new(BreakerConfig::default()).layer(Plain).call(String::new()));
    let retry = size_of_val(&RetryLayer::new(RetryConfig::default()).layer(Plain).call(String::new()));
    let kept = size_of::<String>() + size_of::<Plain>() + size_of::<Sleep>();
    [
        Added { what: "the breaker's future", goal: "≤ 64 bytes", bytes: added(breaker), limit: 64 },
        Added {
            what: "the retry's future",
            goal: "≤ 96 bytes + request + service + timer",
            bytes: added(retry),
            limit: 96 + kept,
        },
    ]
}
