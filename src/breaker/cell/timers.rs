//! The timers of a circuit.

use super::{stamp::Stamp, state_cell::StateCell};
use crate::breaker::transition::{ElapsedTimers, Phase, ProbePolicy, StateWord};

impl StateCell {
    pub(super) fn elapsed_timers(
        &self,
        word: StateWord,
        now: u64,
        probes: &ProbePolicy,
        slow_start: u64,
    ) -> ElapsedTimers {
        let limited = probes.limit.is_some();
        let is_over = |until: Option<u64>| until.is_some_and(|until| until <= now);
        let in_half_open = matches!(word.phase, Phase::HalfOpen { .. });
        let timer = match word.phase {
            // The length comes from the present settings; a reconfiguration may have changed it
            // since the slow start began.
            Phase::Closed { slow_start: true, .. } => {
                self.slow_start_began_at(word).is_none_or(|since| since.saturating_add(slow_start) <= now)
            }
            _ => is_over(self.timer_ends_at(word)),
        };
        let limit = limited && in_half_open && is_over(self.half_open_ends_at(word));
        ElapsedTimers { timer, limit }
    }

    /// When the timer of an open circuit (its open time) or a half-open one (the newest probe's
    /// lease) ends; `None` while closed.
    pub(crate) fn timer_ends_at(&self, word: StateWord) -> Option<u64> {
        match word.phase {
            Phase::Closed { .. } => None,
            Phase::Open => self.open_until.of(word.generation),
            Phase::HalfOpen { .. } => {
                let lease = self.lease_until.read();
                // A thread that found this lease over writes the lease of the next round. Its
                // compare-exchange on the word may then fail, because a probe ended. The lease of
                // this round is then overwritten, but counts as over for all threads.
                let given_up = || Stamp::time(lease, word.next_generation()).map(|_| 0);
                Stamp::time(lease, word.generation).or_else(given_up)
            }
        }
    }

    /// Until when a circuit that isn't closed rejects requests because of its timers; `u64::MAX` if
    /// no timer ends the rejections. While half-open, this is the end of the newest probe's lease.
    /// For `to_come` after the open time, the circuit admits only the user's health probes.
    #[cfg(feature = "keyed")]
    pub(crate) fn rejects_until(&self, word: StateWord, to_come: u64) -> u64 {
        let open_until = match word.phase {
            Phase::Closed { .. } => return 0,
            Phase::Open => self.open_until.of(word.generation).unwrap_or(u64::MAX),
            // The previous generation was the open state, unless it was another round of probes.
            Phase::HalfOpen { .. } if to_come > 0 => self.open_until.of(word.previous_generation()).unwrap_or(0),
            Phase::HalfOpen { .. } => 0,
        };
        let probed_until = self.lease_until.of(word.generation).unwrap_or(0);
        open_until.saturating_add(to_come).max(probed_until)
    }

    /// When the slow start began. A thread that clears the counts writes this time for the next
    /// generation. Its compare-exchange on the word may then fail, because a call ended. So a stamp
    /// of either generation counts.
    pub(super) fn slow_start_began_at(&self, word: StateWord) -> Option<u64> {
        let since = self.optional.slow_start_since();
        Stamp::time(since, word.generation).or_else(|| Stamp::time(since, word.next_generation()))
    }

    /// Until when the circuit may be half-open. The next round keeps this time, so a stamp of
    /// either generation counts.
    pub(super) fn half_open_ends_at(&self, word: StateWord) -> Option<u64> {
        let limit = self.optional.half_open_until();
        Stamp::time(limit, word.generation).or_else(|| Stamp::time(limit, word.next_generation()))
    }
}
