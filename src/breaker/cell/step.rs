//! A step from one state word to the next, with the times that belong to the next word.

use super::{
    context::{Transition, TransitionContext},
    failing_since::FailingSince,
    stamp::LONGEST,
    state_cell::StateCell,
};
use crate::breaker::{
    state::Mode,
    transition::{Phase, StateWord},
    window::Counts,
};

/// The stamps, as they were before the word was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct StampReadings {
    pub(super) open: u64,
    pub(super) lease: u64,
    pub(super) limit: u64,
    pub(super) slow_start: u64,
    pub(super) failing: u64,
}

/// The times that belong to the next word and must be written before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NewTimes {
    /// The open time, if the next word opens the circuit.
    pub(super) open_for: u64,
    /// When the next phase began. `None`: now.
    pub(super) began: Option<u64>,
    /// When calls began to fail. Set if the next word opens the circuit or starts a row of
    /// failures.
    pub(super) failing: Option<FailingSince>,
    /// The length of the lease of the probe that the next word admits.
    pub(super) lease: u64,
}

/// What led to an opening.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trip {
    /// The counts that met a rule.
    pub(super) counts: Counts,
    /// When the row of failures that opens the circuit began, if known.
    pub(super) failing_since: Option<FailingSince>,
    /// When the circuit opened. `None`: now.
    pub(super) began: Option<u64>,
}

/// The operation, which determines the stamps that may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Admission,
    End,
    /// A read of the state, or a success that was reported without a permit.
    Look,
}

impl StateCell {
    /// Steps to the next word because a timer is over. Returns the transition, if this thread made
    /// one.
    pub(super) fn step_by_time(
        &self,
        before: StampReadings,
        word: StateWord,
        next: StateWord,
        context: TransitionContext<'_>,
    ) -> Option<Transition> {
        let counts = self.probe_counts(word.generation);
        // The half-open state ended at its timeout, even if this thread notices it later.
        let began = self.half_open_ends_at(word).filter(|_| matches!(word.phase, Phase::HalfOpen { .. }));
        let times = match next.phase {
            Phase::Open => {
                let trip = Trip { counts, failing_since: None, began };
                self.opening_times(before, word, next, context, trip)
            }
            _ => NewTimes { began, ..NewTimes::default() },
        };
        let failing_since = self.failing_since_at(word, times);
        let stepped = self.try_step(before, word, next, context, times);
        let open_for = times.open_for;
        let transition = Transition { from: word.state(), word: next, counts, open_for, failing_since };
        (stepped && next.generation != word.generation).then_some(transition)
    }

    /// Returns the times of a word that opens the circuit.
    pub(super) fn opening_times(
        &self,
        before: StampReadings,
        word: StateWord,
        next: StateWord,
        context: TransitionContext<'_>,
        trip: Trip,
    ) -> NewTimes {
        let Trip { counts, failing_since, began } = trip;
        let now = began.unwrap_or_else(|| (context.now)());
        let failing =
            failing_since.or_else(|| self.failing_since_before(before, word)).unwrap_or(FailingSince::at(now));
        let open_for = (context.open_for)(next, counts, failing.elapsed(now));
        let open_for = match self.interval_end(word, context) {
            Some(end) if began.is_none() && open_for <= LONGEST => {
                context.requested_open_time.unwrap_or(end.saturating_sub(now))
            }
            _ => open_for,
        };
        NewTimes { open_for, began: Some(now), failing: Some(failing), lease: 0 }
    }

    /// Writes the times of the next word, and then steps from `word` to `next`. Returns whether
    /// this thread made the step.
    pub(super) fn try_step(
        &self,
        before: StampReadings,
        word: StateWord,
        mut next: StateWord,
        context: TransitionContext<'_>,
        times: NewTimes,
    ) -> bool {
        let after = |time: u64| times.began.unwrap_or_else(|| (context.now)()).saturating_add(time);
        let is_new = next.generation != word.generation;
        let failing = |since: FailingSince| self.failing_since.extend(before.failing, next.generation, since);
        if !times.failing.is_none_or(failing) {
            return false;
        }
        let written = match next.phase {
            Phase::Open => {
                let until = if times.open_for > LONGEST { u64::MAX } else { after(times.open_for) };
                self.open_until.extend(before.open, next.generation, until)
            }
            Phase::HalfOpen { in_flight, .. } => {
                let is_first = match word.phase {
                    Phase::HalfOpen { admitted, counted, .. } => is_new || admitted == 0 && counted == 0,
                    _ => true,
                };
                let limit = match context.probes.limit {
                    // The half-open timeout starts with the first probe. A new round keeps the
                    // timeout of the former round.
                    Some((limit, _)) if is_first && in_flight > 0 => {
                        let until = self.half_open_ends_at(word).filter(|_| word.phase != Phase::Open);
                        Some(until.unwrap_or_else(|| after(limit)))
                    }
                    _ => None,
                };
                let extend = |until| self.optional.extend_half_open_until(before.limit, next.generation, until);
                if !limit.is_none_or(extend) {
                    return false;
                }
                let ends = matches!(word.phase, Phase::HalfOpen { in_flight: had, .. } if had >= in_flight && !is_new);
                ends || in_flight == 0 || self.lease_until.extend(before.lease, next.generation, after(times.lease))
            }
            Phase::Closed { .. } if is_new && context.slow_start > 0 && word.mode == Mode::Auto => {
                next = next.with_slow_start();
                self.optional.extend_slow_start_since(before.slow_start, next.generation, after(0))
            }
            Phase::Closed { .. } => true,
        };
        written && self.compare_exchange(word, next)
    }

    /// Reads the stamps that `operation` may write. The caller reads the word after this.
    pub(super) fn read_stamps(&self, context: TransitionContext<'_>, operation: Operation) -> StampReadings {
        let limited = context.probes.limit.is_some();
        let opens = operation == Operation::End || limited;
        let read = |wanted: bool, stamp: &dyn Fn() -> u64| if wanted { stamp() } else { 0 };
        StampReadings {
            open: read(opens, &|| self.open_until.read()),
            lease: read(operation == Operation::Admission, &|| self.lease_until.read()),
            limit: read(limited, &|| self.optional.half_open_until()),
            slow_start: read(context.slow_start > 0, &|| self.optional.slow_start_since()),
            failing: read(opens || context.probes.trickles(), &|| self.failing_since.read()),
        }
    }
}
