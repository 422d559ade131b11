//! Connections that aren't used again after a timeout or a 421: [`RetireConnectionLayer`].
//!
//! A connection can be silent: the server or a firewall has dropped it without a reset, or the
//! server's event loop hangs. An attempt on it has no outcome, and ends by its time limit. The next
//! attempt should use another connection. Over HTTP/2, hyper-util's pooled client sends it over the
//! same connection, because many requests share one. This layer retires the connection instead: the
//! pool gives it to no further request.
//!
//! ```text
//! Retry with a time limit ─▶ RetireConnection ─▶ hyper-util's client
//!                              └ the attempt is dropped at its limit: retires the connection
//! ```
//!
//! ```
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_recourse::http::{RetireConnectionLayer, StandardLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let client = ServiceBuilder::new()
//!     .layer(StandardLayer::http("documents").attempt_timeout(Duration::from_secs(1)))
//!     .layer(RetireConnectionLayer::new())
//!     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
//! # let _ = client;
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http-body-util = "0.1"
//! hyper-util = { version = "0.1", features = ["client-legacy", "http1", "http2", "tokio"] }
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! # When it retires a connection
//!
//! | event | default | setting |
//! |---|---|---|
//! | the response is a 421 | yes. The connection is the wrong one for the request's host ([RFC 9110, 15.5.20](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20)), so the next attempt over it would get another 421 | |
//! | a time limit of a [`RetryLayer`](crate::RetryLayer) or a [`DeadlineLayer`](crate::http::DeadlineLayer) drops the call before its response, or, with a [`FirstFrameLayer`](crate::http::FirstFrameLayer), before its first frame | yes | [`on_timeout`](RetireConnectionLayer::on_timeout) |
//! | a [`BodyTimeoutLayer`](crate::http::BodyTimeoutLayer) around this layer ends the response's body by its idle limit | yes | [`on_timeout`](RetireConnectionLayer::on_timeout) |
//! | the caller drops the call before its response | no: a caller that gives up doesn't show that the connection is silent | [`on_cancel`](RetireConnectionLayer::on_cancel) |
//!
//! `tower::timeout` between the retry and this layer also drops the call, which counts as dropped
//! by the caller. In other cases, code of yours can retire the connection of a response by its
//! [`ConnectionHandle`].
//!
//! # HTTP/1 and HTTP/2
//!
//! | client | after a timeout |
//! |---|---|
//! | hyper-util, HTTP/1 | the client closes the connection of a call that is dropped before its response has ended. The layer isn't needed for that |
//! | hyper-util, HTTP/2 | the client resets the stream and keeps the connection. With this layer, new requests open another connection, and the streams that are in flight on the old one go on |
//! | reqwest, tonic | as hyper-util, but both hide the connection, so the layer has no effect. Set keep-alive pings: `http2_keep_alive_interval` and the corresponding timeout, of reqwest's `ClientBuilder` or tonic's `Endpoint` |
//!
//! A slow response over HTTP/2 retires a connection that works. The cost is a new connection. It
//! can't happen more often than once per time limit and host, because all requests share one
//! connection, and no call on a new one can time out earlier. If some requests of a host are
//! usually slow, use keep-alive pings (`http2_keep_alive_interval` of hyper-util's builder) and
//! turn [`on_timeout`](RetireConnectionLayer::on_timeout) off: a ping tells a silent connection
//! from a slow response.
//!
//! # When not to use it
//!
//! - Around other clients than hyper-util's. The layer then has no effect.
//! - For HTTP/1 servers that never answer 421.
//!
//! # Cost
//!
//! Up to four allocations per request.
//!
//! # Errors
//!
//! The layer adds none.
//!
//! # Clone
//!
//! The layer has no state. A cloned service has a clone of the inner service.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call, and retires its connection as in the table above.
//!
//! # Events
//!
//! The layer emits no events.

mod connection_handle;
mod layer;
mod timeout_guard;

pub use connection_handle::ConnectionHandle;
pub use layer::{RetireConnection, RetireConnectionFuture, RetireConnectionLayer};
pub(in crate::http) use timeout_guard::TimeoutGuard;
