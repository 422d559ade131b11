//! The heap memory of a circuit, in bytes. Run it with `--nocapture` to see the figures.
//!
//! A config, its clones and their circuits share one allocation for the settings, which isn't
//! counted. The tests count everything else that a new circuit allocates, including the memory that
//! is recycled and never freed.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Circuit, Ratio,
    breaker::{AdaptiveThrottle, TripRule, Window},
};

const SECOND: Duration = Duration::from_secs(1);

fn failing(window: Window) -> TripRule {
    TripRule::FailureRate { failing: Ratio::HALF, window }
}

fn slow(window: Window) -> TripRule {
    TripRule::SlowCallRate { longer_than: SECOND, share: Ratio::HALF, window }
}

/// The bytes that a circuit with these rules holds while it exists.
fn bytes(what: &str, rules: impl IntoIterator<Item = TripRule>) -> u64 {
    // The first circuit makes the allocations that a thread or the process makes only once.
    drop(Circuit::new(BreakerConfig::default().open_when(failing(Window::count(4_001).unwrap()))));
    let mut rules = rules.into_iter();
    let config = BreakerConfig::default().open_when(rules.next().expect("a rule"));
    let config = rules.fold(config, BreakerConfig::or_when);
    // The loop first uses up recycled memory of other tests' circuits.
    let mut circuits = Vec::new();
    loop {
        let mut circuit = None;
        let info = allocation_counter::measure(|| circuit = Some(Circuit::new(config.clone())));
        circuits.push(circuit);
        if info.count_current >= 2 {
            println!("{what}: {} bytes in {} pieces", info.bytes_current, info.count_current);
            return u64::try_from(info.bytes_current).expect("the total is positive");
        }
    }
}

#[test]
fn a_circuit_with_consecutive_failures_uses_192_bytes() {
    assert!(bytes("failures in a row", [TripRule::consecutive(5).unwrap()]) <= 192);
}

#[test]
fn a_window_of_100_calls_uses_at_most_320_bytes() {
    assert!(bytes("100 calls", [failing(Window::count(100).unwrap())]) <= 320);
    assert!(bytes("100 calls, slow ones", [slow(Window::count(100).unwrap())]) <= 320);
}

#[test]
fn ten_slices_of_time_use_at_most_512_bytes() {
    let window = Window::time(10 * SECOND).unwrap();
    assert!(bytes("ten slices", [failing(window)]) <= 512);
    assert!(bytes("ten slices, slow ones", [slow(window)]) <= 512);
    assert!(bytes("ten slices, throttled", [TripRule::AdaptiveThrottle(AdaptiveThrottle::GOOGLE)]) <= 512);
}

#[test]
fn another_rule_costs_its_window_and_little_else() {
    let (calls, time) = (Window::count(100).unwrap(), Window::time(20 * SECOND).unwrap());
    let both = bytes("100 calls and ten slices", [failing(calls), slow(time)]);
    assert!(both <= 320 + 10 * 16 + 32, "{both}");
    let all = bytes("all rules", [failing(calls), slow(time), TripRule::AdaptiveThrottle(AdaptiveThrottle::GOOGLE)]);
    assert!(all <= both + 10 * 16 + 32, "{all}");
}

#[test]
fn circuits_of_one_config_share_its_settings() {
    let config = BreakerConfig::default().name("shared".to_owned()).open_when(TripRule::consecutive(7).unwrap());
    let mut circuits = Vec::with_capacity(1_000);
    drop(Circuit::new(config.clone()));
    let info = allocation_counter::measure(|| circuits.extend((0..1_000).map(|_| Circuit::new(config.clone()))));
    assert!(info.bytes_current <= 192 * 1_000, "{} bytes for a thousand", info.bytes_current);
}

/// A setter must not change the settings that other configs and circuits share.
#[test]
fn changing_a_config_does_not_change_its_circuits() {
    let config = BreakerConfig::default().name("before");
    let before = Circuit::new(config.clone());
    let after = Circuit::new(config.clone().name("after").open_when(TripRule::consecutive(9).unwrap()));
    let between = Circuit::new(config);
    let seen = |circuit: &Circuit| (circuit.name().to_string(), circuit.stats().threshold);
    assert_eq!(seen(&before), ("before".to_owned(), Some(5)));
    assert_eq!(seen(&after), ("after".to_owned(), Some(9)));
    assert_eq!(seen(&between), ("before".to_owned(), Some(5)));
}
