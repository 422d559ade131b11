//! The end of a call.

use super::{
    cancelled_row,
    context::{EndEffect, Transition, TransitionContext, WindowUse},
    probe_counts::record_probe,
    state_cell::StateCell,
    step::{NewTimes, Operation, Trip},
};
use crate::breaker::{
    state::Mode,
    transition::{self, CallResult, Phase},
    window::Counts,
};

impl StateCell {
    /// Ends a call of `generation`. `slow`: whether the call was slow; `None` if its duration
    /// doesn't count.
    pub(crate) fn end_call(
        &self,
        context: TransitionContext<'_>,
        window_use: WindowUse<'_>,
        generation: u32,
        mut result: CallResult,
        slow: Option<bool>,
    ) -> EndEffect {
        let word = self.load();
        if word.generation != generation {
            return EndEffect::Stale;
        }
        if word.mode == Mode::Disabled {
            return EndEffect::Unchanged;
        }
        let is_slow = slow == Some(true);
        if matches!(result, CallResult::Ignored | CallResult::Cancelled) && is_slow {
            result = CallResult::Slow;
        }
        let failed = match result {
            CallResult::Success => Some(false),
            CallResult::Failure => Some(true),
            CallResult::Slow | CallResult::Neutral | CallResult::Cancelled | CallResult::Ignored => None,
        };
        let counts = match (word.phase, window_use) {
            _ if failed.is_none() && result != CallResult::Slow => Some(Counts::default()),
            (Phase::HalfOpen { .. }, _) => record_probe(&self.probes, generation, result, is_slow),
            (_, WindowUse::Record(window)) => window.record(generation, failed, slow, context.now),
            (_, WindowUse::AlreadyRecorded(window)) => Some(window.counts(generation, context.now)),
            (_, WindowUse::NoWindow) => Some(Counts::default()),
        };
        let Some(mut counts) = counts else { return EndEffect::Stale };
        if matches!(word.phase, Phase::HalfOpen { .. })
            && context.probes.trickles()
            && is_slow
            && context.rules.slow.is_some()
        {
            // A slow success doesn't close a circuit with trickling probes.
            result = CallResult::Slow;
        }
        if result == CallResult::Neutral {
            cancelled_row::forget_probes(&self.probes, generation);
        }
        let mut is_counted = false;
        loop {
            let before = self.read_stamps(context, Operation::End);
            let row_before = self.lease_until.read();
            let word = self.load();
            if word.generation != generation {
                return EndEffect::Stale;
            }
            if result == CallResult::Cancelled {
                match self.record_cancelled(row_before, word, context, &mut is_counted) {
                    Some(row) => counts = row,
                    None => continue,
                }
            } else if let Phase::HalfOpen { .. } = word.phase {
                // If two probes end at once, the thread that reads the counts last sees both
                // results.
                counts = self.probe_counts(generation);
            }
            if let (Phase::Closed { failures_in_a_row, .. }, true) = (word.phase, result != CallResult::Cancelled) {
                counts.in_a_row = transition::failures_in_a_row_after(failures_in_a_row, result);
            }
            let row = self.failure_row(before, word, result, context);
            let next = |may_open: bool| {
                let (rules, probes) = (context.rules, context.probes);
                transition::after_call(rules, probes, word, result, counts, row.lasted, may_open)
            };
            let (next, slot) = match (next(true), context.group) {
                // A circuit that isn't closed has a slot already.
                (opened, Some(group)) if opened.counts_as_open() && !word.counts_as_open() => {
                    match group.try_take_slot() {
                        Some(slot) => (opened, Some(slot)),
                        None => (next(false), None),
                    }
                }
                (next, _) => (next, None),
            };
            if next == word {
                return EndEffect::Unchanged;
            }
            let times = match next.phase {
                Phase::Open => {
                    let trip = Trip { counts, failing_since: row.since, began: None };
                    self.opening_times(before, word, next, context, trip)
                }
                _ => NewTimes { failing: row.since.filter(|_| row.begins), ..NewTimes::default() },
            };
            let failing_since = self.failing_since_at(word, times);
            if self.try_step(before, word, next, context, times) {
                if let Some(slot) = slot {
                    slot.keep();
                }
                let open_for = times.open_for;
                return match next {
                    next if next.generation != generation => {
                        let from = word.state();
                        EndEffect::Transitioned(Transition { from, word: next, counts, open_for, failing_since })
                    }
                    next if next.streak != word.streak => EndEffect::WouldOpen(counts),
                    _ => EndEffect::Unchanged,
                };
            }
        }
    }
}
