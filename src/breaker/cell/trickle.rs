//! Trickling probes. Each probe starts an interval, whose end is stored in `lease_until`.
//!
//! All probes between two transitions belong to the same generation. A thread that wants to admit
//! one writes a later `lease_until` before it changes the state word. If its compare-exchange on
//! the word fails because a probe ended, it then reads the end that it wrote itself, which is in
//! the future. Its [`IntervalClaim`] lets it try again: the interval was over, and no other thread
//! has admitted a probe since.
//!
//! If the probe that ends is the only one and fails, the circuit opens until the end of an interval
//! that has no probe. Then the thread's call is rejected, and no probe is sent in that one
//! interval.

use super::{
    context::TransitionContext,
    stamp::LONGEST,
    state_cell::StateCell,
    step::{NewTimes, StampReadings},
};
use crate::breaker::transition::{Phase, StateWord};

/// Proof that a thread found the interval over, and how many probes had been admitted at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntervalClaim {
    generation: u32,
    admitted: u8,
}

impl IntervalClaim {
    pub(super) fn of(word: StateWord) -> Option<Self> {
        match word.phase {
            Phase::HalfOpen { admitted, .. } => Some(Self { generation: word.generation, admitted }),
            Phase::Closed { .. } | Phase::Open => None,
        }
    }

    /// Returns whether no probe has been admitted since the claim was made.
    pub(super) fn holds(self, word: StateWord) -> bool {
        Self::of(word) == Some(self)
    }
}

impl StateCell {
    /// Returns the times of a word that admits a probe.
    pub(super) fn probe_times(
        &self,
        before: StampReadings,
        word: StateWord,
        next: StateWord,
        context: TransitionContext<'_>,
    ) -> NewTimes {
        if !context.probes.trickles() {
            return NewTimes { lease: context.lease, ..NewTimes::default() };
        }
        let now = (context.now)();
        let failing_for = self.failing_since_before(before, word).map_or(0, |since| since.elapsed(now));
        let counts = self.probe_counts(word.generation);
        // The open time that would follow if this probe failed.
        let interval = (context.open_for)(next.with_longer_streak(), counts, failing_for);
        let lease = if interval > LONGEST { context.lease } else { interval };
        NewTimes { lease, ..NewTimes::default() }
    }

    /// When the interval of the newest probe ends; `None` if probes don't trickle.
    pub(super) fn interval_end(&self, word: StateWord, context: TransitionContext<'_>) -> Option<u64> {
        let trickles = context.probes.trickles() && matches!(word.phase, Phase::HalfOpen { .. });
        if trickles { self.lease_until.of(word.generation) } else { None }
    }
}
