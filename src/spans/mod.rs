//! Spans: one for each request, and one for each of its attempts. [`RequestSpanLayer`],
//! [`AttemptSpanLayer`].
//!
//! The log lines of the layers say what happened. Spans add which request it happened to, and
//! tracing-opentelemetry exports them as a trace. They are opt-in: without these layers, no call
//! makes a span.
//!
//! ```
//! use std::io;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer};
//! use tower_recourse::spans::{AttemptSpanLayer, RequestSpanLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut service = ServiceBuilder::new()
//!     .layer(RequestSpanLayer::new().name("prices"))             // around all attempts
//!     .layer(FallbackLayer::value("as of yesterday".to_owned()))
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent()))
//!     .layer(AttemptSpanLayer::new())                            // inside the retry
//!     .layer(BreakerLayer::new(BreakerConfig::default()))
//!     // Here: the layer that writes the trace headers. It sees the span of the attempt.
//!     .service(service_fn(|id: u32| async move { Ok::<_, io::Error>(format!("price of {id}")) }));
//! assert_eq!(service.ready().await?.call(7).await?, "price of 7");
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! A request with two attempts, as a tree:
//!
//! ```text
//! prices                recourse.attempts=2 recourse.outcome=success
//! │ attempt failed, retrying after the delay (log line)
//! │ request succeeded after retrying (log line)
//! ├─ attempt            resilience.attempt.index=0 recourse.outcome=failure error.type=transient
//! └─ attempt            resilience.attempt.index=1 recourse.outcome=success
//! ```
//!
//! | for | use |
//! |---|---|
//! | a service | [`RequestSpanLayer`] outside of the retry, [`AttemptSpanLayer`] inside |
//! | HTTP | `RequestSpanLayer::http`, `AttemptSpanLayer::http` (feature `http`) |
//! | reqwest | `RequestSpanLayer::reqwest`, `AttemptSpanLayer::reqwest` (feature `reqwest`) |
//! | gRPC | `RequestSpanLayer::grpc`, `AttemptSpanLayer::grpc` (feature `grpc`) |
//! | `run`, `run_with` and `run_lending` of a retry | [`in_request_span`], [`in_attempt_span`] |
//! | `run_blocking` | [`in_request_span_blocking`], [`in_attempt_span_blocking`] |
//! | your own span | [`RequestSpanLayer::make_span`], [`AttemptSpanLayer::make_span`] |
//!
//! Each layer works without the other. The page `integrations::opentelemetry` shows the export and
//! the trace headers.
//!
//! # Fields
//!
//! A span is of the level `INFO`, with the target `tower_recourse::spans::make_span`. It declares
//! all of its fields, and the layers record those that are known. A span of your own gets those
//! that it declares (`tracing::field::Empty`).
//!
//! | field | span | value |
//! |---|---|---|
//! | `otel.name`, `resilience.pipeline.name` | request | the name of the operation |
//! | `resilience.attempt.index` | attempt | the position of the attempt's call in the request: 0 is the first. It is one less than the `attempt` of the log lines, unless the retry has repeated an attempt: a transparent retry, a rejection that was waited out |
//! | `http.request.resend_count` | attempt, by `http::HttpAttemptSpan` | how often the request was sent before. Missing for the first send |
//! | `recourse.outcome` | both | `success`; `failure`; `neutral`, if the classifier decides so or blames the client; `cancelled`, if the future was dropped before the result |
//! | `recourse.attempts` | request | how many attempts were made, as in [`CallReport::attempts`](crate::CallReport::attempts). For a request without a result: how many spans its attempts have |
//! | `recourse.cause` | request | the label of the [`Cause`](crate::Cause), such as `attempts_exhausted`, if the service itself didn't succeed |
//! | `recourse.fallback` | request | the name of the fallback that answered |
//! | `error.type` | both, if failed | the kind of the failure, as in the log: `transient`, `throttled`, `timed_out`, `permanent`, `rejected`. `panic` after a panic. The label of the cause, if only the retry treats the response as a failure |
//! | `http.response.status_code`, `rpc.status_code` | both, if failed | the status of a failed response. For gRPC, it is the name, such as `UNAVAILABLE` |
//! | `otel.status_code` | both | `ERROR` for a failure. `OK` for a success after a failed attempt or by a fallback, because a log line of the level ERROR has marked the span as failed. Otherwise missing, as OpenTelemetry requires for a success |
//! | `otel.status_description` | both, if failed | the text of the error, escaped and cut at 256 bytes |
//!
//! # What a span covers
//!
//! The service is called, polled and dropped inside the span. The parent is the span in which the
//! service is called, so attempts are children of their request, also if a `tower::buffer` is in
//! between. The span ends when the result arrives: for HTTP and gRPC, with the head of the
//! response. The body isn't covered. An attempt that a breaker rejects has a span. An attempt whose
//! service doesn't become ready has none, because the service isn't called.
//!
//! The index of an attempt is counted on the task of the request. If a `tower::buffer` or a spawned
//! task is between the two layers, `resilience.attempt.index` is missing. With the presets for
//! HTTP and gRPC it is then known from the second attempt on, because the request carries it.
//!
//! # When not to use it
//!
//! Don't use spans to count: an [observer](crate::observe) and metrics see every request, and a
//! trace is usually sampled. A successful call emits no event, but it has spans: both layers cost
//! it about 110 ns without a subscriber, and 1.7 µs if `tracing_subscriber::fmt` records them
//! (Intel Xeon, `benches/observers.md`).
//!
//! # Errors
//!
//! The layers add none.
//!
//! # Clone
//!
//! A clone of a service has a clone of the inner service. Requests share nothing.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call inside its span, and closes the span with the outcome
//! `cancelled`. If a retry drops an attempt at its time limit, the attempt's span is failed, with
//! the error type `timed_out`.

mod function;
mod future;
mod layer;
mod make_span;
mod open_span;
mod record;
mod role;
mod service;

pub use function::{
    FunctionSpanFuture, in_attempt_span, in_attempt_span_blocking, in_request_span, in_request_span_blocking,
};
pub use future::SpanFuture;
pub use layer::{AttemptSpanLayer, RequestSpanLayer};
#[cfg(feature = "http")]
pub(crate) use make_span::empty_attempt_span;
pub use make_span::{DefaultAttemptSpan, DefaultRequestSpan, MakeSpan, attempt_span, request_span};
pub use service::Spanned;
