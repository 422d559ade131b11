//! Scripts of HTTP services (feature `http`), and of gRPC services (feature `grpc`).
//!
//! [`status`] and `grpc_status` make a step whose response has this status. The methods of the
//! step add headers and a body. The response's body is a [`ScriptBody`].
//!
//! ```
//! use std::{io, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, StatusCode};
//! use http_body_util::Full;
//! use tower::Layer;
//! use tower_recourse::{RetryConfig, RetryLayer};
//! use tower_recourse::testing::{Script, fail_io, http::status};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> io::Result<()> {
//! let upstream = Script::http([
//!     fail_io(io::ErrorKind::ConnectionRefused),
//!     status(503).retry_after(Duration::from_secs(2)),
//!     status(200).body("hello"),
//! ]);
//! let mut service = RetryLayer::new(RetryConfig::http()).layer(upstream.clone());
//!
//! let request = Request::get("http://host/").body(Full::<Bytes>::default()).unwrap();
//! let response = service.ready().await?.call(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(upstream.calls(), 3);
//! assert!(upstream.gaps()[1] >= Duration::from_secs(2));
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dev-dependencies]
//! bytes = "1"
//! http = "1"
//! http-body-util = "0.1"
//! tokio = { version = "1", features = ["full", "test-util"] }
//! tower = "0.5"
//! tower-recourse = { version = "0.1", features = ["http", "testing"] }
//! ```
//!
//! A [`Script`](super::Script) takes requests with bodies of every type, and drops them unread, as
//! a server does that responds early. [`ReadBody`] reads each body first.

mod body;
#[cfg(feature = "grpc")]
mod grpc_steps;
mod read_body;
mod steps;

pub use body::ScriptBody;
#[cfg(feature = "grpc")]
pub use grpc_steps::grpc_status;
pub use read_body::ReadBody;
pub use steps::status;
