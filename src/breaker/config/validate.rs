//! Rejects settings that work but are probably mistakes.

use std::time::Duration;

use super::{
    breaker_config::BreakerConfig,
    open_duration::{Growth, OpenDuration},
};
use crate::InvalidConfig;

impl<C> BreakerConfig<C> {
    /// Rejects settings that work but are probably mistakes. Call it on a configuration whose
    /// numbers come from a file.
    ///
    /// | setting | rejected | what it does without this check |
    /// |---|---|---|
    /// | [`open_for`](Self::open_for) | a time, a `min` or a `max` of zero | an opened circuit is half-open at once, so it only limits how many calls are in flight, or nothing if probes trickle |
    /// | | a `max` below the first time, or below `min` | each time is the maximum |
    /// | | [`honor_retry_after`](super::OpenDuration::honor_retry_after) of zero | a requested delay makes the circuit half-open at once |
    /// | [`SlowCallRate`](super::TripRule::SlowCallRate) | `longer_than` of zero | each call is slow |
    ///
    /// A time that a [function](super::OpenDuration::from_fn) computes isn't checked.
    /// [`until_reset`](super::OpenDuration::until_reset) with a `max` is accepted.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{BreakerConfig, breaker::OpenDuration};
    ///
    /// let config = BreakerConfig::default().open_for(OpenDuration::fixed(Duration::ZERO));
    /// assert_eq!(config.validate().unwrap_err().to_string(), "`open_for` is 0ns, but must be above 0");
    /// ```
    ///
    /// # Errors
    ///
    /// The first setting of the table that is rejected. The error names the setter and its part,
    /// such as `open_for.max`.
    pub fn validate(self) -> Result<Self, InvalidConfig> {
        self.settings.open_for.check()?;
        if self.settings.slow_after.is_some_and(|time| time.is_zero()) {
            return Err(InvalidConfig::new("slow_call_rate.longer_than", Duration::ZERO, "above 0"));
        }
        Ok(self)
    }
}

impl OpenDuration {
    fn check(&self) -> Result<(), InvalidConfig> {
        let Self { base, growth, min, max, jitter: _, requested_max } = self;
        let is_zero = |time: &Option<Duration>| time.is_some_and(|time| time.is_zero());
        let zero = |field| Err(InvalidConfig::new(field, Duration::ZERO, "above 0"));
        match growth {
            _ if is_zero(max) => return zero("open_for.max"),
            _ if is_zero(requested_max) => return zero("open_for.honor_retry_after"),
            Growth::By(_) => return Ok(()),
            Growth::OfFailingTime(_) if min.is_zero() => return zero("open_for.min"),
            _ if base.is_zero() => return zero("open_for"),
            _ => {}
        }
        // An endless time is limited by its maximum on purpose.
        match max {
            Some(max) if max < base && *base < Duration::MAX => {
                Err(InvalidConfig::new("open_for.max", max, "at least the first time"))
            }
            _ => Ok(()),
        }
    }
}
