//! Retry and breaker presets for gRPC, and a layer that reads statuses from trailers.
//!
//! [`RetryConfig::grpc`] and [`BreakerConfig::grpc`](crate::BreakerConfig::grpc) classify calls by
//! gRPC status code. [`PeekLayer`] makes the statuses available that a server sends after the
//! headers.
//!
//! ```text
//! client ─▶ Retry ─▶ Breaker ─▶ Peek ─▶ channel
//! ```
//!
//! With a channel of tonic (feature `tonic`), wrap the channel in the layers and pass the result to
//! the generated client:
//!
#![cfg_attr(feature = "tonic", doc = "```")]
#![cfg_attr(not(feature = "tonic"), doc = "```ignore")]
//! use tonic::transport::Endpoint;
//! use tower::ServiceBuilder;
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer, grpc::PeekLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let channel = Endpoint::from_static("http://prices.example:50051").connect_lazy();
//! let channel = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::grpc()))
//!     .layer(BreakerLayer::new(BreakerConfig::grpc()))
//!     .layer(PeekLayer::new())
//!     .service(channel);
//! let client = tonic::client::Grpc::new(channel);     // or `PricesClient::new(channel)`
//! # let _ = client;
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tonic = "0.14"
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["tonic"] }
//! ```
//!
//! The module doesn't depend on tonic. It works around any service of HTTP requests that implements
//! gRPC.
//!
#![cfg_attr(
    all(feature = "tonic", feature = "fallback"),
    doc = "The page on [tonic](crate::integrations::tonic) covers interceptors, timeouts, servers, and known limitations.\n"
)]
//!
//! | subject | page |
//! |---|---|
//! | retried codes, pushback, `RetryInfo`, deadlines | [`RetryClassifier`] |
//! | codes that a breaker counts as failures | [`BreakerClassifier`] |
//! | statuses in trailers | [`PeekLayer`] |
//! | time limits for streams | [`http::BodyTimeoutLayer`](crate::http::BodyTimeoutLayer) |
//! | request copies, and the headers of retries | [`GrpcReplay`] |
//! | retry policies that the owner of a service publishes | [`ServiceConfig`] |
//! | the response of a breaker that rejects | [`Unavailable`] |
//!
//! # Which calls are retried
//!
//! Unary and streaming calls are retried until the first message of the response arrives, if the
//! request fits into [the buffer](crate::http::Replay::max_body). After the first message the
//! response belongs to the caller, and its status doesn't matter to the retry.
//!
//! Streams pass through unchanged in both directions. A retry resends what the client has streamed
//! so far, and then the rest. While the client is still streaming, the headers of the response are
//! forwarded at once, because the client may wait for them. After that, there is no retry.
//!
//! # When not to use it
//!
//! - For methods that aren't idempotent, if the server may return UNAVAILABLE after it has executed
//!   a call: the retry decides by status code, not by method.
//! - Together with retries in a proxy. Use one of the two.
//!
//! # Common mistakes
//!
//! [`PeekLayer`] around the breaker. The breaker then sees only the headers, and counts a call that
//! fails in its trailers as a success. [`PeekLayer`] belongs next to the channel:
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer, grpc::PeekLayer};
//!
//! let wrong = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::grpc()))
//!     .layer(PeekLayer::new())
//!     .layer(BreakerLayer::new(BreakerConfig::grpc()));
//! let right = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::grpc()))
//!     .layer(BreakerLayer::new(BreakerConfig::grpc()))
//!     .layer(PeekLayer::new());
//! # let _ = (wrong, right);
//! ```
//!
//! # Events
//!
//! The presets emit the events of [`retry`](crate::retry) and [`breaker`](crate::breaker), under
//! the name `grpc`. [`PeekLayer`] emits no events.

mod breaker_classifier;
mod code;
pub mod peek;
mod replay;
mod retry_classifier;
mod retry_info;
mod service_config;
mod status;
mod timeout;
mod transport_error;
mod unavailable;

