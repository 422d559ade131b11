//! The layers around a `reqwest::Client`, which is a service of `reqwest::Request` and
//! `reqwest::Response`.
//!
//! A stack with one circuit per host:
//!
//! ```
//! use std::time::Duration;
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_recourse::{
//!     BreakerConfig, BreakerLayer, RetryConfig, RetryLayer, reqwest::{Error, host_and_port}, retry::Timeouts,
//! };
//! # use axum::{Router, routing::put};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let url = "http://127.0.0.1:3000/";                         // a server that stores documents
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! # let url = format!("http://{}/", listener.local_addr().unwrap());
//! # let calls: &'static _ = Box::leak(Box::new(std::sync::atomic::AtomicUsize::new(0)));
//! # let store = move |body: String| async move {
//! #     let first = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
//! #     if first { Err(http::StatusCode::SERVICE_UNAVAILABLE) } else { Ok(format!("stored {body}")) }
//! # };
//! # tokio::spawn(async move { axum::serve(listener, Router::new().route("/", put(store))).await });
//! let timeouts = Timeouts::attempt(Duration::from_secs(2)).total(Duration::from_secs(5));
//! let stack = ServiceBuilder::new()
//!     .map_err(Error::flatten)                                // a rejection
//!     .layer(RetryLayer::new(RetryConfig::reqwest().timeouts(timeouts)))
//!     .layer(BreakerLayer::keyed(BreakerConfig::reqwest(), host_and_port).named())
//!     .map_err(Error::Client)                                 // reqwest's error
//!     .service(reqwest::Client::new());
//!
//! let request = reqwest::Client::new().put(url).body("a poem").build()?;
//! let response = stack.clone().oneshot(request).await?;
//! assert_eq!(response.text().await?, "stored a poem");        // the first attempt got 503
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! reqwest = { version = "0.13", default-features = false } # its default features add TLS
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["reqwest"] }
//! ```
//!
//! [`RetryConfig::reqwest`](crate::RetryConfig::reqwest) and
//! [`BreakerConfig::reqwest`](crate::BreakerConfig::reqwest) are the presets for HTTP: statuses,
//! `Retry-After` and rate limits, idempotent methods and keys. The response is reqwest's own, with
//! the URL that answered.
#![cfg_attr(
    feature = "fallback",
    doc = "[The page on reqwest](crate::integrations::reqwest) describes the order of the layers, redirects, time limits and bodies.\n"
)]
//!
//! # Errors
//!
//! A stack returns [`Error`]. Without the two `map_err`, the layers work too, unless the retry has
//! [`Timeouts`](crate::retry::Timeouts), which need an error type: the error is then
//! `reqwest::Error`, or a [`BreakerError`](crate::BreakerError) of it. Boxed errors work as well.
//!
//! # When not to use it
//!
//! - For requests of `http::Request` with layers that need request extensions, such as
//!   [`Deadline`](crate::http::Deadline) and
//!   [`IdempotencyKeyLayer`](crate::http::IdempotencyKeyLayer): reqwest hides the extensions of its
//!   requests. Make the client a service of `http::Request`.
#![cfg_attr(
    feature = "fallback",
    doc = "  [The page on reqwest](crate::integrations::reqwest#as-a-service-of-httprequest) shows how.\n"
)]
//! - With `reqwest::blocking`: use [`run_blocking`](crate::RetryLayer::run_blocking) and
//!   [`Circuit::call_blocking`](crate::Circuit::call_blocking).

mod classifier;
mod host_and_port;
mod message;
mod presets;
mod rejection;
mod request_replay;
#[cfg(feature = "tracing")]
mod spans;

pub use crate::reqwest_error::Error;
pub use host_and_port::host_and_port;
pub use rejection::rejection;
pub use request_replay::{Replay, StoredRequest};
