//! The circuit and the model, driven with the same steps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use proptest::prelude::*;
use tower_recourse::{
    BreakerConfig, Circuit, Delivery, State, Verdict, breaker::Permit, observe::Event, time::ManualClock,
};

use crate::{
    plain::{self, Answer, Plain},
    settings::{SECOND, Settings, Span},
    steps::{End, Step, Wait},
    view::View,
};

/// The circuit and the model share a clock.
pub(crate) struct Pair {
    /// The settings that a step may switch to, and the config of each.
    settings: Vec<Settings>,
    configs: Vec<BreakerConfig>,
    /// The index of the current settings.
    which: usize,
    clock: ManualClock,
    circuit: Circuit,
    would_open: Arc<AtomicU64>,
    plain: Plain,
    /// Running calls, also those of earlier circuits.
    permits: Vec<(Permit, Option<plain::Permit>)>,
}

impl Pair {
    pub(crate) fn new(settings: Vec<Settings>) -> Self {
        let (clock, would_open) = (ManualClock::new(), Arc::default());
        let configs = configs(&settings, &clock, &would_open);
        let circuit = Circuit::new(configs[0].clone());
        let plain = Plain::new(&settings[0]);
        Self { settings, configs, which: 0, clock, circuit, would_open, plain, permits: Vec::new() }
    }

