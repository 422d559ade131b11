//! The atomics of the breaker: std's, or loom's when the models run.

#[cfg(not(recourse_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(recourse_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
