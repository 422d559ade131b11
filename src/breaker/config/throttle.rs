use std::time::Duration;

use super::window::Window;
use crate::{Invalid, breaker::window::WindowKind};

/// How [`OpenRule::Throttle`](super::OpenRule::Throttle) rejects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    k: f64,
    pub(crate) kind: WindowKind,
}

impl Throttle {
    /// k = 2, over two minutes in slices of 12 s, as Google has it: rejecting begins when less than half of the calls is accepted.
    pub const GOOGLE: Self = Self { k: 2.0, kind: WindowKind::Time { slice: 12_000_000, slices: 10 } };

    /// How many calls may be made for each that is accepted before rejecting begins.
    ///
    /// # Errors
    ///
    /// If `k` isn't within 1..=1000.
    pub fn k(self, k: f64) -> Result<Self, Invalid> {
        if !(1.0..=1000.0).contains(&k) {
            return Err(Invalid::new("k", k, "within 1..=1000"));
        }
        Ok(Self { k, ..self })
    }

    /// Over how much time calls are counted, in ten slices.
    ///
    /// # Errors
    ///
    /// As [`Window::time`].
    pub fn over(self, time: Duration) -> Result<Self, Invalid> {
        Ok(Self { kind: Window::time(time)?.kind, ..self })
    }

    /// The probability with which the next call is rejected.
    pub(crate) fn rejects(&self, requests: u32, accepts: u32) -> f64 {
        let (requests, accepts) = (f64::from(requests), f64::from(accepts));
        ((requests - self.k * accepts) / (requests + 1.0)).max(0.0)
    }
}
