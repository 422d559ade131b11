//! Smaller sets of cases: Failsafe for Java, linkerd, hystrix, recloser.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Ratio,
    breaker::{OpenDuration, Probes, TripRule, Window},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::play::play;

/// Failsafe for Java: opens after 3 consecutive failures, closes after 3 successes.
/// (`failsafe_gax.rs` has a retry around such a breaker.)
#[test]
fn failsafe() {
    let config = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::consecutive(3).unwrap())
        .probes(Probes::successes(3).unwrap());
    play(
        config,
        &[
            ("a success in between", "F S F F", "C 2 in a row"),
            ("the third in a row", "F", "O 3/3 for 30s"),
            ("half-open, one success of three", "+30s S", "H 0/1"),
            ("half-open, a failure", "F", "O 1/2 for 30s"),
        ],
    );
}

/// linkerd2-proxy, `consecutive_failures.rs`: opens after 2 consecutive failures for 1 s, doubling
/// to 100 s; one probe.
#[test]
fn linkerd() {
    let config = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::consecutive(2).unwrap())
        .open_for(OpenDuration::exponential(Duration::from_secs(1)).max(Duration::from_secs(100)));
    play(
        config.clone(),
        &[
            ("two failures, one call is running", "< F F", "O 2/2 for 1s"),
            ("one is admitted", "+1s <", "H 0/0"),
            ("no other is", "R", "H 0/0"),
            ("a straggler's success while half-open", ">S", "H 0/0"),
            ("the probe fails", ">F", "O 1/1 for 2s"),
            ("after half of it", "+1s R", "O 1/1 for 2s"),
            ("one is admitted", "+1s <", "H 0/0"),
            ("its success closes", ">S", "C 0 in a row"),
            ("and starts the times over", "F F", "O 2/2 for 1s"),
        ],
    );
    play(config.clone(), &[("a straggler's success while open", "< F F >S R", "O 2/2 for 1s")]);
    play(
        config,
        &[
            ("up to", "F F +1s F +2s F +4s F +8s F +16s F +32s F", "O 1/1 for 64s"),
            ("the longest", "+64s F", "O 1/1 for 100s"),
            ("and no longer", "+100s F", "O 1/1 for 100s"),
        ],
    );
}

/// hystrix, `HystrixCircuitBreakerTest`: a cancelled probe doesn't close the circuit.
#[test]
fn hystrix() {
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(3).unwrap());
    play(
        config,
        &[
            ("a dropped probe", "F*3 +30s D", "H 0/0"),
            ("gives its slot back", "<", "H 0/0"),
            ("one slot", "R", "H 0/0"),
            ("the next probe's success", ">S", "C 0 in a row"),
        ],
    );
}

/// hystrix, `HystrixCircuitBreakerTest.testMultipleTimeWindowRetriesBeforeClosingCircuit`: until an
/// attempt succeeds, the circuit admits one attempt per sleep window. A window begins when its
/// attempt is admitted.
#[test]
fn hystrix_sleep_windows() {
    let config = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::consecutive(4).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_millis(200)))
        .probes(Probes::trickle());
    play(
        config,
        &[
            ("four failures", "F*4 R", "O 4/4 for 200ms"),
            ("the window's attempt", "+250ms <", "H 0/0"),
            ("one attempt per window", "R", "H 0/0"),
            // The next window began when the probe was admitted, 50 ms before it failed.
            ("a failed attempt", "+50ms >F", "O 1/1 for 150ms"),
            ("the rest of the window", "+149ms R", "O 1/1 for 150ms"),
            ("the next window", "+1ms F", "O 1/1 for 200ms"),
            ("an attempt without a response", "+200ms <", "H 0/0"),
            ("the window after it", "+199ms R +1ms <", "H 0/0"),
            ("one attempt again", "R", "H 0/0"),
            ("the earlier attempt's success", ">S", "C 0 in a row"),
        ],
    );
}

/// recloser: half of the last 10 calls.
#[test]
fn recloser() {
    let config = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(10).unwrap() });
    play(
        config,
        &[
            ("nine failures", "F*9", "C 9/9"),
            // recloser opens when the next call is checked; our circuit opens at the failure
            // itself.
            ("the tenth opens, not the call after it", "F", "O 10/10 for 30s"),
            ("the call after it", "R", "O 10/10 for 30s"),
        ],
    );
}
