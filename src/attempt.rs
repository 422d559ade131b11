//! One call of the inner service.

use std::time::Duration;

use crate::time::Instant;

/// One call of the inner service: its number, when it started, and the deadline that it lives under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    number: u32,
    times: Option<Times>,
    replayable: bool,
    unsent: bool,
    accounted: bool,
    unlimited: bool,
}

/// Of a timed attempt. Together, as most have none: that is one thing to say and to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    started: Option<Instant>,
    deadline: Option<Instant>,
}

impl Attempt {
    /// An attempt by hand, which is how a policy is tested: with no deadline, of a request that can be sent again.
    pub fn new(number: u32) -> Self {
        Self { number: number.max(1), ..Self::untimed(true) }
    }

    /// With a deadline.
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { times: Some(Times { deadline: Some(deadline), ..self.times.unwrap_or_default() }), ..self }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn untimed(replayable: bool) -> Self {
        Self { number: 1, times: None, replayable, unsent: false, accounted: false, unlimited: false }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn timed(started: Instant, deadline: Option<Instant>, replayable: bool) -> Self {
        Self { times: Some(Times { started: Some(started), deadline }), ..Self::untimed(replayable) }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self.once_more() }
    }

    /// Once more, and no further attempt: the one before counts for nothing.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn once_more(self) -> Self {
        Self { accounted: false, unlimited: false, ..self }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn begun_at(self, started: Instant) -> Self {
        Self { times: Some(Times { started: Some(started), ..self.times.unwrap_or_default() }), ..self }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn with_replayable(self, replayable: bool) -> Self {
        Self { replayable, ..self }
    }

    /// The request wasn't sent in this attempt. Only of a copy that is shown to the policy: an attempt that goes on may be sent yet.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn with_unsent(self, unsent: bool) -> Self {
        Self { unsent, ..self }
    }

    /// Whether a retry further in has told the budget, which it shares with this one, what came of it.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn is_accounted(&self) -> bool {
        self.accounted
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn account(&mut self, accounted: bool) {
        self.accounted |= accounted;
    }

    /// It has reached its limit, and there is no answer to that: it goes on.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn unlimit(&mut self) {
        self.unlimited = true;
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn is_unlimited(&self) -> bool {
        self.unlimited
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn is_untimed(&self) -> bool {
        self.times.is_none()
    }

    /// Whether it is a first one, and untimed: of one that succeeds there is nothing to say.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.number == 1 && self.is_untimed()
    }

    /// Its number: 1 is the first.
    #[inline]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// When it started. `None` where nothing in the policy asks for the time: the clock isn't read for nothing.
    #[inline]
    pub fn started(&self) -> Option<Instant> {
        self.times.and_then(|times| times.started)
    }

    /// When the whole request must be answered, all attempts and waits included. `None` if there is no such time.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.times?.deadline
    }

    /// Whether the request can be sent again: enough of it was kept, or, as the service wasn't ready, it wasn't sent.
    pub fn is_replayable(&self) -> bool {
        self.replayable
    }

    /// Whether the request wasn't sent in this attempt: the service, or the request itself, wasn't ready in time.
    pub fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// What is left until the deadline at `now`; zero once it has passed, `None` if there is none.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_by_hand_has_the_deadline_that_it_is_given() {
        let now = Instant::now();
        let attempt = Attempt::new(2).with_deadline(now + Duration::from_secs(3));
        assert_eq!((attempt.number(), attempt.is_replayable(), attempt.started()), (2, true, None));
        assert_eq!(attempt.deadline(), Some(now + Duration::from_secs(3)));
        assert_eq!(attempt.remaining(now + Duration::from_secs(1)), Some(Duration::from_secs(2)));
        assert_eq!(attempt.remaining(now + Duration::from_secs(4)), Some(Duration::ZERO));
        assert_eq!(Attempt::new(0).remaining(now), None);
        assert_eq!(Attempt::new(0).number(), 1);
    }

    #[test]
    fn one_that_goes_on_beyond_its_limit_is_followed_by_one_that_has_a_limit() {
        let mut attempt = Attempt::timed(Instant::now(), None, true);
        attempt.unlimit();
        assert!(attempt.is_unlimited() && !attempt.once_more().is_unlimited() && !attempt.next().is_unlimited());
    }
}
