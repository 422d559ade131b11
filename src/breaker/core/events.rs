//! The events that a circuit emits.

use std::time::Duration;

use super::core::Tenant;
use crate::{
    FailureInfo,
    breaker::{cell::Transition, config::Settings, state::Mode, transition::Phase, window::Counts},
    observe::Event,
};

impl Tenant {
    /// Emits the event of a transition. The caller has counted the transition already. `failure`:
    /// the details of the failure that led to it, if there was one.
    pub(crate) fn emit_transition(
        &self,
        settings: &Settings,
        transition: Transition,
        failure: Option<FailureInfo<'_>>,
    ) {
        if settings.observers.is_empty() {
            return;
        }
        let Transition { from: _, word, counts, open_for, failing_since } = transition;
        let name = self.name(settings);
        let (calls, failures) = counted(counts);
        let failing_for = self.failing_for(settings, failing_since);
        settings.observers.emit(match word.phase {
            Phase::Open => Event::CircuitOpened {
                name,
                open_for: match (word.mode, open_for) {
                    (Mode::ForcedOpen, _) | (_, u64::MAX) => Duration::MAX,
                    (_, micros) => Duration::from_micros(micros),
                },
                openings_in_a_row: word.streak.into(),
                failures_in_a_row: counts.in_a_row,
                calls,
                failures,
                slow: counts.slow,
                failure,
                failing_for,
            },
            Phase::HalfOpen { .. } => Event::CircuitHalfOpened { name, failing_for },
            Phase::Closed { .. } => Event::CircuitClosed { name, failing_for },
        });
    }

    pub(crate) fn emit_would_open(&self, settings: &Settings, counts: Counts, failure: Option<FailureInfo<'_>>) {
        let (calls, failures) = counted(counts);
        settings.observers.emit(Event::CircuitWouldOpen {
            name: self.name(settings),
            failures_in_a_row: counts.in_a_row,
            calls,
            failures,
            slow: counts.slow,
            failure,
        });
    }

    /// Emits the event of a rejection.
    #[inline]
    pub(crate) fn emit_rejection(&self, settings: &Settings, retry_in: Option<Duration>) {
        if settings.observers.is_empty() {
            return;
        }
        let since = self.core.cell.failing_since_of(self.core.cell.load());
        let failing_for = self.failing_for(settings, since);
        settings.observers.emit(Event::CallRejected { name: self.name(settings), retry_in, failing_for });
    }
}

/// Returns the calls and failures that an event reports. Without a window of failures, only the
/// failures in a row are known.
fn counted(counts: Counts) -> (u32, u32) {
    match counts.calls {
        0 => (counts.timed.max(counts.in_a_row), counts.in_a_row),
        calls => (calls.max(counts.timed), counts.failures),
    }
}
