//! Constructors and setters return an error for invalid values. The message names the field, the
//! value, and the allowed range.

use std::time::Duration;

use tower_recourse::{
    InvalidConfig, Ratio,
    breaker::{OpenDuration, Probes, TripRule, Window},
    retry::{Backoff, TokenBucket},
};

/// Each row is the result for one invalid value, and the expected message.
fn refuse<T: std::fmt::Debug>(rows: impl IntoIterator<Item = (Result<T, InvalidConfig>, &'static str)>) {
    for (made, message) in rows {
        match made {
            Err(refused) => assert_eq!(refused.to_string(), message),
            Ok(made) => panic!("{made:?} was created, but: {message}"),
        }
    }
}

/// Each row is the smallest or the largest allowed value.
fn accept<T>(rows: impl IntoIterator<Item = (&'static str, Result<T, InvalidConfig>)>) {
    for (name, made) in rows {
        if let Err(refused) = made {
            panic!("{name}: {refused}");
        }
    }
}

#[test]
fn a_ratio_is_from_0_to_1() {
    refuse([
        (Ratio::new(-0.1), "`ratio` is -0.1, but must be within 0..=1"),
        (Ratio::new(1.000001), "`ratio` is 1.000001, but must be within 0..=1"),
        (Ratio::new(50.0), "`ratio` is 50.0, but must be within 0..=1"),
        (Ratio::new(f64::NAN), "`ratio` is NaN, but must be within 0..=1"),
        (Ratio::new(f64::INFINITY), "`ratio` is inf, but must be within 0..=1"),
        (Ratio::new(f64::NEG_INFINITY), "`ratio` is -inf, but must be within 0..=1"),
        (Ratio::percent(101), "`percent` is 101, but must be within 0..=100"),
        (Ratio::percent(u32::MAX), "`percent` is 4294967295, but must be within 0..=100"),
    ]);
    accept([("none", Ratio::new(0.0)), ("all", Ratio::new(1.0)), ("all, in percent", Ratio::percent(100))]);
    assert_eq!(Ratio::new(0.5), Ok(Ratio::HALF));
    assert_eq!(Ratio::percent(7), Ratio::new(0.07));
}

#[test]
fn consecutive_failures_need_at_least_one() {
    refuse([
        (TripRule::consecutive(0), "`consecutive` is 0, but must be within 1..=1048575"),
        (TripRule::consecutive(1_048_576), "`consecutive` is 1048576, but must be within 1..=1048575"),
        (TripRule::consecutive(u32::MAX), "`consecutive` is 4294967295, but must be within 1..=1048575"),
    ]);
    accept([("one", TripRule::consecutive(1)), ("the most", TripRule::consecutive(1_048_575))]);
    let too_long = TripRule::consecutive(1).unwrap().lasting(Duration::MAX);
    refuse([(too_long, "`lasting` is 18446744073709551615.999999999s, but must be at most 8.9 years")]);
}

#[test]
fn a_window_has_1_to_4096_calls_and_holds_its_minimum() {
    let minimum = |calls| Window::count(20).unwrap().minimum(calls);
    refuse([
        (Window::count(0), "`window` is 0, but must be within 1..=4096 calls"),
        (Window::count(4_097), "`window` is 4097, but must be within 1..=4096 calls"),
        // As a 16-bit number it would be 1.
        (Window::count(65_537), "`window` is 65537, but must be within 1..=4096 calls"),
        (Window::count(u32::MAX), "`window` is 4294967295, but must be within 1..=4096 calls"),
        (minimum(0), "`minimum` is 0, but must be at least 1, and at most the calls of the window"),
        (minimum(21), "`minimum` is 21, but must be at least 1, and at most the calls of the window"),
        (minimum(65_537), "`minimum` is 65537, but must be at least 1, and at most the calls of the window"),
    ]);
    accept([
        ("one call", Window::count(1)),
        ("the most calls", Window::count(4_096)),
        ("the least minimum", minimum(1)),
        ("the whole window", minimum(20)),
    ]);
}

#[test]
fn open_durations_grow_or_stay() {
    let factor = |factor| OpenDuration::exponential(Duration::from_secs(1)).factor(factor);
    refuse([
        (factor(0.0), "`factor` is 0.0, but must be a finite number of at least 1"),
        (factor(0.999), "`factor` is 0.999, but must be a finite number of at least 1"),
        (factor(-2.0), "`factor` is -2.0, but must be a finite number of at least 1"),
        (factor(f64::NAN), "`factor` is NaN, but must be a finite number of at least 1"),
        (factor(f64::INFINITY), "`factor` is inf, but must be a finite number of at least 1"),
    ]);
    accept([("stays", factor(1.0)), ("grows fast", factor(f64::MAX))]);
    // A former bug: `factor` silently replaced a custom function or the linear steps.
    let second = Duration::from_secs(1);
    let not_growing = [
        OpenDuration::fixed(second),
        OpenDuration::linear(second),
        OpenDuration::until_reset(),
        OpenDuration::from_fn(move |_| second),
    ];
    let refused = "`factor` is 3.0, but must be left out unless the time is a growing one";
    refuse(not_growing.map(|open_for| (open_for.factor(3.0), refused)));
}

#[test]
fn probes_number_from_1_to_255() {
    let failure_rate = |results| Probes::failure_rate(results, Ratio::HALF);
    let max_concurrent = |probes| Probes::one().max_concurrent(probes);
    refuse([
        (Probes::successes(0), "`successes` is 0, but must be within 1..=255"),
        (Probes::successes(256), "`successes` is 256, but must be within 1..=255"),
        (Probes::successes(257), "`successes` is 257, but must be within 1..=255"),
        (failure_rate(0), "`results` is 0, but must be within 1..=255"),
        (failure_rate(256), "`results` is 256, but must be within 1..=255"),
        (max_concurrent(0), "`max_concurrent` is 0, but must be within 1..=255"),
        (max_concurrent(u32::MAX), "`max_concurrent` is 4294967295, but must be within 1..=255"),
    ]);
    accept([
        ("one success", Probes::successes(1)),
        ("the most successes", Probes::successes(255)),
        ("one result", failure_rate(1)),
        ("the most results", failure_rate(255)),
        ("one at a time", max_concurrent(1)),
        ("the most at a time", max_concurrent(255)),
    ]);
}

#[test]
fn backoffs_grow_or_stay_and_have_a_delay() {
    let factor = |factor| Backoff::exponential(Duration::from_secs(1)).factor(factor);
    refuse([
        (Backoff::schedule([]), "`schedule` is [], but must be at least one delay"),
        (factor(0.0), "`factor` is 0.0, but must be a finite number of at least 1"),
        (factor(0.5), "`factor` is 0.5, but must be a finite number of at least 1"),
        (factor(-1.0), "`factor` is -1.0, but must be a finite number of at least 1"),
        (factor(f64::NAN), "`factor` is NaN, but must be a finite number of at least 1"),
        (factor(f64::INFINITY), "`factor` is inf, but must be a finite number of at least 1"),
        // An invalid value is an error even if the setting has no effect.
        (Backoff::none().factor(0.0), "`factor` is 0.0, but must be a finite number of at least 1"),
    ]);
    accept([
        ("one delay", Backoff::schedule([Duration::ZERO])),
        ("stays", factor(1.0)),
        ("grows fast", factor(f64::MAX)),
    ]);
}

#[test]
fn a_budget_needs_a_share_and_room_for_a_token() {
    let capacity = |tokens| TokenBucket::retry_ratio(0.2).unwrap().capacity(tokens);
    refuse([
        (TokenBucket::retry_ratio(-1.0), "`retry_ratio` is -1.0, but must be 0, or within 0.000000001..=1000"),
        (TokenBucket::retry_ratio(1_000.5), "`retry_ratio` is 1000.5, but must be 0, or within 0.000000001..=1000"),
        (TokenBucket::retry_ratio(f64::NAN), "`retry_ratio` is NaN, but must be 0, or within 0.000000001..=1000"),
        (TokenBucket::retry_ratio(f64::INFINITY), "`retry_ratio` is inf, but must be 0, or within 0.000000001..=1000"),
        (capacity(0), "`capacity` is 0, but must be at least 1"),
    ]);
    accept([
        ("no share", TokenBucket::retry_ratio(0.0)),
        ("the smallest share", TokenBucket::retry_ratio(0.000_000_001)),
        ("the largest share", TokenBucket::retry_ratio(1_000.0)),
        ("one token", capacity(1)),
        ("the most tokens", capacity(u32::MAX)),
    ]);
}

#[test]
fn an_invalid_config_error_has_its_parts() {
    let refused = Window::count(0).unwrap_err();
    assert_eq!((refused.field(), refused.value(), refused.allowed()), ("window", "0", "within 1..=4096 calls"));
}
