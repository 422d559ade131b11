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
            // Its length is that of today's settings: they may have been exchanged since it began.
            Phase::Closed { slow_start: true, .. } => {
                self.slow_start_began_at(word).is_none_or(|since| since.saturating_add(slow_start) <= now)
            }
            _ => is_over(self.timer_ends_at(word)),
        };
        let limit = limited && in_half_open && is_over(self.half_open_ends_at(word));
        ElapsedTimers { timer, limit }
    }

    /// When an open or half-open circuit moves on by itself; `None` while closed.
    pub(crate) fn timer_ends_at(&self, word: StateWord) -> Option<u64> {
        match word.phase {
            Phase::Closed { .. } => None,
            Phase::Open => self.open_until.of(word.generation),
            Phase::HalfOpen { .. } => {
                let lease = self.lease_until.read();
                // The lease of the next round is written by somebody who found this one's over, and who may lose the word
                // to a probe that comes back just then. This round's is gone then, and stays over for everybody.
                let given_up = || Stamp::time(lease, word.next_generation()).map(|_| 0);
                Stamp::time(lease, word.generation).or_else(given_up)
            }
        }
    }

    /// Until when a circuit that isn't closed rejects requests, as far as its own time decides; `u64::MAX` if it doesn't. Half-open, the
    /// time of a probe that is on its way: its lease. `to_come`: for so long after the open time, only probes of the user's own are let in.
    #[cfg(feature = "keyed")]
    pub(crate) fn rejects_until(&self, word: StateWord, to_come: u64) -> u64 {
        let open_until = match word.phase {
            Phase::Closed { .. } => return 0,
            Phase::Open => self.open_until.of(word.generation).unwrap_or(u64::MAX),
            // The generation before was open, unless another round of probes was.
            Phase::HalfOpen { .. } if to_come > 0 => self.open_until.of(word.previous_generation()).unwrap_or(0),
            Phase::HalfOpen { .. } => 0,
        };
        let probed_until = self.lease_until.of(word.generation).unwrap_or(0);
        open_until.saturating_add(to_come).max(probed_until)
    }

    /// When the ramp began. Who makes the circuit count anew goes on with the same time, and may lose the word to a call that
    /// ends just then: so it doesn't matter which of the two generations it is written for.
    pub(super) fn slow_start_began_at(&self, word: StateWord) -> Option<u64> {
        let since = self.optional.slow_start_since();
        Stamp::time(since, word.generation).or_else(|| Stamp::time(since, word.next_generation()))
    }

    /// Until when a circuit may be half-open. The next round goes on with the same time, so it doesn't matter which of the
    /// two has written it.
    pub(super) fn half_open_ends_at(&self, word: StateWord) -> Option<u64> {
        let limit = self.optional.half_open_until();
        Stamp::time(limit, word.generation).or_else(|| Stamp::time(limit, word.next_generation()))
    }
}
