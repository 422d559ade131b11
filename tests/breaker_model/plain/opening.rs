//! Transitions, and how long the circuit stays open.

use std::time::Duration;

use tower_recourse::{State, breaker::Mode};

use super::{Closed, DroppedRow, HalfOpen, NEVER, Phase, Plain, half_open::Probe};

use crate::{
    settings::{Growth, SECOND, Settings, Span, Throttling, ratio},
    tally::Held,
};

impl Plain {
    /// Makes the changes of `before_call`, and moves an open circuit to half-open if its open
    /// duration has ended. Reading the state causes both.
    pub(super) fn read_state(&mut self) {
        loop {
            self.before_call();
            if !self.half_open_if_time() {
                return;
            }
        }
    }

    /// Makes the changes that the next call causes, whether or not it is admitted: slow start ends,
    /// or the half-open limit has passed.
    pub(super) fn before_call(&mut self) {
        match &mut self.phase {
            Phase::Closed(closed) => {
                let ramp = self.settings.ramp;
                closed.ramp_since = closed.ramp_since.filter(|since| since + ramp > self.now);
            }
            Phase::HalfOpen(probes) => match probes.undecided(&self.settings.probes, self.now) {
                Some((State::Open, since)) => self.open_by(0, since, None, false),
                Some((_, since)) => {
                    self.close(since);
                    self.before_call();
                }
                None => {}
            },
            Phase::Open { .. } => {}
        }
    }

    pub(super) fn half_open_if_time(&mut self) -> bool {
        let is_over = matches!(self.phase, Phase::Open { until } if until <= self.now);
        if is_over {
            self.turn(Phase::HalfOpen(HalfOpen::default()));
        }
        is_over
    }

    /// `asked`: the delay that the failure requests, or 0. `dropped`: if the cause is dropped
    /// calls, how many in a row. The rules then count these calls, all as failures, instead of the
    /// windows. `failed`: whether the call that ended failed.
    pub(super) fn open_by_rules(&mut self, asked: u64, dropped: Option<u32>, failed: bool) {
        let opens = self.a_rule_opens(dropped, failed);
        let Phase::Closed(closed) = &mut self.phase else { return };
        match self.mode {
            Mode::Auto if opens => self.open_by(asked, self.now, dropped, true),
            // The circuit reports this once.
            Mode::MetricsOnly if opens && !closed.has_told => {
                closed.has_told = true;
                self.totals.would_open += 1;
            }
            _ => {}
        }
    }

    /// `by_call`: the cause is the end of a call, not a time limit.
    pub(super) fn open_by(&mut self, asked: u64, since: u64, dropped: Option<u32>, by_call: bool) {
        // The circuit counts openings in a row up to 63.
        self.openings_in_a_row = (self.openings_in_a_row + 1).min(63);
        if let Phase::Closed(closed) = &self.phase {
            let row = (closed.failures_in_a_row > 0).then_some(closed.row_since);
            let row = if dropped.is_some() { Some(closed.dropped.since) } else { row };
            self.failing_since = row.filter(|_| self.settings.needs_row_times()).unwrap_or(self.now);
        }
        let until = since.saturating_add(self.open_time(asked, dropped, since));
        let until = match &self.phase {
            // The circuit stays open until the interval of the newest probe ends, or for the delay
            // that the failure requests.
            Phase::HalfOpen(probes) if self.settings.probes.trickle && by_call && until < NEVER => {
                match (asked, self.settings.honor_retry_after) {
                    (1.., Some(_)) => until,
                    _ => probes.lease_until.max(since),
                }
            }
            _ => until,
        };
        self.turn(Phase::Open { until });
    }

    pub(super) fn close(&mut self, since: u64) {
        self.openings_in_a_row = 0;
        let ramp_since = (self.settings.ramp > 0).then_some(since);
        self.turn(Phase::Closed(Closed { ramp_since, ..Closed::default() }));
    }

    /// Resets all counts. Running calls no longer count.
    pub(super) fn restart(&mut self, mode: Mode) {
        let before = self.state();
        self.mode = mode;
        self.openings_in_a_row = 0;
        self.generation += 1;
        self.phase = match mode {
            Mode::ForcedOpen => Phase::Open { until: NEVER },
            _ => Phase::Closed(Closed::default()),
        };
        self.totals.transitions += u64::from(self.state() != before);
    }

    /// The counts of failures and of slow calls: in the windows, or among the results of the
    /// probes.
    pub(super) fn held(&self) -> [Held; 2] {
        match &self.phase {
            Phase::Closed(closed) => {
                let [failures, slow, _] = self.settings.windows();
                [closed.failures.held(failures, self.now), closed.slow.held(slow, self.now)]
            }
            Phase::Open { .. } => [Held::default(); 2],
            Phase::HalfOpen(probes) => {
                let calls = probes.results.len() as u32;
                let marked = |bad: fn(&Probe) -> bool| probes.results.iter().filter(|probe| bad(probe)).count() as u32;
                // The circuit counts probes in 8 bits.
                let held = |marked: u32| Held { calls: calls.min(255), marked: marked.min(255) };
                [marked(|probe| probe.failed), marked(|probe| probe.slow)].map(held)
            }
        }
    }

