use super::{
    context::{Going, Transition},
    failing_since::Since,
    stamp::LONGEST,
    state_cell::Cell,
};
use crate::breaker::{
    state::Mode,
    transition::{Phase, Word},
    window::Counts,
};

/// The times as they were before the word was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) open: u64,
    pub(super) lease: u64,
    pub(super) limit: u64,
    pub(super) ramp: u64,
    pub(super) failing: u64,
}

/// What belongs to the next word and must be written before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// For how long it opens.
    pub(super) open_for: u64,
    /// When the times began, if that was earlier than now.
    pub(super) began: Option<u64>,
    /// Since when calls have been failing: of a word that opens the circuit, or that begins a row
    /// of failures.
    pub(super) failing: Option<Since>,
    /// For how long the next probe is admitted alone.
    pub(super) lease: u64,
}

/// What comes next, and so which times may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comes {
    Admission,
    End,
    Look,
}

impl Cell {
    /// From one word to the next because the circuit's own time is over. `None` unless that was a
    /// transition, and this thread made it.
    pub(super) fn step_aside(&self, before: Before, word: Word, next: Word, going: Going<'_>) -> Option<Transition> {
        let counts = self.probe_counts(word.generation);
        // The time in half-open was over at its limit, whenever that is noticed.
        let began = self.half_open_limit(word).filter(|_| matches!(word.phase, Phase::HalfOpen { .. }));
        let times = match next.phase {
            Phase::Open => self.opening(before, word, next, going, (counts, None, began)),
            _ => Times { began, ..Times::default() },
        };
        let stepped = self.step(before, word, next, going, times);
        let open_for = times.open_for;
        (stepped && next.generation != word.generation).then_some(Transition { word: next, counts, open_for })
    }

    /// The times of a word that opens the circuit. `row`: when the row of failures began that opens
    /// it.
    pub(super) fn opening(
        &self,
        before: Before,
        word: Word,
        next: Word,
        going: Going<'_>,
        (counts, row, began): (Counts, Option<Since>, Option<u64>),
    ) -> Times {
        let now = began.unwrap_or_else(|| (going.now)());
        let failing = row.or_else(|| self.carried_on(before, word)).unwrap_or(Since::at(now));
        let open_for = (going.open_for)(next, counts, failing.elapsed(now));
        let open_for = match self.interval_end(word, going) {
            Some(end) if began.is_none() && open_for <= LONGEST => going.asked_for.unwrap_or(end.saturating_sub(now)),
            _ => open_for,
        };
        Times { open_for, began: Some(now), failing: Some(failing), lease: 0 }
    }

    /// From one word to the next, with the times that belong to it. Whether no other thread was
    /// faster.
    pub(super) fn step(&self, before: Before, word: Word, mut next: Word, going: Going<'_>, times: Times) -> bool {
        let after = |time: u64| times.began.unwrap_or_else(|| (going.now)()).saturating_add(time);
        let is_new = next.generation != word.generation;
        let failing = |since: Since| self.failing_since.extend(before.failing, next.generation, since);
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
                let limit = match going.probing.limit {
                    // The first probe begins it, and a new round goes on with the time of the old one.
                    Some((limit, _)) if is_first && in_flight > 0 => {
                        let until = self.half_open_limit(word).filter(|_| word.phase != Phase::Open);
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
            Phase::Closed { .. } if is_new && going.ramp > 0 && word.mode == Mode::Auto => {
                next = next.ramping();
                self.optional.extend_ramp_since(before.ramp, next.generation, after(0))
            }
            Phase::Closed { .. } => true,
        };
        written && self.replace(word, next)
    }

    /// The times that may be written by what comes next, as they are before the word is read.
    pub(super) fn times(&self, going: Going<'_>, comes: Comes) -> Before {
        let limited = going.probing.limit.is_some();
        let opens = comes == Comes::End || limited;
        let read = |wanted: bool, stamp: &dyn Fn() -> u64| if wanted { stamp() } else { 0 };
        Before {
            open: read(opens, &|| self.open_until.read()),
            lease: read(comes == Comes::Admission, &|| self.lease_until.read()),
            limit: read(limited, &|| self.optional.half_open_until()),
            ramp: read(going.ramp > 0, &|| self.optional.ramp_since()),
            failing: read(opens || going.probing.trickles(), &|| self.failing_since.read()),
        }
    }
}