    pub(crate) fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            // Reading the state moves an open circuit to half-open if its open duration has ended.
            // The next step should find it open, so this step reads only `retry_in`, which keeps it
            // open.
            Step::Wait(wait) => {
                let micros = self.length_of(wait);
                self.clock.advance(Duration::from_micros(micros));
                self.plain.wait(micros);
                let retry_in = self.circuit.retry_in();
                return compare_hints(retry_in, self.plain.retry_in(), self.plain.state());
            }
            Step::Admit => self.admit()?,
            Step::End(which, end) if !self.permits.is_empty() => self.end(which.index(self.permits.len()), end),
            Step::End(..) | Step::Look => {}
            Step::Calls(calls, end) => {
                for _ in 0..calls {
                    let before = self.permits.len();
                    self.admit()?;
                    if self.permits.len() > before {
                        self.end(before, end);
                    }
                }
            }
            Step::Reset => {
                self.circuit.reset();
                self.plain.reset();
            }
            Step::ReportSuccess => {
                self.circuit.report_success();
                self.plain.report_success();
            }
            Step::Steer(mode) => {
                self.circuit.set_mode(mode);
                self.plain.set_mode(mode);
            }
            Step::Reconfigure(which) => {
                let which = which.index(self.settings.len());
                self.circuit.reconfigure(self.configs[which].clone());
                self.plain.reconfigure(&self.settings[which], which == self.which);
                self.which = which;
            }
            Step::Replace => self.replace(),
        }
        let (mut seen, plain) = (View::of(self.circuit.stats(), self.would_open.load(Relaxed)), self.plain.view());
        compare_hints(seen.retry_in, plain.retry_in, plain.state)?;
        seen.retry_in = plain.retry_in;
        prop_assert_eq!(seen, plain);
        Ok(())
    }

    fn admit(&mut self) -> Result<(), TestCaseError> {
        match (self.circuit.try_acquire(), self.plain.request_admission()) {
            (Ok(permit), Answer::In | Answer::AtRandom) => self.permits.push((permit, Some(self.plain.admit()))),
            (Err(rejection), Answer::Out(retry_in)) => {
                self.plain.reject();
                compare_hints(rejection.retry_in(), retry_in, self.plain.state())?;
                prop_assert_eq!(rejection.state(), self.plain.state());
            }
            (Err(rejection), Answer::AtRandom) => {
                self.plain.reject();
                prop_assert_eq!(rejection.retry_in(), None);
                prop_assert_eq!(rejection.state(), self.plain.state());
            }
            (circuit, plain) => prop_assert!(false, "the circuit: {circuit:?}, the model: {plain:?}"),
        }
        Ok(())
    }

    fn end(&mut self, which: usize, end: End) {
        let (permit, plain) = self.permits.swap_remove(which);
        match end {
            End::Success => permit.success(),
            End::Failure => permit.failure(),
            End::FailureWithDelay(delay) => permit.end(Verdict::transient().retry_after(Duration::from_micros(delay))),
            End::Throttled(answered) => {
                permit.end(Verdict::throttled().delivery(if answered { Delivery::Sent } else { Delivery::Unknown }));
            }
            End::Neutral => permit.neutral(),
            End::Rejected => permit.end(Verdict::rejected(None)),
            End::CancelledCalls => drop(permit),
        }
        if let Some(plain) = plain {
            self.plain.end(plain, end);
        }
    }

    fn replace(&mut self) {
        for (_, permit) in &mut self.permits {
            *permit = None;
        }
        self.clock = ManualClock::new();
        self.would_open = Arc::default();
        self.configs = configs(&self.settings, &self.clock, &self.would_open);
        // The old circuit is dropped first, so that the new one is likely to reuse its memory.
        self.circuit = Circuit::new(Settings::default().config(&self.clock, |_: &Event<'_>| {}));
        self.circuit = Circuit::new(self.configs[0].clone());
        self.plain = Plain::new(&self.settings[0]);
        self.which = 0;
    }

    fn length_of(&mut self, wait: Wait) -> u64 {
        const SIXTY_DAYS: u64 = 60 * 24 * 3_600 * SECOND;
        let until_it_moves = self.plain.retry_in().map_or(0, |retry_in| retry_in.as_micros() as u64);
        let settings = self.plain.settings();
        let span = settings.windows().into_iter().flatten().find(|span| matches!(span, Span::Time { .. }));
        let (window, slice) = match span {
            Some(Span::Time { time, slices }) => (time, time / u64::from(slices)),
            _ => (SECOND, SECOND),
        };
        let until_the_slice = slice - self.plain.now() % slice;
        match wait {
            Wait::Nothing => 0,
            Wait::OneMicrosecond => 1,
            Wait::UntilAdmission => until_it_moves,
            Wait::UntilJustBefore => until_it_moves.saturating_sub(1),
            Wait::OpenTime => settings.open_for,
            Wait::Lease => settings.probes.lease,
            Wait::Lasting => settings.rules.lasting,
            Wait::Limit => settings.probes.within.map_or(0, |(time, _)| time),
            Wait::HalfTheRamp => settings.ramp.div_ceil(2),
            Wait::SlowTime => settings.rules.slow.map_or(0, |(longer_than, ..)| longer_than),
            Wait::Slice => until_the_slice,
            Wait::JustBeforeTheSlice => until_the_slice - 1,
            Wait::Window => window,
            Wait::SixtyDays => SIXTY_DAYS,
        }
    }
}

/// A half-open circuit gives a random hint of 50 to 150 ms, or less if another probe is admitted
/// before.
fn compare_hints(hint: Option<Duration>, admits_in: Option<Duration>, state: State) -> Result<(), TestCaseError> {
    let (shortest, longest) = (Duration::from_millis(50), Duration::from_millis(150));
    match (state, admits_in) {
        (State::HalfOpen, Some(admits_in)) => {
            let allowed = shortest.min(admits_in)..=longest.min(admits_in);
            prop_assert!(hint.is_some_and(|hint| allowed.contains(&hint)), "{:?} is not within {:?}", hint, allowed);
        }
        _ => prop_assert_eq!(hint, admits_in),
    }
    Ok(())
}

fn configs(settings: &[Settings], clock: &ManualClock, would_open: &Arc<AtomicU64>) -> Vec<BreakerConfig> {
    let config = |settings: &Settings| {
        let counter = Arc::clone(would_open);
        settings.config(clock, move |event: &Event<'_>| {
            counter.fetch_add(u64::from(matches!(event, Event::CircuitWouldOpen { .. })), Relaxed);
        })
    };
    settings.iter().map(config).collect()
}
