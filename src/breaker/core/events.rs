//! The events that a circuit emits.

use std::time::Duration;

use super::core::Tenant;
use crate::{
    breaker::{cell::Transition, config::Settings, state::Mode, transition::Phase, window::Counts},
    observe::Event,
};

impl Tenant {
    /// Emits the event of a transition. The caller has counted the transition already.
    pub(crate) fn emit_transition(&self, settings: &Settings, Transition { word, counts, open_for }: Transition) {
        let name = self.name(settings);
        let (calls, failures) = counted(counts);
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
                failure: None,
                failing_for: None,
            },
            Phase::HalfOpen { .. } => Event::CircuitHalfOpened { name, failing_for: None },
            Phase::Closed { .. } => Event::CircuitClosed { name, failing_for: None },
        });
    }

    pub(crate) fn emit_would_open(&self, settings: &Settings, counts: Counts) {
        let (calls, failures) = counted(counts);
        settings.observers.emit(Event::CircuitWouldOpen {
            name: self.name(settings),
            failures_in_a_row: counts.in_a_row,
            calls,
            failures,
            slow: counts.slow,
            failure: None,
        });
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
