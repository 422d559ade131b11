//! The observer that logs.

mod at_level;
mod circuit_line;
mod fallback_line;
mod fields;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod layer_log;
mod lines;
mod retry_line;
mod shown_open_time;
mod tracing_observer;

#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
pub(crate) use layer_log::{LayerLog, LogSource};
pub use tracing_observer::TracingObserver;
