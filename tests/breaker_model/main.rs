//! The circuit against a plain model of it: whatever is done to both, in whatever order, they say the same.
//!
//! The usual test run tries 2,000 cases of each property; `.ci/run` 100,000 in all, by
//! `PROPTEST_CASES=25000 cargo test --release --test breaker_model`. What once failed is tried first: it is kept in `regressions.txt`.

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
use steps::{End, Step, any_step, any_step_or_exchange, any_step_or_steering};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_circuit_does_what_its_documentation_says(settings in any_settings(), steps in vec(any_step(), 1..50)) {
        agree(vec![settings], steps)?;
    }

    #[test]
    fn so_does_one_that_is_steered(settings in any_settings(), steps in vec(any_step_or_steering(), 1..50)) {
        agree(vec![settings], steps)?;
    }

    #[test]
    fn so_does_one_whose_settings_are_exchanged(
        settings in vec(any_settings(), 2..4),
        steps in vec(any_step_or_exchange(), 1..50),
    ) {
        agree(settings, steps)?;
    }

    // Settings that differ in little: windows and counts stay, and only the rules are others.
    #[test]
    fn so_does_one_that_is_tuned(
        settings in any_settings(),
        others in vec(any_settings(), 1..4),
        steps in vec(any_step_or_exchange(), 1..50),
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
    assert!(matches!(plain.ask(), Answer::Out(Some(time)) if time == Duration::from_secs(30)));
    plain.wait(30_000_000);
    assert!(matches!(plain.ask(), Answer::In));
    let probe = plain.admit();
    assert_eq!(plain.state(), State::HalfOpen);
    plain.end(probe, End::Success);
    assert_eq!(plain.state(), State::Closed);
}
