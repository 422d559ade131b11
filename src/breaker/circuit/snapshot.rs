//! Saving and restoring the state of a circuit.

use std::time::Duration;

use super::circuit::Circuit;
use crate::{
    breaker::{
        cell::Transition,
        micros::micros,
        state::{Mode, State},
        transition::{Phase, StateWord},
        window::Counts,
    },
    observe::Event,
};

/// The state of a circuit as plain data, to continue after a restart or in another process.
///
/// It contains neither windows nor totals: the calls in a window are no longer recent after a
/// restart. A slow start isn't continued either.
///
/// With the feature `store`, a snapshot can be serialised, and a `FileStore` saves it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CircuitSnapshot {
    /// The state.
    pub state: State,
    /// The mode.
    pub mode: Mode,
    /// Failures since the last success, while closed.
    pub failures_in_a_row: u32,
    /// Openings in a row, without a closing in between.
    pub openings_in_a_row: u32,
    /// While open: the rest of the open time. `None` if the circuit isn't open, or is open until it
    /// is reset.
    pub open_for: Option<Duration>,
    /// While open or half-open: how long calls had been failing, from the first failure of the row
    /// that opened the circuit. `None` while closed, if the circuit was forced open, or in a
    /// snapshot of an earlier version of this crate.
    pub failing_for: Option<Duration>,
}

impl<C> Circuit<C> {
    /// Returns the state as plain data. This changes nothing and emits no event, so an open circuit
    /// whose open time is over is reported as open, with no time left.
    pub fn snapshot(&self) -> CircuitSnapshot {
        let cell = &self.tenant.core.cell;
        let (word, until, failing_since) = loop {
            let word = cell.load();
            let (until, failing_since) = (cell.timer_ends_at(word), cell.failing_since());
            // If the word changed in between, the times belong to another word.
            if cell.load() == word {
                break (word, until, failing_since);
            }
        };
        let now = self.tenant.now(&self.tenant.settings.load());
        let is_open = word.phase == Phase::Open && word.mode == Mode::Auto;
        CircuitSnapshot {
            state: word.state(),
            mode: word.mode,
            failures_in_a_row: match word.phase {
                Phase::Closed { failures_in_a_row, .. } => failures_in_a_row,
                Phase::Open | Phase::HalfOpen { .. } => 0,
            },
            openings_in_a_row: if word.state() == State::Closed { 0 } else { word.streak.into() },
            open_for: until
                .filter(|&until| is_open && until < u64::MAX)
                .map(|until| Duration::from_micros(until.saturating_sub(now))),
            failing_for: failing_since
                .filter(|_| word.state() != State::Closed && word.mode == Mode::Auto)
                .map(|since| Duration::from_micros(since.elapsed(now))),
        }
    }

    /// Continues from a snapshot that was taken `elapsed` ago.
    ///
    /// | state in the snapshot | restored state |
    /// |---|---|
    /// | open, with time left | open for the rest of that time |
    /// | open, and the open time is over | half-open, with no probe in flight |
    /// | open until it is reset | open until it is reset |
    /// | half-open | half-open, with no probe in flight |
    /// | closed | closed, with the same number of failures in a row |
    /// | controlled by a mode | in that mode |
    ///
    /// For a circuit that isn't closed, the time for which calls have been failing continues, and
    /// includes `elapsed`. For a closed circuit, the [duration](crate::breaker::TripRule::lasting)
    /// of the row of failures is measured from its next failure.
    ///
    /// The restored open time is never longer than in the snapshot, whatever `elapsed` is. Counts
    /// are forgotten, calls in flight no longer count, and events report the changes.
    pub fn restore(&self, snapshot: &CircuitSnapshot, elapsed: Duration) {
        let tenant = &*self.tenant;
        let settings = tenant.settings.load();
        let left = snapshot.open_for.map_or(Duration::MAX, |left| left.saturating_sub(elapsed));
        let failing_for = micros(snapshot.failing_for.unwrap_or_default().saturating_add(elapsed));
        let (before, after) = tenant.with_context(&settings, None, |context| {
            tenant.core.cell.restore(context, |word| word.restored(snapshot, left), micros(left), failing_for)
        });
        tenant.update_group(&settings, before.counts_as_open(), after);
        let name = tenant.name(&settings);
        if before.state() != after.state() {
            tenant.totals.transitions.add(before.state(), after.state());
            match after.phase {
                // The time comes from the snapshot, not from the present settings.
                Phase::Open if after.mode == Mode::Auto => settings.observers.emit(Event::CircuitOpened {
                    name,
                    open_for: left,
                    openings_in_a_row: after.streak.into(),
                    failures_in_a_row: 0,
                    calls: 0,
                    failures: 0,
                    slow: 0,
                    failure: None,
                    failing_for: Some(Duration::from_micros(failing_for)),
                }),
                _ => {
                    let failing_since = tenant.core.cell.failing_since_of(after);
                    let (from, counts) = (before.state(), Counts::default());
                    let transition = Transition { from, word: after, counts, open_for: u64::MAX, failing_since };
                    tenant.emit_transition(&settings, transition, None);
                }
            }
        }
        if before.mode != after.mode {
            settings.observers.emit(Event::CircuitModeChanged { name, mode: after.mode.as_str() });
        }
    }
}

impl StateWord {
    /// Returns the word of a new generation with the state of the snapshot. `left`: the rest of the
    /// open time.
    fn restored(self, snapshot: &CircuitSnapshot, left: Duration) -> Self {
        let fresh = self.in_mode(snapshot.mode);
        let streak = snapshot.openings_in_a_row.min(Self::MAX_STREAK.into()) as u8;
        let phase = match (snapshot.mode, snapshot.state) {
            (Mode::ForcedOpen, _) => return fresh,
            (Mode::Auto, State::Open) if !left.is_zero() => Phase::Open,
            (Mode::Auto, State::Open | State::HalfOpen) => Phase::HalfOpen { in_flight: 0, counted: 0, admitted: 0 },
            _ => {
                let failures_in_a_row = snapshot.failures_in_a_row.min(Self::MAX_FAILURES_IN_A_ROW);
                return Self { phase: Phase::Closed { failures_in_a_row, slow_start: false }, ..fresh };
            }
        };
        Self { phase, streak, ..fresh }
    }
}

#[cfg(feature = "store")]
impl<C: Send + Sync + 'static> crate::store::Persist for Circuit<C> {
    type Snapshot = CircuitSnapshot;

    fn snapshot(&self) -> CircuitSnapshot {
        Self::snapshot(self)
    }

    fn restore(&self, snapshot: CircuitSnapshot, age: Duration) {
        Self::restore(self, &snapshot, age);
    }
}
