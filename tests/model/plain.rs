//! The circuit as its documentation tells it, for one thread: lists of what happened, and nothing clever.

use std::{collections::VecDeque, time::Duration};

use tower_recourse::State;

use crate::{
    settings::{Growth, Settings, Share},
    steps::{End, Wait},
    view::View,
};

/// Times are microseconds since the circuit was made.
pub(crate) struct Plain<'a> {
    settings: &'a Settings,
    now: u64,
    phase: Phase,
    /// Every transition begins a new one, and every new round of probes. A permit belongs to one.
    generation: u32,
    openings_in_a_row: u32,
    seen: View,
}

enum Phase {
    Closed { failures_in_a_row: u32, failures: VecDeque<bool>, slow: VecDeque<bool> },
    Open { until: u64 },
    HalfOpen { on_their_way: u32, results: Vec<Probe>, lease_until: u64 },
}

struct Probe {
    failed: bool,
    slow: bool,
}

#[derive(Debug)]
pub(crate) struct Permit {
    generation: u32,
    started: u64,
}

impl<'a> Plain<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            now: 0,
            phase: closed(),
            generation: 0,
            openings_in_a_row: 0,
            seen: View::new(settings.count_calls),
        }
    }

    pub(crate) fn wait(&mut self, micros: u64) {
        self.now += micros;
    }

    pub(crate) fn length_of(&self, wait: Wait) -> u64 {
        const SIXTY_DAYS: u64 = 60 * 24 * 3_600 * 1_000_000;
        let until_it_moves = self.retry_in().map_or(0, |retry_in| retry_in.as_micros() as u64);
        match wait {
            Wait::Nothing => 0,
            Wait::OneMicrosecond => 1,
            Wait::UntilItMoves => until_it_moves,
            Wait::UntilJustBefore => until_it_moves.saturating_sub(1),
            Wait::OpenTime => self.settings.open_for,
            Wait::Lease => self.settings.lease,
            Wait::SlowTime => self.settings.slow.map_or(0, |(longer_than, _)| longer_than),
            Wait::SixtyDays => SIXTY_DAYS,
        }
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// "After which time a call may be admitted; `None` while calls are."
    pub(crate) fn retry_in(&self) -> Option<Duration> {
        let until = match &self.phase {
            Phase::Closed { .. } => return None,
            Phase::Open { until } => *until,
            Phase::HalfOpen { on_their_way, results, .. } if self.has_room(*on_their_way, results) => return None,
            Phase::HalfOpen { lease_until, .. } => *lease_until,
        };
        (until > self.now).then(|| Duration::from_micros(until - self.now))
    }

    /// The time to come back after, if not.
    pub(crate) fn admit(&mut self) -> Result<Permit, Duration> {
        if let Some(retry_in) = self.retry_in() {
            self.seen.rejected += 1;
            return Err(retry_in);
        }
        self.half_open_if_time();
        // "The first call that asks when the lease of the newest probe is over, and probes have still not come back,
        // begins a new round."
        if let Phase::HalfOpen { on_their_way: 1.., lease_until, .. } = self.phase {
            if lease_until <= self.now {
                self.generation += 1;
                self.phase = half_open();
            }
        }
        if let Phase::HalfOpen { on_their_way, lease_until, .. } = &mut self.phase {
            *on_their_way += 1;
            *lease_until = self.now + self.settings.lease;
        }
        add(&mut self.seen.admitted);
        Ok(Permit { generation: self.generation, started: self.now })
    }

    pub(crate) fn end(&mut self, permit: Permit, end: End) {
        match end {
            End::Success => add(&mut self.seen.successes),
            End::Failure => self.seen.failures += 1,
            End::Neutral | End::Rejected => self.seen.neutral += 1,
            End::Dropped => self.seen.dropped += 1,
        }
        // "An ending that comes after its circuit has moved on changes nothing but the totals."
        if permit.generation != self.generation {
            return;
        }
        let ended = matches!(end, End::Success | End::Failure);
        let failed = matches!(end, End::Failure);
        let took = self.now - permit.started;
        let slow = self.settings.slow.is_some_and(|(longer_than, _)| took > longer_than);
        // "One that was given up by its caller after that time was slow too."
        let given_up_slow = matches!(end, End::Dropped) && slow;
        let counts = ended || given_up_slow;
        match &mut self.phase {
            Phase::Closed { failures_in_a_row, failures, slow: slow_ones } if counts => {
                if ended {
                    *failures_in_a_row = if failed { *failures_in_a_row + 1 } else { 0 };
                    slide(failures, failed, self.settings.failing);
                }
                slide(slow_ones, slow, self.settings.slow.map(|(_, share)| share));
                if self.opens() {
                    self.open();
                }
            }
            Phase::HalfOpen { on_their_way, results, .. } => {
                *on_their_way -= 1;
                if counts {
                    results.push(Probe { failed, slow });
                    match self.decision() {
                        Some(State::Open) => self.open(),
                        Some(_) => self.close(),
                        None => {}
                    }
                }
            }
            Phase::Closed { .. } | Phase::Open { .. } => {}
        }
    }

    pub(crate) fn reset(&mut self) {
        if self.state() == State::Closed {
            self.generation += 1;
            self.phase = closed();
        } else {
            self.close();
        }
    }

    /// "Reading it moves an open circuit whose time is over to half-open."
    pub(crate) fn view(&mut self) -> View {
        self.half_open_if_time();
        let (failures_in_a_row, window) = match &self.phase {
            Phase::Closed { failures_in_a_row, failures, slow } => {
                (*failures_in_a_row, [failures.len(), marked(failures), slow.len(), marked(slow)])
            }
            Phase::Open { .. } => (0, [0; 4]),
            Phase::HalfOpen { results, .. } => {
                let failed = results.iter().filter(|probe| probe.failed).count();
                let slow = results.iter().filter(|probe| probe.slow).count();
                (0, [results.len(), failed, results.len(), slow])
            }
        };
        let (state, retry_in) = (self.state(), self.retry_in());
        let window = window.map(|calls| calls as u32);
        let openings_in_a_row = self.openings_in_a_row;
        View { state, failures_in_a_row, openings_in_a_row, retry_in, window, ..self.seen.clone() }
    }

    fn half_open_if_time(&mut self) {
        if matches!(self.phase, Phase::Open { until } if until <= self.now) {
            self.turn(half_open());
        }
    }

    fn open(&mut self) {
        // "Counted up to 63."
        self.openings_in_a_row = (self.openings_in_a_row + 1).min(63);
        let until = self.now + self.open_time();
        self.turn(Phase::Open { until });
    }

    fn close(&mut self) {
        self.openings_in_a_row = 0;
        self.turn(closed());
    }

    fn turn(&mut self, phase: Phase) {
        self.generation += 1;
        self.seen.transitions += 1;
        self.phase = phase;
    }

    fn open_time(&self) -> u64 {
        const FIVE_MINUTES: u64 = 300 * 1_000_000;
        let base = self.settings.open_for;
        let (time, longest) = match self.settings.growth {
            Growth::None => (base, u64::MAX),
            Growth::Factor(factor) => {
                let times = u64::from(factor).saturating_pow(self.openings_in_a_row - 1);
                (base.saturating_mul(times), FIVE_MINUTES)
            }
            Growth::Stepwise => (base * u64::from(self.openings_in_a_row), FIVE_MINUTES),
        };
        time.min(self.settings.longest.unwrap_or(longest))
    }

    fn opens(&self) -> bool {
        let Phase::Closed { failures_in_a_row, failures, slow } = &self.phase else { return false };
        let reached = |share: Share, window: &VecDeque<bool>| {
            window.len() >= share.minimum as usize && is_share(share.thousandths, marked(window), window.len())
        };
        self.settings.consecutive.is_some_and(|limit| *failures_in_a_row >= limit)
            || self.settings.failing.is_some_and(|share| reached(share, failures))
            || self.settings.slow.is_some_and(|(_, share)| reached(share, slow))
    }

    fn decision(&self) -> Option<State> {
        let Phase::HalfOpen { results, .. } = &self.phase else { return None };
        let failed = results.iter().filter(|probe| probe.failed).count();
        let slow = results.iter().filter(|probe| probe.slow).count();
        let all_back = results.len() >= self.settings.needed as usize;
        let bad = match (self.settings.probes_failing, self.settings.slow) {
            (None, _) => failed + slow > 0,
            (Some(_), _) if !all_back => false,
            (Some(failing), None) => is_share(failing, failed, results.len()),
            (Some(failing), Some((_, share))) => {
                is_share(failing, failed, results.len()) || is_share(share.thousandths, slow, results.len())
            }
        };
        match (bad, all_back) {
            (true, _) => Some(State::Open),
            (false, true) => Some(State::Closed),
            (false, false) => None,
        }
    }

    /// "It never is more than are still needed to decide."
    fn has_room(&self, on_their_way: u32, results: &[Probe]) -> bool {
        let all = if self.settings.probes_failing.is_some() { self.settings.needed } else { 1 };
        on_their_way < self.settings.at_a_time.unwrap_or(all)
            && on_their_way + (results.len() as u32) < self.settings.needed
    }
}

fn closed() -> Phase {
    Phase::Closed { failures_in_a_row: 0, failures: VecDeque::new(), slow: VecDeque::new() }
}

fn half_open() -> Phase {
    Phase::HalfOpen { on_their_way: 0, results: Vec::new(), lease_until: 0 }
}

fn add(total: &mut Option<u64>) {
    *total = total.map(|total| total + 1);
}

fn slide(window: &mut VecDeque<bool>, mark: bool, share: Option<Share>) {
    let Some(share) = share else { return };
    window.push_back(mark);
    if window.len() > share.calls as usize {
        window.pop_front();
    }
}

fn marked(window: &VecDeque<bool>) -> usize {
    window.iter().filter(|mark| **mark).count()
}

/// "This share or more." None of them is no share at all.
fn is_share(thousandths: u32, part: usize, whole: usize) -> bool {
    part > 0 && part * 1_000 >= thousandths as usize * whole
}
