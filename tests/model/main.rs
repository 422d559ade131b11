//! The circuit against a plain model of it: whatever is done to both, in whatever order, they say the same.
//!
//! `PROPTEST_CASES=100000 cargo test --release --test model` looks harder.

mod plain;
mod settings;
mod steps;
mod view;

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, FileFailurePersistence},
};
use tower_recourse::{Circuit, State, Verdict, breaker::Permit, time::ManualClock};

use plain::Plain;
use settings::{Settings, any_settings};
use steps::{End, Step, any_step};
use view::View;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_circuit_does_what_its_documentation_says(settings in any_settings(), steps in vec(any_step(), 1..50)) {
        let mut pair = Pair::new(&settings);
        for step in steps {
            pair.take(step)?;
        }
    }
}

fn config() -> Config {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 2_000;
    }
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct("tests/model/regressions.txt")));
    config
}

/// The circuit and the model, on one clock.
struct Pair<'a> {
    settings: &'a Settings,
    clock: ManualClock,
    circuit: Circuit,
    plain: Plain<'a>,
    /// Calls on their way, also of circuits before this one.
    permits: Vec<(Permit, Option<plain::Permit>)>,
}

impl<'a> Pair<'a> {
    fn new(settings: &'a Settings) -> Self {
        let clock = ManualClock::new();
        let circuit = Circuit::new(settings.config(&clock));
        Self { settings, clock, circuit, plain: Plain::new(settings), permits: Vec::new() }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            // A look moves an open circuit on, so the next step would never find it as it was: only what can be seen
            // without one.
            Step::Wait(wait) => {
                let micros = self.plain.length_of(wait);
                self.clock.advance(Duration::from_micros(micros));
                self.plain.wait(micros);
                prop_assert_eq!(self.circuit.retry_in(), self.plain.retry_in());
                return Ok(());
            }
            Step::Admit => self.admit()?,
            Step::End(which, end) if !self.permits.is_empty() => {
                let which = which.index(self.permits.len());
                self.end(which, end);
            }
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
            Step::Replace => {
                for (_, permit) in &mut self.permits {
                    *permit = None;
                }
                self.clock = ManualClock::new();
                // Dropped first, so that the new one is likely to get its memory.
                self.circuit = Circuit::new(Settings::default().config(&self.clock));
                self.circuit = Circuit::new(self.settings.config(&self.clock));
                self.plain = Plain::new(self.settings);
            }
        }
        prop_assert_eq!(View::from(self.circuit.stats()), self.plain.view());
        Ok(())
    }

    fn admit(&mut self) -> Result<(), TestCaseError> {
        match (self.circuit.admit(), self.plain.admit()) {
            (Ok(permit), Ok(plain)) => self.permits.push((permit, Some(plain))),
            (Err(rejection), Err(retry_in)) => {
                prop_assert_eq!(rejection.retry_in(), Some(retry_in));
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
            End::Neutral => permit.neutral(),
            End::Rejected => permit.end(Verdict::rejected(None)),
            End::Dropped => drop(permit),
        }
        if let Some(plain) = plain {
            self.plain.end(plain, end);
        }
    }
}

#[test]
fn the_model_itself_opens_and_closes() {
    let settings = Settings { consecutive: Some(2), ..Settings::default() };
    let mut plain = Plain::new(&settings);
    for _ in 0..2 {
        let permit = plain.admit().unwrap();
        plain.end(permit, End::Failure);
    }
    assert_eq!((plain.state(), plain.retry_in()), (State::Open, Some(Duration::from_secs(30))));
    plain.wait(30_000_000);
    let probe = plain.admit().unwrap();
    assert_eq!(plain.state(), State::HalfOpen);
    plain.end(probe, End::Success);
    assert_eq!(plain.state(), State::Closed);
}
