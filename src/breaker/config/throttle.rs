use std::time::Duration;

use super::window::Window;
use crate::{InvalidConfig, breaker::window::WindowKind};

/// The settings of [`TripRule::AdaptiveThrottle`](super::TripRule::AdaptiveThrottle).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveThrottle {
    pub(super) k: f64,
    pub(crate) kind: WindowKind,
}

impl AdaptiveThrottle {
    /// k = 2 over two minutes in slots of 12 s, as in Google's book: rejections begin when the
    /// service accepts less than half of the requests.
    pub const GOOGLE: Self = Self { k: 2.0, kind: WindowKind::Time { slot: 12_000_000, slots: 10 } };

    /// Sets how many requests are allowed for each accepted one before rejections begin.
    ///
    /// # Errors
    ///
    /// If `k` isn't within 1..=1000.
    pub fn k(self, k: f64) -> Result<Self, InvalidConfig> {
        if !(1.0..=1000.0).contains(&k) {
            return Err(InvalidConfig::new("k", k, "within 1..=1000"));
        }
        Ok(Self { k, ..self })
    }

    /// Sets the time over which requests are counted, in ten slots.
    ///
    /// # Errors
    ///
    /// The errors of [`Window::time`].
    pub fn over(self, time: Duration) -> Result<Self, InvalidConfig> {
        Ok(Self { kind: Window::time(time)?.kind, ..self })
    }

    /// The probability of rejecting the next request.
    pub(crate) fn rejects(&self, requests: u32, accepts: u32) -> f64 {
        let (requests, accepts) = (f64::from(requests), f64::from(accepts));
        ((requests - self.k * accepts) / (requests + 1.0)).max(0.0)
    }
}
