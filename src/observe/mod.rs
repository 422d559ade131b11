//! Events and observers: a layer or circuit passes each [`Event`] to every [`Observer`] that was
//! added to it.
//!
//! A success on the first attempt through a closed circuit emits no event, unless
//! [`RetryConfig::report_requests`](crate::RetryConfig::report_requests) is set. A layer calls its
//! observers on the task of the call, after it has updated its state, and with no lock held. A slow
//! observer slows the call down. An observer that panics makes the call panic; the layer's counts
//! stay correct.
//!
//! ```
//! use tower_recourse::{RetryConfig, observe::Event};
//!
//! let config = RetryConfig::default().observe(|event: &Event<'_>| {
//!     if let Event::RetryScheduled { attempt, delay, .. } = event {
//!         println!("attempt {attempt} failed, the next one in {delay:?}");
//!     }
//! });
//! # let _ = config;
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = "0.1"
//! ```
//!
//! With the feature `tracing`, every layer has an observer that logs, `TracingObserver`. It has a
//! level for each event, which can be set. If you add another one to a layer, it replaces the
//! default one, so that no event is logged twice. With the feature `audit`, `Audit` writes an audit
//! log: one JSON object per line, to a file.
//!
//! # Events
//!
//! | layer | events |
//! |---|---|
//! | retry | [`RetryScheduled`](Event::RetryScheduled), [`RetrySucceeded`](Event::RetrySucceeded), [`RetryStopped`](Event::RetryStopped), [`TransparentRetry`](Event::TransparentRetry), [`RejectionWait`](Event::RejectionWait), [`RequestNotReplayable`](Event::RequestNotReplayable), [`IdempotencyUnknown`](Event::IdempotencyUnknown), [`RequestFinished`](Event::RequestFinished) |
//! | breaker | [`CircuitOpened`](Event::CircuitOpened), [`CircuitHalfOpened`](Event::CircuitHalfOpened), [`CircuitClosed`](Event::CircuitClosed), [`CircuitModeChanged`](Event::CircuitModeChanged), [`CircuitWouldOpen`](Event::CircuitWouldOpen), [`CallFailed`](Event::CallFailed), [`CallRejected`](Event::CallRejected) |
//! | fallback | [`FallbackCalled`](Event::FallbackCalled), [`FallbackSucceeded`](Event::FallbackSucceeded), [`FallbackFailed`](Event::FallbackFailed) |
//!
//! # When not to use it
//!
//! Don't change the outcome of a call in an observer: use a [classifier](crate::classify), or a
//! custom [policy](crate::retry::Policy). To learn how a single result came about, use
//! [`with_report`](crate::report).
//!
//! # Anti-patterns
//!
//! **An observer that blocks.** It runs on the task of the call, so it delays the call, and with it
//! all tasks of that thread. Pass the event to another thread, and drop it if that thread is busy.
//!
//! ```
//! use std::sync::mpsc;
//! use tower_recourse::{BreakerConfig, observe::Event};
//!
//! // Wrong
//! let config = BreakerConfig::default().observe(|event: &Event<'_>| {
//!     let _ = std::fs::write("last-event", format!("{event:?}"));
//! });
//! # let _ = config;
//!
//! // Right
//! let (sender, receiver) = mpsc::sync_channel(1024);
//! let config = BreakerConfig::default().observe(move |event: &Event<'_>| {
//!     let _ = sender.try_send(format!("{event:?}"));
//! });
//! # let _ = (config, receiver);
//! ```
//!
//! # Clone
//!
//! A clone of a layer or configuration has the same observers.

#[cfg(feature = "audit")]
pub mod audit;
mod event;
mod event_text;
#[cfg(feature = "tracing")]
mod log_levels;
mod observer;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod observers;
#[cfg(feature = "tracing")]
mod tracing;

pub use crate::failure_info::{ErrorText, FailureInfo, ResponseStatus};
#[cfg(feature = "audit")]
pub use audit::Audit;
pub use event::{Event, QuotaUsage, RequestOutcome};
#[cfg(feature = "tracing")]
use log_levels::Levels;
#[cfg(feature = "tracing")]
pub use log_levels::{LogEvent, StopCause};
pub use observer::Observer;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
pub(crate) use observers::Observers;
#[cfg(all(feature = "tracing", any(feature = "retry", feature = "breaker", feature = "fallback")))]
pub(crate) use tracing::LogSource;
#[cfg(feature = "tracing")]
pub use tracing::TracingObserver;
