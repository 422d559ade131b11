//! Probes that trickle: the interval that each begins, in the word of the lease.
//!
//! All probes of one stay in half-open belong to the same generation, so a thread that wants to
//! admit one makes the lease later before it changes the word. If it loses the word to a probe that
//! ends, it finds the lease that it wrote itself. Its [`Claim`] lets it try again: the interval
//! was over, and no other thread has admitted a probe since.
//!
//! If the probe that ends is the only one and fails, the circuit opens until the end of an interval
//! that no probe began. Then the thread is rejected, and no probe is sent for that one interval.

use super::{
    context::Going,
    stamp::LONGEST,
    state_cell::Cell,
    step::{Before, Times},
};
use crate::breaker::transition::{Phase, Word};

/// A thread has found the interval over while so many probes had been admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    generation: u32,
    admitted: u8,
}

impl Claim {
    pub(super) fn of(word: Word) -> Option<Self> {
        match word.phase {
            Phase::HalfOpen { admitted, .. } => Some(Self { generation: word.generation, admitted }),
            Phase::Closed { .. } | Phase::Open => None,
        }
    }

    /// Whether no probe has been admitted since.
    pub(super) fn holds(self, word: Word) -> bool {
        Self::of(word) == Some(self)
    }
}

impl Cell {
    /// The times of a word that admits a probe.
    pub(super) fn admitting(&self, before: Before, word: Word, next: Word, going: Going<'_>) -> Times {
        if !going.probing.trickles() {
            return Times { lease: going.lease, ..Times::default() };
        }
        let now = (going.now)();
        let failing_for = self.carried_on(before, word).map_or(0, |since| since.elapsed(now));
        let counts = self.probe_counts(word.generation);
        // Its failure would open the circuit for this time.
        let interval = (going.open_for)(next.opened_once_more(), counts, failing_for);
        let lease = if interval > LONGEST { going.lease } else { interval };
        Times { lease, ..Times::default() }
    }

    /// When the interval ends that the newest probe began.
    pub(super) fn interval_end(&self, word: Word, going: Going<'_>) -> Option<u64> {
        let trickles = going.probing.trickles() && matches!(word.phase, Phase::HalfOpen { .. });
        if trickles { self.lease_until.of(word.generation) } else { None }
    }
}
