//! The event for every finished request, and the time limits that the engine applies.

use std::time::Duration;

use super::{
    super::{RetryConfig, TimeLimits},
    Settings,
};
use crate::{Attempt, time::Instant};

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// Emits [`Event::RequestFinished`] once for every finished request, also for a success on the
    /// first attempt, and measures the time of every request and attempt. Then all events of this
    /// retry contain their durations. Off by default.
    ///
    /// A request whose future is dropped before it finishes emits no such event, and neither does
    /// one that panics.
    ///
    /// It costs a healthy request two clock reads, and a call of each observer. The decisions of
    /// the retry stay the same.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{RetryConfig, RetryLayer, observe::Event};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> io::Result<()> {
    /// let config = RetryConfig::default().report_requests().observe(|event: &Event<'_>| {
    ///     if let Event::RequestFinished { attempts, outcome, elapsed: Some(elapsed), .. } = event {
    ///         println!("{}: {attempts} attempts in {elapsed:?}", outcome.label());
    ///     }
    /// });
    /// RetryLayer::new(config).run(|_| async { Ok::<_, io::Error>(()) }).await?; // success: 1 attempts in 0ns
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// *When not to use it*: to count requests. The service, or a metrics layer outside, counts
    /// them at a lower cost.
    ///
    /// [`Event::RequestFinished`]: crate::observe::Event::RequestFinished
    pub fn report_requests(mut self) -> Self {
        self.settings.reports_requests = true;
        self.settings.set_limits(self.settings.user_limits);
        self
    }
}

impl Settings {
    /// Sets the user's limits, and derives the limits of the policy from them.
    ///
    /// Reported requests without a limit get a total limit of `Duration::MAX`. It makes the engine
    /// read the clock at their start and use its slow path, and it never ends. So the healthy path
    /// of other requests needs no further comparison.
    pub(super) fn set_limits(&mut self, limits: TimeLimits) {
        self.user_limits = limits;
        self.limits = match self.reports_requests && limits.is_none() {
            true => TimeLimits { attempt: None, total: Some(Duration::MAX) },
            false => limits,
        };
    }

    /// The start of an attempt whose request has a time limit or a deadline. The start of any other
    /// attempt is known only for events, and no decision depends on it.
    pub(in crate::retry) fn start_of_limited(&self, attempt: &Attempt) -> Option<Instant> {
        attempt.started().filter(|_| !self.user_limits.is_none() || attempt.deadline().is_some())
    }
}
