//! A backup for failed calls: [`FallbackLayer`].
//!
//! When a call of the primary service fails, the layer answers it with another service, a value, or
//! a function.
//!
//! ```
//! use std::{convert::Infallible, io};
//! use tower::{ServiceBuilder, service_fn};
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
//! - A wrong or outdated answer is worse than an error.
//! - The backup depends on what has failed. It then fails at the same moment, and receives all of
//!   the load at once.
//! - You never exercise the backup. A fallback that runs only during outages is discovered to be
//!   broken during one.
//!
//! # The path of a request
//!
//! ```text
//! request ─▶ copy what the backup needs ─▶ primary ─▶ outcome ─▶ verdict ─┬─▶ return the outcome
//!                                                                        │ failure
//!                                            return its answer ◀── backup ◀── cause
//! ```
//!
//! | backup | copied from the request |
//! |---|---|
//! | [`FallbackLayer::new`]: another service | a clone |
//! | [`FallbackLayer::value`]: a value | nothing |
//! | [`FallbackLayer::from_fn`]: a function of the failure | nothing |
//! | [`FallbackLayer::with_request`]: a function of the request and the failure | a clone |
//! | `FallbackLayer::last_good` (feature `last-good`): the last good response for the same key | its key |
//!
//! For HTTP, `http::StaleIfErrorLayer` (features `http` and `last-good`) stores the last good
//! response with its body.
//!
//! A streaming HTTP body can't be cloned. `http::Replay::cloneable` makes a body that can be
//! cloned; an inner retry doesn't copy it again.
//!
//! The layer calls the backup if the primary's outcome is classified as a failure of any kind. By
//! default, every error is a failure, including a readiness error of the primary. The backup
//! receives the [`Cause`](crate::Cause): for example, that a retry has made all its attempts, or
//! that a breaker rejected the call. Each call polls its own clone of the backup ready on demand,
//! so calls don't queue behind each other.
//!
//! # Several fallbacks
//!
//! Fallbacks can be stacked; the outermost one is called last. With
//! [`merge_errors`](FallbackLayer::merge_errors), all of them have the same error type. A fallback
//! whose [predicate](FallbackLayer::when) returns `false` for an error passes it to the next one.
//! Put a retry inside the fallbacks: a retry around the fallbacks doesn't see a failure that a
//! fallback has answered.
//!
//! # Defaults
//!
//! [`FallbackLayer`] lists the settings, with their defaults and reasons.
//!
//! # Events
//!
//! | event | when |
//! |---|---|
//! | [`Event::FallbackCalled`](crate::observe::Event::FallbackCalled) | the primary has failed, for this reason; emitted just before the backup is called |
//! | [`Event::FallbackSucceeded`](crate::observe::Event::FallbackSucceeded) | the backup has answered, after this duration |
//! | [`Event::FallbackFailed`](crate::observe::Event::FallbackFailed) | the backup has failed, too, for this reason and after this duration |
//!
//! All contain the layer's [name](FallbackLayer::name) and the cause. A call that the primary
//! answers emits no event.
//!
//! # Anti-patterns
//!
//! **A fallback inside a retry.** The retry never sees the failure, so it makes one attempt, and
//! every passing fault is answered by the backup.
//!
//! ```
//! use std::io;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{FallbackLayer, RetryConfig, RetryLayer};
//! let client = service_fn(|_: u32| async { Ok::<_, io::Error>(1_u32) });
//! // Wrong
//! let service = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent()))
//!     .layer(FallbackLayer::value(0))
//!     .service(client);
//! # let _ = service;
//!
//! // Right
//! let service = ServiceBuilder::new()
//!     .layer(FallbackLayer::value(0))
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent()))
//!     .service(client);
//! # let _ = service;
//! ```
//!
//! **A fallback for mistakes of the caller.** An invalid request is invalid for the backup, too,
//! and the backup's answer hides the mistake.
//!
//! ```
//! use std::io;
//! use tower_recourse::FallbackLayer;
//! // Wrong
//! let layer = FallbackLayer::value(0);
//! # let _ = layer;
//!
//! // Right
//! let layer = FallbackLayer::value(0)
//!     .when(|outcome: Result<&u32, &io::Error>| outcome.is_err_and(|e| e.kind() != io::ErrorKind::InvalidInput));
//! # let _ = layer;
//! ```
//!
//! # Errors
//!
//! If the primary fails and the backup isn't called, the service returns
//! [`FallbackError::Primary`]. If both return errors, it returns [`FallbackError::Both`], or [one
//! merged error](FallbackLayer::merge_errors). If the primary returned a response that was
//! classified as a failure, and the backup fails, the service returns that response.
//!
//! If the primary's error type is `Infallible`, the error converts into `Infallible`, as axum
//! requires.
//!
//! # Clone
//!
//! A clone of the service has a clone of the primary, and shares the backup. A call clones the
//! backup only after the primary has failed.
//!
//! # Cancel safety
//!
//! Dropping the future drops the call that is in progress, of the primary or of the backup. Nothing
//! else is left behind.

mod backup;
mod backup_kinds;
mod display_errors;
mod error;
mod error_merge;
pub mod future;
#[cfg(feature = "last-good")]
pub mod last_good;
mod layer;
mod register;
#[cfg(feature = "metrics")]
mod registry_entry;
mod reporter;
mod service;
mod shared_backup;

pub use crate::classify::only_when::OnlyWhen;
pub use backup::{Backup, PrimaryFailure};
pub use backup_kinds::{BackupFn, ServiceBackup, Value, WithRequest};
pub use error::FallbackError;
pub use error_merge::{KeepBoth, KeepPrimary, MergeErrors, MergeWith};
pub use layer::FallbackLayer;
pub use service::Fallback;
