//! A switch that turns retries off at run time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Turns retries off and on at run time. While it is off, the retry returns every failure. The
/// switch is the first of the [checks](super#how-a-request-is-retried).
///
/// ```
/// use tower_recourse::{RetryConfig, retry::RetrySwitch};
///
/// let consent = RetrySwitch::on();
/// let config = RetryConfig::default().switch(&consent);
/// consent.turn_off();
/// assert!(!consent.is_on());
/// # let _ = config;
/// ```
///
/// A retry whose delay has begun is still made, because its failure has been discarded and can't be
/// returned.
///
/// # Clone
///
/// A clone is a handle of the same switch.
#[derive(Debug, Clone)]
pub struct RetrySwitch(Arc<AtomicBool>);

impl RetrySwitch {
    /// A switch that is on.
    pub fn on() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// A switch that is off.
    pub fn off() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// Turns retries on. Takes effect with the next decision, on every thread.
    pub fn turn_on(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Turns retries off. Takes effect with the next decision, on every thread.
    pub fn turn_off(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether retries are on.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
