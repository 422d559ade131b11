//! One call of the inner service.

use std::{fmt, time::Duration};

use crate::time::Instant;

/// One call of the inner service: its number, when it started, and the deadline that it lives under.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    times: Option<Times>,
    number: u32,
    is: u32,
}

// What it is, in bits: with its number, that is one word to write.
const REPLAYABLE: u32 = 1;
const UNSENT: u32 = 2;
const ACCOUNTED: u32 = 4;
const UNLIMITED: u32 = 8;
const CARRIES_DEPOSITS: u32 = 16;
/// Its call was pending: work may have been done before the outcome.
const PENDED: u32 = 32;
/// It calls a function, whose earlier steps the retry can't see.
const FUNCTION: u32 = 64;
/// From this bit on, the number by which what is called in a timed attempt is known.
const SCOPE: u32 = 16;

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

    #[inline]
    fn with(self, bit: u32, set: bool) -> Self {
        Self { is: if set { self.is | bit } else { self.is & !bit }, ..self }
    }

    /// With a deadline.
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { times: Some(Times { deadline: Some(deadline), ..self.times.unwrap_or_default() }), ..self }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn untimed(replayable: bool) -> Self {
        Self { number: 1, times: None, is: if replayable { REPLAYABLE } else { 0 } }
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
        Self { is: self.is & !(ACCOUNTED | UNLIMITED | PENDED), ..self }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn of_function(self) -> Self {
        self.with(FUNCTION, true)
    }

    /// Its call is pending.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn pend(&mut self) {
        self.is |= PENDED;
    }

    /// Whether work may have been done before a rejection: the call was pending, or it is a function.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn may_have_worked(&self) -> bool {
        self.is & (PENDED | FUNCTION) != 0
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn begun_at(self, started: Instant) -> Self {
        Self { times: Some(Times { started: Some(started), ..self.times.unwrap_or_default() }), ..self }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn with_replayable(self, replayable: bool) -> Self {
        self.with(REPLAYABLE, replayable)
    }

    /// The request wasn't sent in this attempt. Only of a copy that is shown to the policy: an attempt that goes on may be sent yet.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn with_unsent(self, unsent: bool) -> Self {
        self.with(UNSENT, unsent)
    }

    /// Whether a retry further in has told the budget, which it shares with this one, what came of it.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn is_accounted(&self) -> bool {
        self.is & ACCOUNTED != 0
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn account(&mut self, accounted: bool) {
        self.is |= if accounted { ACCOUNTED } else { 0 };
    }

    /// The number of its timeout scope; 0 if it has no limit.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn scope(&self) -> u16 {
        (self.is >> SCOPE) as u16
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn in_scope(self, number: u16) -> Self {
        Self { is: (self.is & ((1 << SCOPE) - 1)) | (u32::from(number) << SCOPE), ..self }
    }

    /// Whether its request carries which budgets have got their deposit.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn carries_deposits(&self) -> bool {
        self.is & CARRIES_DEPOSITS != 0
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn carry_deposits(&mut self) {
        self.is |= CARRIES_DEPOSITS;
    }

    /// It has reached its limit, and there is no answer to that: it goes on.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn unlimit(&mut self) {
        self.is |= UNLIMITED;
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn is_unlimited(&self) -> bool {
        self.is & UNLIMITED != 0
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
        self.is & REPLAYABLE != 0
    }

    /// Whether the request wasn't sent in this attempt: the service, or the request itself, wasn't ready in time.
    pub fn is_unsent(&self) -> bool {
        self.is & UNSENT != 0
    }

    /// What is left until the deadline at `now`; zero once it has passed, `None` if there is none.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_duration_since(now))
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("number", &self.number)
            .field("started", &self.started())
            .field("deadline", &self.deadline())
            .field("replayable", &self.is_replayable())
            .field("unsent", &self.is_unsent())
            .finish_non_exhaustive()
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

    #[test]
    fn it_is_shown_as_it_is_asked_for() {
        let shown = format!("{:?}", Attempt::new(2).with_replayable(false).with_unsent(true));
        let expected = "Attempt { number: 2, started: None, deadline: None, replayable: false, unsent: true, .. }";
        assert_eq!(shown, expected);
    }
}
