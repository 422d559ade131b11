use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Turns retrying off and on while it runs. Off beats everything else: a failure is returned, whatever it is.
///
/// ```
/// use tower_recourse::{RetryConfig, retry::Switch};
///
/// let consent = Switch::on();
/// let config = RetryConfig::default().switch(&consent);
/// consent.turn_off();
/// assert!(!consent.is_on());
/// # let _ = config;
/// ```
///
/// A retry that was decided on before, and waits for its time, is still made: the failure that it would return was let go.
///
/// # Clone
///
/// A clone is a handle of the same switch.
#[derive(Debug, Clone)]
pub struct Switch(Arc<AtomicBool>);

impl Switch {
    /// A switch that is on.
    pub fn on() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// A switch that is off.
    pub fn off() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// Turns it on.
    pub fn turn_on(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Turns it off.
    pub fn turn_off(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
