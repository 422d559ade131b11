//! All layers in the recommended order, with one deadline: [`StandardLayer`].
//!
//! ```text
//! request ─▶ deadline ─▶ fallback ─▶ retry ─▶ breaker ─▶ service
//!            30 s        optional    10 s per attempt
//! ```
//!
//! A client with the standard stack, and with a stored response as its fallback:
//!
//! ```
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::Layer;
//! use tower_recourse::http::StandardLayer;
//!
//! # #[cfg(feature = "fallback")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let address = "127.0.0.1:3000"; // a server that accepts connections and never answers
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let address = listener.local_addr()?;
//! let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//! let mut prices = StandardLayer::http("prices")
//!     .attempt_timeout(Duration::from_millis(50))
//!     .total(Duration::from_millis(500))
//!     .fallback_response(Response::new("as of yesterday".into()))
//!     .reserve_for_fallback(Duration::from_millis(100))
//!     .layer(client);
//!
//! let request = Request::get(format!("http://{address}/prices")).body(Full::default())?;
//! let response = prices.ready().await?.call(request).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "as of yesterday");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "fallback"))]
//! # fn main() {}
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http = "1"
//! http-body-util = "0.1"
//! hyper-util = { version = "0.1", features = ["client-legacy", "http1", "tokio"] }
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! `StandardLayer::grpc` (feature `grpc`) is the same stack for a gRPC channel.
//!
//! # The layers
//!
//! From outside to inside:
//!
//! | layer | default | replaced by |
//! |---|---|---|
//! | [`DeadlineLayer`](crate::http::DeadlineLayer) over everything below | 30 s; answers 504 (gRPC: DEADLINE_EXCEEDED) | [`total`](StandardLayer::total) |
//! | a fallback | none | `fallback_response`, `fallback`, `fallback_layer` (feature `fallback`) |
//! | [`DeadlineLayer::reserve`](crate::http::DeadlineLayer::reserve), if there is a fallback | 1 s | `reserve_for_fallback` |
//! | [`RetryLayer`](crate::RetryLayer) | [`RetryConfig::http`](crate::RetryConfig::http), with 10 s per attempt | [`retry`](StandardLayer::retry), [`retry_layer`](StandardLayer::retry_layer), [`attempt_timeout`](StandardLayer::attempt_timeout) |
//! | [`BreakerLayer`](crate::BreakerLayer) | [`BreakerConfig::http`](crate::BreakerConfig::http); answers 503 (gRPC: UNAVAILABLE) | [`breaker`](StandardLayer::breaker), [`breaker_layer`](StandardLayer::breaker_layer) |
//! | [`ResponseBodyLayer`](crate::http::ResponseBodyLayer) (gRPC: `DeadlineStatusLayer` and `PeekLayer`) | | |
//!
//! The error type stays that of the service, so the stack fits into `Router::layer` of axum. The
//! response body is a [`ResponseBody`](crate::http::ResponseBody).
//!
//! # Why these limits
//!
//! - **30 s in total and 10 s per attempt** are the limits of .NET's
//!   `AddStandardResilienceHandler`. They are long enough for most calls that work, and shorter
//!   than the limit of most proxies (60 s in nginx). Set limits that fit your service: a short
//!   limit per attempt is what makes a retry useful when one of several servers hangs.
//! - **1 s for the fallback** is enough for a store or a replica nearby. If less than 2 s are left
//!   at the start of a call, half of them are reserved.
//! - The presets give the reasons for the numbers of retry and breaker.
//!
//! # Types
//!
//! [`Standard<S>`](Standard) is the type of the stack around a client `S`, for a struct field. With
//! replaced parts, `Standard<S, L>` takes the type of the layer.
//!
//! # When not to use it
//!
//! - If calls have no common limits, such as uploads and event streams next to short requests. The
//!   limits end with the head of a response, but an upload counts until then.
//! - If layers of your own belong between these, such as authentication per attempt. Build the
//!   stack with a `ServiceBuilder`, in the order of the table.
//! - If a proxy or the client library retries already.
//!
//! # Errors
//!
//! The errors of the service, after all attempts. With a fallback, those of
//! [the fallback](crate::fallback#errors).
//!
//! # Clone
//!
//! A layer is one circuit and one budget: its clones, and all services that it makes, share both.
//!
//! # Cancel safety
//!
//! Dropping the future drops the call that is in progress.
//!
//! # Events
//!
//! The events of the retry, the breaker and the fallback, under the name of the stack.

mod layer;
mod protocol;
#[cfg(feature = "fallback")]
mod reserved_fallback;
mod setters;

#[cfg(feature = "fallback")]
pub use layer::WithFallback;
pub use layer::{Standard, StandardLayer};
pub use protocol::{Http, Protocol};
#[cfg(feature = "fallback")]
pub use reserved_fallback::ReservedFallback;
