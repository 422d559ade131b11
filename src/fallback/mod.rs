//! Answer another way: [`FallbackLayer`].
//!
//! ```
//! use std::{convert::Infallible, io};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::FallbackLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let cache = service_fn(|key: &'static str| async move { Ok::<_, Infallible>(format!("{key}, as of yesterday")) });
//!
//! let mut service = ServiceBuilder::new()
//!     .layer(FallbackLayer::new(cache))
//!     .service(service_fn(|_: &'static str| async { Err::<String, _>(io::Error::from(io::ErrorKind::TimedOut)) }));
//!
//! assert_eq!(service.ready().await.unwrap().call("prices").await.unwrap(), "prices, as of yesterday");
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! # When not to use it
//!
//! - Where a wrong answer is worse than none.
//! - Where the backup depends on what failed: it fails at the same moment, and gets all the load at once.
//! - For what is never exercised: a way that is only taken in an outage is found broken in one.
//!
//! # The way of one request
//!
//! ```text
//! request ─▶ keep what the backup needs ─▶ primary ─▶ outcome ─▶ verdict ─┬─▶ return it
//!                                                                        │ failure
//!                                              backup's answer ◀── backup ◀── cause
//! ```
//!
//! | backup | what is kept of the request |
//! |---|---|
//! | [`FallbackLayer::new`]: another service | a clone |
//! | [`FallbackLayer::value`]: a value | nothing |
//! | [`FallbackLayer::from_fn`]: a function of what went wrong | nothing |
//! | [`FallbackLayer::with_request`]: a function of the request too | a clone |
//!
//! A streaming body of HTTP can't be cloned; `http::Replay::share` makes one that can, and that a retry within doesn't keep again.
//!
//! It is asked when the primary's outcome is judged a failure of any kind, by default an error; a readiness error of the primary
//! is one too. It learns the [`Cause`](crate::Cause): that a retry used all its attempts, that a breaker rejected the call, and so
//! on. It is made ready when it is needed, by each call for itself: nobody queues.
//!
//! Fallbacks around fallbacks are ladders: the outermost layer is the last rung. With [`join_errors`](FallbackLayer::join_errors) all
//! rungs have one error type; a rung that [isn't asked](FallbackLayer::when) for an error passes it on to the next. A retry around a
//! fallback doesn't see what the fallback has answered.
//!
//! # Errors
//!
//! [`FallbackError`]: if the backup fails too, both errors; or [one made of both](FallbackLayer::join_errors). If the primary had answered with a response that was judged a failure,
//! that response is the answer. Where the primary is `Infallible`, the error turns into `Infallible`, as axum asks.
//!
//! # Clone
//!
//! Every clone has clones of the primary and of the backup; each call takes a clone of the backup along.
//!
//! # Cancel safety
//!
//! Dropped at any point, the future drops the call that is under way.

mod backup;
mod backup_kinds;
mod error;
mod error_merge;
pub mod future;
mod layer;
mod only_when;
mod reporter;
mod service;
mod shared_backup;

pub use backup::{Backup, Failed};
pub use backup_kinds::{FromFn, ServiceBackup, Value, WithRequest};
pub use error::FallbackError;
pub use error_merge::{Both, Joined, OnFailure};
pub use layer::FallbackLayer;
pub use only_when::Asked;
pub use service::Fallback;