    fn turn(&mut self, phase: Phase) {
        self.generation += 1;
        self.totals.transitions += 1;
        self.phase = phase;
    }

    /// The length of the next interval, which begins when a probe is admitted.
    pub(super) fn next_interval(&mut self) -> u64 {
        let Phase::HalfOpen(probes) = &self.phase else { return 0 };
        let before = self.openings_in_a_row;
        let more = 1 + u32::from(probes.has_sent);
        self.openings_in_a_row = (before + 1).min(63);
        if more == 2 {
            self.openings_in_a_row = (self.openings_in_a_row + 1).min(63);
        }
        let interval = self.open_time(0, None, self.now);
        self.openings_in_a_row = before;
        // If the open duration is unlimited, an interval is as long as a lease.
        if interval == NEVER { self.settings.probes.lease } else { interval }
    }

    fn a_rule_opens(&self, dropped: Option<u32>, failed: bool) -> bool {
        let Phase::Closed(Closed { failures_in_a_row, row_since, dropped: DroppedRow { since, .. }, .. }) = self.phase
        else {
            return false;
        };
        let lasted = match (dropped, failed) {
            (Some(_), _) => self.now - since,
            (None, true) => self.now - row_since,
            (None, false) => 0,
        };
        let failures_in_a_row = dropped.unwrap_or(failures_in_a_row);
        let [failures, slow_ones] = match dropped {
            Some(calls) => [Held { calls, marked: calls }, Held::default()],
            None => self.held(),
        };
        let rules = &self.settings.rules;
        let by_the_row = rules.consecutive.is_some_and(|limit| failures_in_a_row >= limit && lasted >= rules.lasting);
        let by_failures = rules.window.is_some_and(|window| {
            let by_share = rules.failing.is_some_and(|failing| failures.is_share(failing));
            let by_custom = rules
                .custom
                .is_some_and(|(in_a_row, failed)| failures_in_a_row >= in_a_row && failures.marked >= failed);
            failures.is_enough(window) && (by_share || by_custom)
        });
        let by_slow = rules.slow.is_some_and(|(_, share, over)| slow_ones.is_enough(over) && slow_ones.is_share(share));
        by_the_row || by_failures || by_slow
    }

    /// `now`: the beginning of the open duration.
    fn open_time(&self, asked: u64, dropped: Option<u32>, now: u64) -> u64 {
        const FIVE_MINUTES: u64 = 300 * SECOND;
        let settings = &self.settings;
        let longest = settings.longest.unwrap_or(NEVER);
        if let (1.., Some(at_most)) = (asked, settings.honor_retry_after) {
            return asked.min(at_most).min(longest);
        }
        let base = settings.open_for;
        let in_a_row = u64::from(self.openings_in_a_row);
        let failing_for = now.saturating_sub(self.failing_since);
        let (time, longest_unless_set) = match settings.growth {
            Growth::None => (base, NEVER),
            Growth::Factor(factor) => {
                let times = u64::from(factor).saturating_pow(self.openings_in_a_row - 1);
                (base.saturating_mul(times), FIVE_MINUTES)
            }
            Growth::Stepwise => (base * in_a_row, FIVE_MINUTES),
            Growth::UntilReset => (NEVER, NEVER),
            Growth::OfFailingTime(share) => {
                let longest = settings.longest.unwrap_or(2 * SECOND);
                let share = Duration::from_micros(failing_for).as_secs_f64() * ratio(share).as_f64();
                let share = Duration::from_secs_f64(share).as_micros() as u64;
                (share.max(base.min(longest)), 2 * SECOND)
            }
            Growth::ByFunction => {
                let [failures, _] = self.held();
                let failures = dropped.map_or(failures, |calls| Held { calls, marked: calls });
                let minutes = if failures.marked * 2 > failures.calls { 60 * SECOND } else { 0 };
                (base + in_a_row * SECOND + minutes + failing_for / 4, NEVER)
            }
        };
        time.min(settings.longest.unwrap_or(longest_unless_set))
    }
}

impl Settings {
    /// The windows of failures, of slow calls and of requests.
    pub(crate) fn windows(&self) -> [Option<Span>; 3] {
        let failures = self.rules.window.map(|over| over.span);
        let slow = self.rules.slow.map(|(.., over)| over.span);
        [failures, slow, self.throttle.map(|throttle| throttle.span())]
    }
}

impl Throttling {
    /// The throttle's window, which has ten slices.
    pub(crate) fn span(self) -> Span {
        Span::Time { time: self.over, slices: 10 }
    }
}