pub use breaker_classifier::BreakerClassifier;
pub use code::Code;
pub use peek::PeekLayer;
pub use replay::GrpcReplay;
pub use retry_classifier::RetryClassifier;
pub use service_config::{ServiceConfig, ServiceConfigState};
pub use status::code;
pub use unavailable::Unavailable;

use crate::{
    BreakerConfig, InvalidConfig, RetryConfig,
    retry::{NoTimeouts, quota::NoQuota},
};

impl RetryConfig<RetryClassifier, NoTimeouts, NoQuota, GrpcReplay> {
    /// Preset for gRPC calls.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | [`retries`](Self::retries) | 3 | 4 attempts in total. The waits add up to 0.3–1 s, so an attempt may succeed after a fault of half a second, if the budget has tokens |
    /// | [`backoff`](Self::backoff) | 50 ms, 150 ms, 450 ms … up to 20 s, each × 0.5–1.5 | as for [`http`](Self::http) |
    /// | [`throttled_backoff`](Self::throttled_backoff) | 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1 | applies if RESOURCE_EXHAUSTED is one of the [retried codes](RetryClassifier::retry_codes) and comes without a pushback: a limit isn't over after 50 ms |
    /// | [`max_retry_after`](Self::max_retry_after) | 30 s | the retry returns a status with a longer pushback. Set a deadline, or 1 s here, if a user waits |
    /// | [`retry_after_jitter`](Self::retry_after_jitter) | up to 20 % more than the server asks for | clients that got the same pushback don't return together |
    /// | [`budget`](Self::budget) | 20 % of the calls plus 10 retries per second | it bounds the load that retries add to a failing upstream. [`RetryThrottle`](crate::retry::RetryThrottle) is the budget of gRPC's retry proposal (A6) |
    /// | its [initial tokens](crate::retry::TokenBucket::initial) | 100 | a lost connection fails all its calls at once, also right after the start |
    /// | [`wait_out_rejections`](Self::wait_out_rejections) | of up to 250 ms, in a call's first 300 ms | the preset breaker opens for 100 ms at first; a rejected call waits for that instead of failing |
    /// | [`idempotent`](Self::idempotent) | not set | a call on a lost connection [may have been processed](RetryClassifier#lost-connections). RetryClassifier of the server are retried by code |
    /// | [`timeouts`](Self::timeouts) | none | the `grpc-timeout` of a call limits it, if the caller sets one. Set it |
    /// | classifier | [`RetryClassifier`] | retries UNAVAILABLE, RESOURCE_EXHAUSTED with a delay, and calls that provably weren't sent |
    /// | request copies | [`GrpcReplay`] | requests of up to 64 KiB can be resent |
    ///
    /// The preset fits callers that wait for at least 2 s, faults of up to half a second, and an
    /// upstream with few clients (the simulation had up to 16). For other traffic, change the
    /// retries and the backoff, the budget, and the wait for rejections: [`http`](Self::http) has
    /// the table.
    pub fn grpc() -> Self {
        RetryConfig::http().name("grpc").classifier(RetryClassifier::default()).replay(GrpcReplay::default())
    }

    /// Reads retry policies from a gRPC service config in JSON. See [`ServiceConfig`].
    ///
    /// # ErrorClassifier
    ///
    /// If `json` isn't valid JSON, or the value of a field isn't valid. The error contains the path
    /// of the field, such as `methodConfig[0].retryPolicy.maxAttempts`.
    pub fn from_service_config(json: &str) -> Result<ServiceConfig, InvalidConfig> {
        ServiceConfig::read(Self::grpc(), json)
    }
}

impl BreakerConfig<BreakerClassifier> {
    /// Preset for a breaker around a gRPC service.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | thresholds | [the defaults](BreakerConfig) | as for [`http`](BreakerConfig::http) |
    /// | classifier | [`BreakerClassifier`] | statuses of an unhealthy service are failures |
    pub fn grpc() -> Self {
        BreakerConfig::default().name("grpc").classifier(BreakerClassifier)
    }
}
