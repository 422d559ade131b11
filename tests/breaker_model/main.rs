//! The circuit against a plain model of it: after any sequence of steps, both have the same state.
//!
//! By default, each of the four properties runs 2,000 cases. `.ci/run` sets `PROPTEST_CASES=25000`,
//! so that 100,000 cases run in total. The cases in `regressions.txt`, which once failed, run
//! first.

mod any_settings;
mod pair;
mod plain;
mod settings;
mod steps;
mod tally;
mod view;

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, FileFailurePersistence},
};
use tower_recourse::State;

use any_settings::any_settings;
use pair::Pair;
use plain::{Answer, Plain};
use settings::{Rules, Settings};
use steps::{End, Step, any_step, any_step_or_mode, any_step_or_reconfigure};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_circuit_equals_its_model(settings in any_settings(), steps in vec(any_step(), 1..50)) {
        agree(vec![settings], steps)?;
    }

    #[test]
    fn a_circuit_with_changing_modes_equals_its_model(settings in any_settings(), steps in vec(any_step_or_mode(), 1..50)) {
        agree(vec![settings], steps)?;
    }

    #[test]
    fn a_circuit_with_changing_settings_equals_its_model(
        settings in vec(any_settings(), 2..4),
        steps in vec(any_step_or_reconfigure(), 1..50),
    ) {
        agree(settings, steps)?;
    }

    // These settings have the same windows, so that a closed circuit keeps its counts at each
    // switch.
    #[test]
    fn a_circuit_with_changing_rules_equals_its_model(
        settings in any_settings(),
        others in vec(any_settings(), 1..4),
        steps in vec(any_step_or_reconfigure(), 1..50),
    ) {
        let tuned = others.into_iter().map(|other| settings.tuned_like(other)).collect::<Vec<_>>();
        agree([vec![settings], tuned].concat(), steps)?;
    }
}

fn agree(settings: Vec<Settings>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut pair = Pair::new(settings);
    steps.into_iter().try_for_each(|step| pair.take(step))
}

fn config() -> Config {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 2_000;
    }
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct("tests/breaker_model/regressions.txt")));
    config
}

#[test]
fn the_model_itself_opens_and_closes() {
    let rules = Rules { consecutive: Some(2), ..Rules::default() };
    let mut plain = Plain::new(&Settings { rules, ..Settings::default() });
    for _ in 0..2 {
        let permit = plain.admit();
        plain.end(permit, End::Failure);
    }
    assert!(matches!(plain.request_admission(), Answer::Out(Some(time)) if time == Duration::from_secs(30)));
    plain.wait(30_000_000);
    assert!(matches!(plain.request_admission(), Answer::In));
    let probe = plain.admit();
    assert_eq!(plain.state(), State::HalfOpen);
    plain.end(probe, End::Success);
    assert_eq!(plain.state(), State::Closed);
}
