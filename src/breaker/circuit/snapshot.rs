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

/// What a circuit needs to go on where it was, as plain data: after a restart, or in another process.
///
/// Windows aren't in it, nor are totals: a window says what calls came to current_slot, and after a restart that isn't so any more. A ramp
/// isn't gone on with either.
///
/// With the feature `store` it can be serialised, and a `FileStore` keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// What it was doing.
    pub state: State,
    /// Who decided about that.
    pub mode: Mode,
    /// Failures since the last success, while closed.
    pub failures_in_a_row: u32,
    /// Openings without a closing in between.
    pub openings_in_a_row: u32,
    /// While open: how much of the open time was left. `None` if it is open until somebody closes it, or isn't open.
    pub open_for: Option<Duration>,
    /// While open or half-open: for how long calls had been failing, from the first failure of the
    /// row that opened the circuit. `None` while closed, if the circuit was forced open, or in a
    /// snapshot of an earlier version of this crate.
    pub failing_for: Option<Duration>,
}

impl<C> Circuit<C> {
    /// Its state as plain data. Nothing is changed by taking it, and nobody is told: an open circuit whose time is over is open with
    /// no time left.
    pub fn snapshot(&self) -> Snapshot {
        let cell = &self.tenant.core.cell;
        let (word, until, failing_since) = loop {
            let word = cell.load();
            let (until, failing_since) = (cell.timer_ends_at(word), cell.failing_since());
            // The times are another word's if it was changed in between.
            if cell.load() == word {
                break (word, until, failing_since);
            }
        };
        let now = self.tenant.now(&self.tenant.settings.load());
        let is_open = word.phase == Phase::Open && word.mode == Mode::Auto;
        Snapshot {
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

    /// Goes on where a circuit was when the snapshot was taken, so long ago.
    ///
    /// | then | now |
    /// |---|---|
    /// | open, with time left | open for what is left of it |
    /// | open, and the time is over | half-open: a probe finds out |
    /// | open until it is reset | the same |
    /// | half-open | half-open, with all its probes free |
    /// | closed | closed, with as many failures in a row |
    /// | steered by a mode | in that mode |
    ///
    /// A circuit that isn't closed goes on with the time for which calls have been failing,
    /// `elapsed` included. The row of failures of a closed one begins to
    /// [last](super::OpenRule::lasting) at its next failure.
    ///
    /// The time left is never more than it was, whatever `elapsed` says. What was counted before is forgotten, calls on their way no
    /// longer count, and observers are told what has changed.
    pub fn restore(&self, snapshot: &Snapshot, elapsed: Duration) {
        let tenant = &*self.tenant;
        let settings = tenant.settings.load();
        let left = snapshot.open_for.map_or(Duration::MAX, |left| left.saturating_sub(elapsed));
        let failing_for = micros(snapshot.failing_for.unwrap_or_default().saturating_add(elapsed));
        let (before, after) = tenant.with_context(&settings, None, |context| {
            tenant.core.cell.restore(context, |word| word.restored(snapshot, left), micros(left), failing_for)
        });
        let name = tenant.name(&settings);
        if before.state() != after.state() {
            tenant.totals.transitions.add();
            match after.phase {
                // For how long is no matter of today's settings.
                Phase::Open if after.mode == Mode::Auto => settings.observers.tell(Event::CircuitOpened {
                    name,
                    open_for: left,
                    openings_in_a_row: after.streak.into(),
                    failures_in_a_row: 0,
                    calls: 0,
                    failures: 0,
                    slow: 0,
                }),
                _ => {
                    let transition = Transition { word: after, counts: Counts::default(), open_for: u64::MAX };
                    tenant.emit_transition(&settings, transition);
                }
            }
        }
        if before.mode != after.mode {
            settings.observers.tell(Event::CircuitSteered { name, mode: after.mode.as_str() });
        }
    }
}

impl StateWord {
    /// This circuit in a new generation, as it was, with so much of the open time left.
    fn restored(self, snapshot: &Snapshot, left: Duration) -> Self {
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
    type Snapshot = Snapshot;

    fn snapshot(&self) -> Snapshot {
        Self::snapshot(self)
    }

    fn restore(&self, snapshot: Snapshot, age: Duration) {
        Self::restore(self, &snapshot, age);
    }
}
