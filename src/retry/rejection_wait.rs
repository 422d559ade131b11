//! Which rejections are waited out.

use std::time::Duration;

use crate::Invalid;

/// Which rejections of a breaker the retry waits out: those with a short
/// [`retry_in`](crate::Rejection::retry_in), early in a request. See
/// [`RetryConfig::wait_out_rejections`](super::RetryConfig::wait_out_rejections).
///
/// | setting | default | why |
/// |---|---|---|
/// | `longest` | 250 ms | a fault of some 100 ms keeps a circuit open for about as long; the request waits instead of failing |
/// | `within` | 300 ms | waiting requests come back together: with one second, their crowd kept an overloaded upstream down |
///
/// Both numbers come from a simulation of 79 breaker settings. There, requests that waited for up
/// to one second lost 6.4 times as much as requests without a retry while an upstream recovered at
/// 87 % load. With these numbers they lost no more.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{RetryConfig, retry::RejectionWait};
///
/// let ms = Duration::from_millis;
/// let patient = RetryConfig::default().wait_out_rejections(RejectionWait::new(ms(400), ms(500))?);
/// let never = RetryConfig::default().wait_out_rejections(RejectionWait::NONE);
/// # let _ = (patient, never);
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectionWait {
    longest: Duration,
    within: Duration,
}

impl RejectionWait {
    /// No rejection is waited out.
    pub const NONE: Self = Self { longest: Duration::ZERO, within: Duration::ZERO };

    /// The least and the most time that is added to `retry_in`, so that waiting requests don't
    /// return together.
    const SPREAD: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

    /// Waits out a rejection whose `retry_in` is at most `longest`, if the wait ends within the
    /// first `within` of the request.
    ///
    /// # Errors
    ///
    /// If `longest` is zero (see [`NONE`](Self::NONE)), or if `within` is less than 10 ms longer
    /// than `longest`: at least 10 ms are added to each wait, so no wait of `longest` could end in
    /// time.
    pub fn new(longest: Duration, within: Duration) -> Result<Self, Invalid> {
        if longest.is_zero() {
            return Err(Invalid::new("longest", longest, "above zero; `RejectionWait::NONE` waits out no rejection"));
        }
        if within < longest.saturating_add(Self::SPREAD[0]) {
            return Err(Invalid::new("within", within, "at least 10 ms longer than `longest`"));
        }
        Ok(Self { longest, within })
    }

    /// The longest `retry_in` that is waited out.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The part of a request, from its start, in which each wait must end.
    pub fn within(&self) -> Duration {
        self.within
    }

    pub(super) fn is_none(&self) -> bool {
        self.within.is_zero()
    }

    /// The wait for a rejection in a request of this age; `None` if it isn't waited out. `random`
    /// returns 0 to 1.
    ///
    /// The random part is at most the rest of the window. So it doesn't decide whether a rejection
    /// is waited out.
    pub(super) fn delay(&self, retry_in: Duration, age: Duration, random: impl FnOnce() -> f64) -> Option<Duration> {
        let [least, most] = Self::SPREAD;
        let delay = retry_in.checked_add(least).filter(|_| retry_in <= self.longest)?;
        let spare = self.within.checked_sub(age)?.checked_sub(delay)?;
        Some(delay + (most - least).min(spare).mul_f64(random()))
    }
}

/// Rejections of up to 250 ms, in a request's first 300 ms.
impl Default for RejectionWait {
    fn default() -> Self {
        Self { longest: Duration::from_millis(250), within: Duration::from_millis(300) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_wait_is_spread_over_10_to_100_ms() {
        let wait = RejectionWait::default();
        assert_eq!(wait.delay(100 * MS, Duration::ZERO, || 0.0), Some(110 * MS));
        assert_eq!(wait.delay(100 * MS, Duration::ZERO, || 0.5), Some(155 * MS));
        assert_eq!(wait.delay(Duration::ZERO, Duration::ZERO, || 1.0), Some(100 * MS));
    }

    #[test]
    fn the_random_part_ends_with_the_window() {
        let wait = RejectionWait::default();
        assert_eq!(wait.delay(250 * MS, Duration::ZERO, || 1.0), Some(300 * MS));
        assert_eq!(wait.delay(250 * MS, 40 * MS, || 1.0), Some(260 * MS));
        assert_eq!(wait.delay(250 * MS, 41 * MS, || 0.0), None);
        assert_eq!(wait.delay(Duration::ZERO, 291 * MS, || 0.0), None);
        assert_eq!(wait.delay(Duration::ZERO, 301 * MS, || 0.0), None);
    }

    #[test]
    fn a_longer_rejection_is_not_waited_out() {
        assert_eq!(RejectionWait::default().delay(251 * MS, Duration::ZERO, || 0.0), None);
        assert_eq!(RejectionWait::default().delay(Duration::MAX, Duration::ZERO, || 0.0), None);
        assert_eq!(RejectionWait::NONE.delay(Duration::ZERO, Duration::ZERO, || 0.0), None);
        let unbounded = RejectionWait::new(Duration::MAX, Duration::MAX).unwrap();
        assert_eq!(unbounded.delay(Duration::MAX, Duration::ZERO, || 0.0), None);
    }

    #[test]
    fn new_rejects_invalid_times() {
        let refused = |longest, within| RejectionWait::new(longest, within).unwrap_err().to_string();
        assert_eq!(
            refused(Duration::ZERO, MS),
            "`longest` is 0ns, but must be above zero; `RejectionWait::NONE` waits out no rejection"
        );
        assert_eq!(refused(100 * MS, 109 * MS), "`within` is 109ms, but must be at least 10 ms longer than `longest`");
        assert_eq!(RejectionWait::new(100 * MS, 110 * MS).unwrap().within(), 110 * MS);
    }
}
