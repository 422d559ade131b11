//! The model: the documented behaviour of the circuit, for one thread, as simply as possible. It
//! stores lists of calls and has no optimisation.

mod half_open;
mod opening;

use std::time::Duration;

use tower_recourse::{State, breaker::Mode};

use half_open::{HalfOpen, Probe};

use crate::{
    settings::{Dropping, SECOND, Settings, Span},
    steps::End,
    tally::Tally,
    view::{Totals, View},
};

/// Times are in microseconds since the circuit was created.
pub(crate) struct Plain {
    settings: Settings,
    now: u64,
    mode: Mode,
    phase: Phase,
    /// Every transition and every new round of probes begins a new generation. A permit belongs to
    /// the generation in which it was issued.
    generation: u32,
    openings_in_a_row: u32,
    /// While the circuit isn't closed: the time since which calls have been failing.
    failing_since: u64,
    totals: Totals,
}

enum Phase {
    Closed(Closed),
    Open { until: u64 },
    HalfOpen(HalfOpen),
}

#[derive(Default)]
struct Closed {
    failures_in_a_row: u32,
    /// When the first of these failures ended. A later config that is the first to need this time
    /// sets it to the time of the switch.
    row_since: u64,
    failures: Tally,
    slow: Tally,
    /// The requests that the throttle counts. Those that the service accepted are marked.
    requests: Tally,
    ramp_since: Option<u64>,
    has_told: bool,
    dropped: DroppedRow,
}

/// Consecutive dropped calls.
#[derive(Default)]
pub(crate) struct DroppedRow {
    pub(crate) calls: u32,
    /// The time of the first one.
    since: u64,
}

impl DroppedRow {
    fn add(&mut self, now: u64) {
        if self.calls == 0 {
            self.since = now;
        }
        self.calls += 1;
    }

    fn end(&mut self) {
        *self = Self::default();
    }

    /// Whether all recent calls were dropped: at least three in a row, for at least the length of
    /// the failure rule's time window, or 30 s if the rule has none. The dropped calls then count
    /// as failures.
    fn are_all(&self, settings: &Settings, now: u64) -> bool {
        let lasts = match settings.windows()[0] {
            Some(Span::Time { time, slices }) => time / u64::from(slices) * u64::from(slices),
            _ => 30 * SECOND,
        };
        self.calls >= 3 && now - self.since >= lasts
    }
}

/// What admission returns for a call.
#[derive(Debug)]
pub(crate) enum Answer {
    In,
    /// The circuit decides at random.
    AtRandom,
    /// Rejected, with the time until a call may be admitted, if it is known.
    Out(Option<Duration>),
}

#[derive(Debug)]
pub(crate) struct Permit {
    generation: u32,
    /// When the call began, if its duration mattered then.
    started: Option<u64>,
    is_counted: bool,
}

const NEVER: u64 = u64::MAX;

