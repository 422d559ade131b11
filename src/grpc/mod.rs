//! Retry and breaker presets for gRPC, and a layer that reads statuses from trailers.
//!
//! [`RetryConfig::grpc`](crate::RetryConfig::grpc) and
//! [`BreakerConfig::grpc`](crate::BreakerConfig::grpc) classify calls by gRPC status code.
//! [`PeekLayer`] lets them also see a status that a server sends in trailers, after the headers.
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
//! use tower_recourse::grpc::{PeekLayer, Unavailable};
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let channel = Endpoint::from_static("http://prices.example:50051").connect_lazy();
//! let channel = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::grpc()))
//!     .layer(BreakerLayer::new(BreakerConfig::grpc()).on_rejection(Unavailable))
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
//! | all layers in the recommended order, with one deadline | [`http::standard`](crate::http::standard) |
//! | retried codes, codes that a breaker counts as failures, pushback, `RetryInfo`, deadlines | [`StatusClassifier`] |
//! | statuses in trailers | [`PeekLayer`] |
//! | time limits for streams | [`http::BodyTimeoutLayer`](crate::http::BodyTimeoutLayer) |
//! | request copies, and the headers of retries | [`GrpcReplay`] |
//! | retry policies that the owner of a service publishes | [`ServiceConfig`] |
//! | the response of a breaker that rejects a call | [`Unavailable`] |
//! | the response of a call that has timed out | [`DeadlineExceeded`], [`DeadlineStatusLayer`] |
//!
//! # Which calls are retried
//!
//! Unary and streaming calls are retried until the first message of the response arrives, if the
//! request fits into [the buffer](crate::http::Replay::max_body). After the first message, the
//! retry returns the response to the caller and doesn't act on its status.
//!
//! Streams pass through unchanged in both directions. A retry resends what the client has streamed
//! so far, and then the rest. While the client is still streaming, the headers of the response are
//! forwarded at once, because the client may wait for them. Once the headers are forwarded, the
//! call isn't retried.
//!
//! # When not to use it
//!
//! - For methods that aren't idempotent, if the server may return UNAVAILABLE after it has executed
//!   a call: the retry decides by status code, not by method.
//! - Together with retries in a proxy. Use one of the two.
//!
//! # Common mistakes
//!
//! **A breaker without [`Unavailable`].** The caller then gets UNKNOWN when the breaker rejects a
//! call, because the error of such a breaker is a [`BreakerError`](crate::BreakerError), which
//! tonic converts to UNKNOWN. With `.on_rejection(Unavailable)` the caller gets UNAVAILABLE, and
//! the error type stays that of the channel.
//!
//! **[`PeekLayer`] around the breaker.** The breaker then sees only the headers, and counts a call
//! that fails in its trailers as a success. [`PeekLayer`] belongs next to the channel:
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_recourse::grpc::{PeekLayer, Unavailable};
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer};
//!
//! let wrong = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::grpc()))
//!     .layer(PeekLayer::new())
//!     .layer(BreakerLayer::new(BreakerConfig::grpc()).on_rejection(Unavailable));
//! let right = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::grpc()))
//!     .layer(BreakerLayer::new(BreakerConfig::grpc()).on_rejection(Unavailable))
//!     .layer(PeekLayer::new());
//! # let _ = (wrong, right);
//! ```
//!
//! # Events
//!
//! The presets emit the events of [`retry`](crate::retry) and [`breaker`](crate::breaker), under
//! the name `grpc`. [`PeekLayer`] emits no events.

mod code;
mod deadline_exceeded;
mod deadline_status;
pub mod peek;
mod presets;
mod replay;
mod response_state;
mod retry_info;
mod service_config;
#[cfg(feature = "tracing")]
mod spans;
mod standard;
mod status;
mod status_classifier;
mod timeout_header;
mod timeout_header_layer;
mod transport_error;
mod unavailable;

pub use code::Code;
pub use deadline_exceeded::DeadlineExceeded;
pub use deadline_status::{DeadlineStatus, DeadlineStatusFuture, DeadlineStatusLayer};
pub use peek::{Peek, PeekLayer};
pub use replay::GrpcReplay;
pub use response_state::code;
pub use service_config::{ServiceConfig, ServiceConfigState};
#[cfg(feature = "tracing")]
pub use spans::{GrpcAttemptSpan, GrpcCallSpan};
pub use standard::Grpc;
pub use status_classifier::StatusClassifier;
pub use timeout_header_layer::{TimeoutHeader, TimeoutHeaderLayer};
pub use unavailable::Unavailable;
