//! Rejects settings that work but are probably mistakes.

use std::time::Duration;

use super::{
    super::{Backoff, TimeLimits},
    RetryConfig,
};
use crate::InvalidConfig;

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// Rejects settings that work but are probably mistakes. Call it on a configuration whose
    /// numbers come from a file.
    ///
    /// | setting | rejected | what it does without this check |
    /// |---|---|---|
    /// | [`timeouts`](Self::timeouts) | a limit of zero | each attempt that isn't ready at its first poll times out |
    /// | [`backoff`](Self::backoff), [`throttled_backoff`](Self::throttled_backoff) | a maximum below the first delay | each delay is the maximum, before jitter |
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{RetryConfig, retry::Timeouts};
    ///
    /// let config = RetryConfig::default().timeouts(Timeouts::attempt(Duration::ZERO));
    /// let invalid = config.validate().unwrap_err();
    /// assert_eq!(invalid.to_string(), "`timeouts.attempt` is 0ns, but must be above 0, or left out for no limit");
    /// ```
    ///
    /// # Errors
    ///
    /// The first setting of the table that is rejected. The error names the setter and its part:
    /// `timeouts.attempt`, `timeouts.total`, `backoff.max`, `throttled_backoff.max`.
    pub fn validate(self) -> Result<Self, InvalidConfig> {
        let TimeLimits { attempt, total } = self.settings.user_limits;
        for (field, limit) in [("timeouts.attempt", attempt), ("timeouts.total", total)] {
            if limit.is_some_and(|limit| limit.is_zero()) {
                return Err(InvalidConfig::new(field, Duration::ZERO, "above 0, or left out for no limit"));
            }
        }
        check("backoff.max", &self.settings.backoff)?;
        check("throttled_backoff.max", &self.settings.throttled_backoff)?;
        Ok(self)
    }
}

fn check(field: &'static str, backoff: &Backoff) -> Result<(), InvalidConfig> {
    match backoff.max_below_first() {
        Some(max) => Err(InvalidConfig::new(field, max, "at least the first delay")),
        None => Ok(()),
    }
}
