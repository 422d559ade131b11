//! The series of one circuit, or of several with one name.

use std::time::Duration;

use ::metrics::Label;

use super::ledger::sum;
use crate::{
    breaker::{Mode, State},
    metrics::{Sample, table},
    registry::{CircuitCounts, CircuitReading},
};

pub(super) type Counts = [u64; CircuitCounts::LEN];

/// What the series show besides counts. Several circuits show the worst state and mode.
#[derive(Debug, Default)]
pub(super) struct CircuitSeries {
    now: Now,
    /// Whether there were calls in a window, and calls that were counted as slow or fast. Until
    /// then, the ratios have no series.
    has_ratios: [bool; 2],
}

/// What the last round has read.
#[derive(Debug, Default)]
struct Now {
    state: Option<State>,
    mode: Option<Mode>,
    failing: Duration,
    /// The calls, the failures among them, the calls that are counted as slow or fast, and the slow
    /// ones among them.
    window: [u64; 4],
}

impl CircuitSeries {
    pub(super) fn read(&mut self, circuit: &CircuitReading) {
        let (now, status) = (&mut self.now, &circuit.status);
        now.state = now.state.into_iter().chain([status.state]).max_by_key(|&state| badness(state));
        now.mode = now.mode.into_iter().chain([status.mode]).min_by_key(|&mode| rank(mode));
        now.failing = now.failing.max(status.failing_for.unwrap_or_default());
        now.window = sum(now.window, circuit.window);
    }

    /// Adds the values of this round, and starts the next one. If no circuit exists, all gauges are
    /// 0.
    pub(super) fn end_round(
        &mut self,
        labels: &[Label],
        counts: &Counts,
        counts_successes: bool,
        to: &mut Vec<Sample>,
    ) {
        let now = std::mem::take(&mut self.now);
        let gauge = |metric, value: f64| Sample::gauge(metric, labels.to_vec(), value);
        let total = |metric, index: usize| Sample::total(metric, labels.to_vec(), counts[index]);
        let flag = |is_set: bool| f64::from(u8::from(is_set));

        to.extend(STATES.map(|(state, text)| {
            gauge(table::CIRCUIT_STATE, flag(now.state == Some(state))).with_label("state", text)
        }));
        to.extend(
            MODES.map(|(mode, text)| gauge(table::CIRCUIT_MODE, flag(now.mode == Some(mode))).with_label("mode", text)),
        );
        for (index, outcome) in CircuitCounts::OUTCOMES {
            if outcome != "success" || counts_successes {
                to.push(total(table::CIRCUIT_CALLS, index).with_label("outcome", outcome));
            }
        }
        to.push(total(table::CIRCUIT_REJECTIONS, CircuitCounts::REJECTIONS));
        to.push(gauge(table::CIRCUIT_FAILING, now.failing.as_secs_f64()));
        to.push(gauge(table::CIRCUIT_WINDOW_CALLS, now.window[0] as f64));
        let [calls, failures, timed, slow] = now.window;
        let ratios = [(table::CIRCUIT_FAILURE_RATIO, failures, calls), (table::CIRCUIT_SLOW_RATIO, slow, timed)];
        for ((metric, part, whole), has_ratio) in ratios.into_iter().zip(&mut self.has_ratios) {
            *has_ratio |= whole > 0;
            if *has_ratio {
                to.push(gauge(metric, part as f64 / whole.max(1) as f64));
            }
        }
        for (from, (former, from_text)) in STATES.into_iter().enumerate() {
            for (into, (new, to_text)) in STATES.into_iter().enumerate() {
                let index = CircuitCounts::TRANSITIONS + from * STATES.len() + into;
                if counts[index] > 0 || is_usual(former, new) {
                    let transitions = total(table::CIRCUIT_TRANSITIONS, index);
                    to.push(transitions.with_label("from", from_text).with_label("to", to_text));
                }
            }
        }
    }
}

/// In the order of the counts of transitions.
const STATES: [(State, &str); 3] = [(State::Closed, "closed"), (State::Open, "open"), (State::HalfOpen, "half_open")];

/// The worst mode is the first one.
const MODES: [(Mode, &str); 5] = [
    (Mode::ForcedOpen, "forced_open"),
    (Mode::Disabled, "disabled"),
    (Mode::ForcedClosed, "forced_closed"),
    (Mode::MetricsOnly, "metrics_only"),
    (Mode::Auto, "auto"),
];

fn badness(state: State) -> u8 {
    match state {
        State::Closed => 0,
        State::HalfOpen => 1,
        State::Open => 2,
    }
}

fn rank(mode: Mode) -> usize {
    MODES.iter().position(|&(other, _)| other == mode).unwrap_or(MODES.len())
}

/// Whether calls cause this transition. Its counter starts at 0, so that PromQL's `increase`
/// includes the first one.
fn is_usual(from: State, to: State) -> bool {
    matches!(
        (from, to),
        (State::Closed, State::Open) | (State::Open, State::HalfOpen) | (State::HalfOpen, State::Open | State::Closed)
    )
}
