//! One call of the inner service, as a policy sees it.

use std::{fmt, time::Duration};

use crate::time::Instant;

/// One call of the inner service: its number, its start, and the deadline of its request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    times: Option<Times>,
    number: u32,
    is: u32,
}

// Facts about an attempt, one bit each. The field `is` holds them. `is` and `number` together are
// 64 bits, so an attempt without times is written with two stores.
const REPLAYABLE: u32 = 1;
const UNSENT: u32 = 2;
const ACCOUNTED: u32 = 4;
const UNLIMITED: u32 = 8;
const CARRIES_DEPOSITS: u32 = 16;
/// The attempt's call returned `Pending` at least once: the inner service may have done work before
/// the outcome.
const PENDED: u32 = 32;
/// The attempt calls a function, and the retry can't see the function's earlier steps.
const FUNCTION: u32 = 64;
/// The field `is` holds the number of the attempt's timeout scope from this bit on.
const SCOPE: u32 = 16;

/// Both times are in one `Option`. Most attempts have neither, and one comparison shows that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    started: Option<Instant>,
    deadline: Option<Instant>,
}

impl Attempt {
    /// Makes an attempt to test a policy with. It has no deadline, and its request can be sent
    /// again. The first attempt is number 1; 0 counts as 1.
    pub fn new(number: u32) -> Self {
        Self { number: number.max(1), ..Self::untimed(true) }
    }

    #[inline]
    fn with(self, bit: u32, set: bool) -> Self {
        Self { is: if set { self.is | bit } else { self.is & !bit }, ..self }
    }

    /// Sets the deadline.
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

    /// The same attempt again, without the facts that were recorded about its last outcome.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn once_more(self) -> Self {
        Self { is: self.is & !(ACCOUNTED | UNLIMITED | PENDED), ..self }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn of_function(self) -> Self {
        self.with(FUNCTION, true)
    }

    /// Records that the attempt's call returned `Pending`.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn pend(&mut self) {
        self.is |= PENDED;
    }

    /// Whether work may have been done before a rejection: the call returned `Pending`, or the
    /// attempt calls a function.
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

    /// Sets whether the request wasn't sent in this attempt. Use it only on a copy for the policy,
    /// because an attempt that continues may still send the request.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn with_unsent(self, unsent: bool) -> Self {
        self.with(UNSENT, unsent)
    }

    /// Whether an inner retry on the same budget has already reported this attempt's outcome to it.
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

    /// The number of the attempt's timeout scope; 0 if it has no time limit.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn scope(&self) -> u16 {
        (self.is >> SCOPE) as u16
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn in_scope(self, number: u16) -> Self {
        Self { is: (self.is & ((1 << SCOPE) - 1)) | (u32::from(number) << SCOPE), ..self }
    }

    /// Whether the attempt's request carries the list of budgets that have received its deposit.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn carries_deposits(&self) -> bool {
        self.is & CARRIES_DEPOSITS != 0
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn carry_deposits(&mut self) {
        self.is |= CARRIES_DEPOSITS;
    }

    /// Removes the attempt's time limit: the attempt has reached it, and the policy doesn't end it.
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

    /// Whether this is a first attempt without times. Its success needs no report.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.number == 1 && self.is_untimed()
    }

    /// The same attempt, if it [is plain](Self::is_plain). The compiler then knows its number and
    /// times.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn as_plain(&self) -> Self {
        Self { times: None, number: 1, is: self.is }
    }

    /// The attempt's number: 1 is the first.
    #[inline]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// When the attempt started. `None` if nothing in the policy needs the time; then the clock
    /// isn't read.
    #[inline]
    pub fn started(&self) -> Option<Instant> {
        self.times.and_then(|times| times.started)
    }

    /// The time by which the whole request must be answered, including all attempts and waits.
    /// `None` if there is no limit.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.times?.deadline
    }

    /// Whether the request can be sent again: enough of it was kept, or the retry still holds it
    /// because this attempt didn't send it.
    pub fn is_replayable(&self) -> bool {
        self.is & REPLAYABLE != 0
    }

    /// Whether the request wasn't sent in this attempt, because the service or the request wasn't
    /// ready in time.
    pub fn is_unsent(&self) -> bool {
        self.is & UNSENT != 0
    }

    /// The time from `now` to the deadline; zero after the deadline, `None` without one.
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
    fn an_attempt_for_a_test_has_the_given_deadline() {
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
    fn an_attempt_without_limit_is_followed_by_one_with_a_limit() {
        let mut attempt = Attempt::timed(Instant::now(), None, true);
        attempt.unlimit();
        assert!(attempt.is_unlimited() && !attempt.once_more().is_unlimited() && !attempt.next().is_unlimited());
    }

    #[test]
    fn debug_shows_the_public_properties() {
        let shown = format!("{:?}", Attempt::new(2).with_replayable(false).with_unsent(true));
        let expected = "Attempt { number: 2, started: None, deadline: None, replayable: false, unsent: true, .. }";
        assert_eq!(shown, expected);
    }
}
