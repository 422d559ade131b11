//! Retries for event streams (`text/event-stream`) that fail before their first event.
//!
//! A server of server-sent events sends the head at once, and then comments and pings until it has
//! something to say. A retry that sees only the head counts a success. [`FirstEventLayer`] returns
//! the response only when the first *meaningful* event has arrived, so the retry can repeat a call
//! that fails before it. After this event there is no retry, because the caller has the response.
//!
//! ```text
//!           head       : ping       event: error
//! without: ──┴─▶ caller ──┴─▶ caller ──┴─▶ caller       the retry counts a success
//! with:    ──┴────────────┴────────────┴─▶ retry: attempt 2
//! ```
//!
//! ```
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_recourse::{
//!     RetryConfig, RetryLayer, Verdict,
//!     http::{FirstEventLayer, first_event::{EventMeaning, ServerEvent}},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // An API of a language model: it may report a failure as the first event of a stream.
//! let events = FirstEventLayer::new().fail_if_empty().classify(|event: &ServerEvent<'_>| match event.name() {
//!     "error" if event.data().contains("overloaded") => EventMeaning::Failure(Verdict::throttled()),
//!     "error" => EventMeaning::Failure(Verdict::permanent()),
//!     _ => EventMeaning::of(event), // pings are keep-alives
//! });
//!
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::http().idempotent())) // POST is repeated, too
//!     .layer(events)
//!     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
//! # let _ = client;
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http-body-util = "0.1"
//! hyper-util = { version = "0.1", features = ["client-legacy", "http1", "tokio"] }
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! # Which events are meaningful
//!
//! | in the stream | meaning |
//! |---|---|
//! | a comment (a line that begins with `:`), `id`, `retry`, an event without data | nothing: the layer reads on |
//! | an event named `ping`, `keepalive`, `keep-alive` or `heartbeat` | a keep-alive: the layer reads on |
//! | any other event | the first event of the answer |
//!
//! [`FirstEventLayer::classify`] replaces this, and can make an event a failure with a verdict of
//! your choice. Chunks may begin and end anywhere.
//!
//! # What the retry sees
//!
//! | the stream | response |
//! |---|---|
//! | the first event is an answer | a success |
//! | the first event is a failure | the verdict of [`classify`](FirstEventLayer::classify) |
//! | fails, or ends although the response announced more, before the first event | transient, or timed out if a [time limit](crate::http::BodyTimeoutLayer) ended the body |
//! | ends without an event | a success, or transient with [`fail_if_empty`](FirstEventLayer::fail_if_empty) |
//! | has no event within [`max_bytes`](FirstEventLayer::max_bytes) or [`max_wait`](FirstEventLayer::max_wait) | a success: the response is returned with what has arrived |
//! | no event within the time limit of the attempt | timed out |
//!
//! [`StatusClassifier`](crate::http::StatusClassifier) returns these verdicts. In a custom
//! classifier, call
//! [`failed_before_first_frame`](crate::http::first_frame::failed_before_first_frame). The request
//! counts as sent, so a POST isn't resent, unless it has an idempotency key or the retry is
//! [`idempotent`](crate::RetryConfig::idempotent).
//!
//! Whatever happens, the caller gets all frames unchanged and in order, also those of a failure
//! that isn't retried.
//!
//! # Memory
//!
//! A waiting response keeps the frames that have arrived, and a copy of the current event. Together
//! they are at most four times [`max_bytes`](FirstEventLayer::max_bytes), plus one frame.
//!
//! # When not to use it
//!
//! - For subscriptions that may be silent for hours: the caller gets the head only after
//!   [`max_wait`](FirstEventLayer::max_wait).
//! - For compressed streams: the layer passes a response with a `Content-Encoding` unchanged.
//! - For responses of other types, which it passes unchanged. A
//!   [`FirstFrameLayer`](crate::http::FirstFrameLayer) around this layer waits for their first
//!   frame.
//!
//! # Errors
//!
//! The errors of the inner service.
//!
//! # Clone
//!
//! The layer has no shared state.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call, or the response.
//!
//! # Events
//!
//! The layer emits no observer events.
//!
//! # Panics
//!
//! Waiting for an event panics outside of a tokio runtime, or in a runtime without a time driver.

mod body;
mod event;
mod future;
mod layer;
mod read_ahead;
mod scanner;
mod settings;

pub use body::FirstEventBody;
pub use event::{EventMeaning, ServerEvent};
pub use future::ResponseFuture;
pub use layer::{FirstEvent, FirstEventLayer};
pub use settings::ClassifyEvent;