impl Plain {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            now: 0,
            mode: Mode::Auto,
            phase: Phase::Closed(Closed::default()),
            generation: 0,
            openings_in_a_row: 0,
            failing_since: 0,
            totals: Totals { admitted: Some(0), successes: Some(0), ..Totals::default() },
        }
    }

    pub(crate) fn wait(&mut self, micros: u64) {
        self.now += micros;
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen(_) => State::HalfOpen,
        }
    }

    /// Requests admission. After `AtRandom`, the caller reports the circuit's decision by `admit`
    /// or `reject`.
    pub(crate) fn request_admission(&mut self) -> Answer {
        self.before_call();
        match &self.phase {
            Phase::Closed(closed) => match (closed.ramp_since, self.settings.throttle) {
                // Slow start admits a share that grows evenly from none to all.
                (Some(since), _) if since == self.now => Answer::Out(None),
                (Some(_), _) => Answer::AtRandom,
                (None, Some(throttle)) if self.mode == Mode::Auto => {
                    let requests = closed.requests.held(Some(throttle.span()), self.now);
                    // max(0, (requests − k × accepts) / (requests + 1)), which is always below 1.
                    let is_throttled = requests.calls * 1_000 > throttle.k * requests.marked;
                    if is_throttled { Answer::AtRandom } else { Answer::In }
                }
                (None, _) => Answer::In,
            },
            Phase::Open { until } if *until > self.now => Answer::Out(self.time_until_admission()),
            Phase::Open { .. } => Answer::In,
            Phase::HalfOpen(probes) if probes.rejects(&self.settings.probes, self.now) => {
                Answer::Out(self.time_until_admission())
            }
            Phase::HalfOpen(_) => Answer::In,
        }
    }

    pub(crate) fn admit(&mut self) -> Permit {
        self.half_open_if_time();
        let interval = self.next_interval();
        if let Phase::HalfOpen(probes) = &mut self.phase {
            if self.settings.probes.trickle && probes.has_sent {
                self.openings_in_a_row = (self.openings_in_a_row + 1).min(63);
            }
            if probes.is_abandoned(&self.settings.probes, self.now) {
                // Begins a new round of probes. Results of the old round no longer count.
                self.generation += 1;
                probes.begin_round(&self.settings.probes, self.now);
            }
            probes.send(&self.settings.probes, self.now, interval);
        }
        if self.settings.count_all_calls {
            add(&mut self.totals.admitted);
        }
        let is_timed = self.settings.rules.slow.is_some() || matches!(self.settings.dropped, Dropping::FailureAfter(_));
        Permit {
            generation: self.generation,
            started: is_timed.then_some(self.now),
            is_counted: self.settings.count_all_calls,
        }
    }

    pub(crate) fn reject(&mut self) {
        self.totals.rejected += 1;
        if let Phase::Closed(Closed { ramp_since: None, requests, .. }) = &mut self.phase {
            requests.add(self.now, false);
        }
    }

    pub(crate) fn end(&mut self, permit: Permit, end: End) {
        let took = permit.started.map(|started| self.now - started);
        let end = match (end, self.settings.dropped) {
            (End::CancelledCalls, Dropping::Failure) => End::Failure,
            (End::Throttled(_), _) if self.settings.throttled_fail => End::Failure,
            (End::CancelledCalls, Dropping::FailureAfter(limit)) if took > Some(limit) => End::Failure,
            _ => end,
        };
        self.count(&permit, end);
        // The end of a call from an earlier generation changes only the totals.
        if permit.generation != self.generation || self.mode == Mode::Disabled {
            return;
        }
        let failed = match (end, &self.phase) {
            (End::Success, _) => Some(false),
            // A throttled response counts as a successful probe.
            (End::Throttled(true), Phase::HalfOpen(_)) => Some(false),
            (End::Failure | End::FailureWithDelay(_), _) => Some(true),
            (End::Neutral | End::Throttled(_) | End::Rejected | End::CancelledCalls, _) => None,
        };
        let slow = match (took, self.settings.rules.slow) {
            _ if matches!(end, End::Throttled(_)) => None,
            (Some(took), Some((longer_than, ..))) => Some(took > longer_than),
            _ => None,
        };
        // A call that was dropped after the slow-call time counts as slow. Other neutral calls
        // don't count.
        let says_nothing = failed.is_none() && !(matches!(end, End::CancelledCalls) && slow == Some(true));
        let asked = if let End::FailureWithDelay(delay) = end { delay } else { 0 };
        let is_dropped =
            says_nothing && matches!(end, End::CancelledCalls) && self.settings.dropped == Dropping::FailureIfAll;
        match &mut self.phase {
            Phase::Closed(closed) if is_dropped => {
                closed.dropped.add(self.now);
                if closed.dropped.are_all(&self.settings, self.now) {
                    self.open_by_rules(0, Some(closed_row(&self.phase)), false);
                }
            }
            Phase::Closed(closed) if says_nothing => {
                if matches!(end, End::Neutral | End::Throttled(_)) {
                    closed.dropped.end();
                }
                // The throttle counts a throttled call as a request that wasn't accepted.
                if matches!(end, End::Throttled(_)) {
                    closed.requests.add(self.now, false);
                }
            }
            Phase::Closed(closed) => {
                // A slow call that was dropped counts in the slow-call window. It changes
                // neither the number of consecutive dropped calls nor that of consecutive failures.
                if !matches!(end, End::CancelledCalls) {
                    closed.dropped.end();
                }
                closed.count(failed, slow, self.now);
                self.open_by_rules(asked, None, failed == Some(true));
            }
            Phase::HalfOpen(probes) => {
                probes.on_their_way -= 1;
                probes.dropped = match end {
                    End::CancelledCalls if is_dropped => probes.dropped + 1,
                    End::Rejected | End::CancelledCalls if says_nothing => probes.dropped,
                    _ => 0,
                };
                // The circuit reopens after as many consecutive dropped probes as it needs results,
                // but at least three.
                let all = self.settings.probes.needed.max(3);
                let all = if self.settings.probes.trickle { 3 } else { all };
                let may_open = !self.settings.probes.trickle || probes.on_their_way == 0;
                if is_dropped && probes.dropped >= all {
                    let dropped = probes.dropped;
                    if may_open {
                        self.open_by(0, self.now, Some(dropped), true);
                    }
                } else if !says_nothing {
                    probes.results.push(Probe { failed: failed == Some(true), slow: slow == Some(true) });
                    match probes.decision(&self.settings) {
                        Some(State::Open) => self.open_by(asked, self.now, None, true),
                        Some(_) => self.close(self.now),
                        None => {}
                    }
                }
            }
            Phase::Open { .. } => {}
        }
    }

    /// Closes the circuit at once, without slow start. A circuit that is forced open stays open.
    pub(crate) fn reset(&mut self) {
        self.restart(self.mode);
    }

    /// Setting the current mode changes nothing.
    pub(crate) fn set_mode(&mut self, mode: Mode) {
        if self.mode != mode {
            self.restart(mode);
        }
    }

    /// Closes an open circuit. Resets the consecutive failures of a closed one.
    pub(crate) fn report_success(&mut self) {
        match &mut self.phase {
            Phase::Closed(closed) => {
                closed.failures_in_a_row = 0;
                closed.dropped.end();
            }
            Phase::Open { .. } | Phase::HalfOpen(_) if self.mode == Mode::Auto => self.close(self.now),
            Phase::Open { .. } | Phase::HalfOpen(_) => {}
        }
    }

    /// Keeps the counts if the windows are the same; otherwise a closed circuit starts to count
    /// anew.
    ///
    /// `is_the_same`: the new config is the current one. This matters with a custom rule, because
    /// two functions can't be compared.
    pub(crate) fn reconfigure(&mut self, settings: &Settings, is_the_same: bool) {
        let before = std::mem::replace(&mut self.settings, settings.clone());
        let Phase::Closed(closed) = &mut self.phase else { return };
        if settings.needs_row_times() && !before.needs_row_times() {
            closed.row_since = self.now;
        }
        if before.windows() != settings.windows() {
            self.generation += 1;
            *closed = Closed { ramp_since: closed.ramp_since, ..Closed::default() };
        } else if before.rules != settings.rules || settings.rules.custom.is_some() && !is_the_same {
            closed.has_told = false;
        }
    }

    /// Like any read of the state, this moves an open circuit whose duration has ended to
    /// half-open.
    pub(crate) fn view(&mut self) -> View {
        self.read_state();
        let [failures, slow] = self.held();
        let failures_in_a_row = if let Phase::Closed(closed) = &self.phase { closed.failures_in_a_row } else { 0 };
        let counted = |total: Option<u64>| total.filter(|_| self.settings.count_all_calls);
        let Totals { admitted, successes, .. } = self.totals;
        View {
            state: self.state(),
            mode: self.mode,
            failures_in_a_row,
            openings_in_a_row: self.openings_in_a_row,
            retry_in: self.time_until_admission(),
            window: [failures.calls, failures.marked, slow.calls, slow.marked],
            totals: Totals { admitted: counted(admitted), successes: counted(successes), ..self.totals.clone() },
        }
    }

    /// The time after which a call may be admitted, or `None` while calls are admitted. Unlike
    /// `view`, this keeps an open circuit open.
    pub(crate) fn retry_in(&mut self) -> Option<Duration> {
        if self.state() == State::HalfOpen {
            self.read_state();
        }
        self.time_until_admission()
    }

    fn time_until_admission(&self) -> Option<Duration> {
        let until = match &self.phase {
            Phase::Closed(_) => return None,
            Phase::Open { until } => *until,
            Phase::HalfOpen(probes) if probes.rejects(&self.settings.probes, self.now) => {
                probes.until(&self.settings.probes)
            }
            Phase::HalfOpen(_) => return None,
        };
        (until > self.now && until != NEVER).then(|| Duration::from_micros(until - self.now))
    }

    /// A success counts in the totals if the circuit counted calls when it admitted this one. All
    /// other ends always count. If the admission wasn't counted, such an end adds the call to the
    /// admitted calls.
    fn count(&mut self, permit: &Permit, end: End) {
        if !permit.is_counted && !matches!(end, End::Success) {
            add(&mut self.totals.admitted);
        }
        match end {
            End::Success if permit.is_counted => add(&mut self.totals.successes),
            End::Success => {}
            End::Failure | End::FailureWithDelay(_) => self.totals.failures += 1,
            End::Neutral | End::Throttled(_) | End::Rejected => self.totals.neutral += 1,
            End::CancelledCalls => self.totals.dropped += 1,
        }
    }
}

impl Closed {
    fn count(&mut self, failed: Option<bool>, slow: Option<bool>, now: u64) {
        if let Some(failed) = failed {
            if failed && self.failures_in_a_row == 0 {
                self.row_since = now;
            }
            self.failures_in_a_row = if failed { self.failures_in_a_row + 1 } else { 0 };
            self.failures.add(now, failed);
            self.requests.add(now, !failed);
        }
        if let Some(slow) = slow {
            self.slow.add(now, slow);
        }
    }
}

fn closed_row(phase: &Phase) -> u32 {
    if let Phase::Closed(closed) = phase { closed.dropped.calls } else { 0 }
}

fn add(total: &mut Option<u64>) {
    *total = total.map(|total| total + 1);
}
