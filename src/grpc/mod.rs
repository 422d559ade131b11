//! gRPC as it is: [`RetryConfig::grpc`] and [`BreakerConfig::grpc`](crate::BreakerConfig::grpc).
//!
//! ```text
//! client ─▶ Retry ─▶ Breaker ─▶ Peek ─▶ channel
//! ```
//!
//! Around a channel of tonic (feature `tonic`); a generated client is put around it as around the channel itself:
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
//! None of this depends on tonic: it works around any service of HTTP requests that speaks gRPC.
//!
#![cfg_attr(
    all(feature = "tonic", feature = "fallback"),
    doc = "[With tonic](crate::integrations::tonic) tells of interceptors, time-outs, servers, and the rest.\n"
)]
//!
//! | what | page |
//! |---|---|
//! | which codes are retried; pushback; `RetryInfo`; deadlines | [`Statuses`] |
//! | which codes count for a breaker | [`Health`] |
//! | statuses that come after the headers | [`PeekLayer`] |
//! | time limits of streams | [`http::BodyTimeoutLayer`](crate::http::BodyTimeoutLayer) |
//! | what is sent again, and what is written into it | [`Stamped`] |
//! | retries as the service's owner publishes them | [`ServiceConfig`] |
//! | what a breaker answers in place of an error | [`Unavailable`] |
//!
//! # Which calls
//!
//! Unary ones, and those with streams: a call is retried as long as nothing of its answer has come and its request is within
//! [the buffer](crate::http::Replay::max_body). Once a message has come, the answer is the caller's, whatever its trailers say.
//! A stream in either direction passes through as it comes. What the client has streamed so far is sent again, and then the rest. While it
//! still streams, headers are passed on at once, as it may wait for them: from there on nothing is retried.
//!
//! # When not to use it
//!
//! - Where UNAVAILABLE may come after the call took effect, of methods that mustn't take effect twice: gRPC retries by code.
//! - Together with retries in a proxy: one of the two.
//! - Between breaker and retry: [`PeekLayer`] goes innermost, or the breaker doesn't see what it finds.

mod code;
mod fault;
mod health;
pub mod peek;
mod retry_info;
mod service_config;
mod stamped;
mod statuses;
mod timeout;
mod told;
mod unavailable;

pub use code::Code;
pub use health::Health;
pub use peek::PeekLayer;
pub use service_config::{Progress, ServiceConfig};
pub use stamped::Stamped;
pub use statuses::Statuses;
pub use told::code;
pub use unavailable::Unavailable;

use crate::{
    BreakerConfig, Invalid, RetryConfig,
    retry::{NoTimeouts, ledger::NoLedger},
};

impl RetryConfig<Statuses, NoTimeouts, NoLedger, Stamped> {
    /// A retry of gRPC calls.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | [`retries`](Self::retries) | 3 | 4 attempts in total, whose waits add up to 0.3 to 1 s: an attempt may succeed after a fault of half a second, if the budget pays for it |
    /// | [`backoff`](Self::backoff) | 50 ms, 150 ms, 450 ms … up to 20 s, each × 0.5–1.5 | as [`http`](Self::http) |
    /// | [`throttled_backoff`](Self::throttled_backoff) | 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1 | applies if RESOURCE_EXHAUSTED is one of the [codes](Statuses::retry_codes) and comes without a pushback: a limit isn't over after 50 ms |
    /// | [`longest_server_delay`](Self::longest_server_delay) | 30 s | a longer pushback is returned. Set a deadline, or 1 s here, if a user waits |
    /// | [`server_delay_jitter`](Self::server_delay_jitter) | up to 20 % more than asked | clients that got the same pushback don't return together |
    /// | [`budget`](Self::budget) | 20 % of the calls plus 10 retries per second | it bounds the load that retries add to an upstream that fails. [`RetryThrottle`](crate::retry::RetryThrottle) is the budget of gRPC's retry proposal (A6) |
    /// | its [initial tokens](crate::retry::TokenBucket::initial) | 100 | a lost connection fails all its calls at once, also right after the start |
    /// | [`wait_out_rejections`](Self::wait_out_rejections) | of up to 250 ms, in a call's first 300 ms | the preset breaker opens for 100 ms at first; a rejected call waits for that instead of failing |
    /// | [`idempotent`](Self::idempotent) | not stated | a call on a lost connection [may have been processed](Statuses#lost-connections). A status of the server's is retried by its code |
    /// | [`timeouts`](Self::timeouts) | none | a call's own `grpc-timeout` limits it, if the caller sets one: set it |
    /// | classifier | [`Statuses`] | UNAVAILABLE, RESOURCE_EXHAUSTED with a delay, and what provably wasn't sent |
    /// | keeps | [`Stamped`] | requests of up to 64 KiB can be sent again |
    ///
    /// The preset fits callers that wait for 2 s or longer, faults of up to half a second, and an
    /// upstream with few clients (up to 16 were simulated). For other traffic change the retries and the backoff, the budget,
    /// and the wait for rejections: [`http`](Self::http) has the table.
    pub fn grpc() -> Self {
        RetryConfig::http().name("grpc").classifier(Statuses::default()).keeping(Stamped::default())
    }

    /// Retries by gRPC's service config, which is JSON. See [`ServiceConfig`].
    ///
    /// # Errors
    ///
    /// If it isn't JSON, or one of its fields can't be used: the error names its path, such as
    /// `methodConfig[0].retryPolicy.maxAttempts`.
    pub fn from_service_config(json: &str) -> Result<ServiceConfig, Invalid> {
        ServiceConfig::read(Self::grpc(), json)
    }
}

impl BreakerConfig<Health> {
    /// A breaker for gRPC.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | numbers | [the defaults](BreakerConfig) | as [`http`](BreakerConfig::http) |
    /// | classifier | [`Health`] | statuses that show an unhealthy service are failures |
    pub fn grpc() -> Self {
        BreakerConfig::default().name("grpc").classifier(Health)
    }
}
