//! The memory of circuits stays bounded when windows change.
//!
//! These tests run in a process of their own because all circuits of a process share recycled
//! memory: other tests would reuse circuits that these tests have freed.

#[path = "support/circuits.rs"]
mod circuits;

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, open};

fn half_of(calls: u32, minimum: u32) -> BreakerConfig {
    let window = Window::count(calls).unwrap().minimum(minimum).unwrap();
    counted().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
}

/// A config with a time window of another length for each number. Circuits of such configs have
/// different memory layouts.
fn slices_of(micros: u32) -> BreakerConfig {
    let window = Window::time(Duration::from_secs(1) + Duration::from_micros(10 * u64::from(micros))).unwrap();
    counted().open_when(TripRule::FailureRate { failing: Ratio::HALF, window: window.minimum(2).unwrap() })
}

#[test]
fn changing_windows_use_the_memory_of_one() {
    let circuit = Circuit::new(half_of(4, 4));
    let reconfigure = |turns: std::ops::Range<u32>| turns.for_each(|turn| circuit.reconfigure(slices_of(turn)));
    reconfigure(0..10);
    let counted = allocation_counter::measure(|| reconfigure(10..10_000));
    assert!(counted.bytes_current.abs() < 4_096, "{} bytes", counted.bytes_current);
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 1));
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn circuits_with_always_new_windows_use_bounded_memory() {
    let lives = |turns: std::ops::Range<u32>| {
        turns.for_each(|turn| {
            let circuit = Circuit::new(slices_of(turn));
            end_calls(&circuit, Verdict::transient(), 1);
            assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 1));
            open(&circuit);
        });
    };
    lives(0..3_000);
    let counted = allocation_counter::measure(|| lives(3_000..20_000));
    // Tests that run at the same time may use some of the freed memory for their circuits.
    assert!(counted.bytes_current.abs() < 100_000, "{} bytes", counted.bytes_current);
}

#[test]
fn a_circuit_works_in_recycled_memory_of_another_layout() {
    // Frees the memory of more circuits without a window (5,000) than the crate keeps for circuits
    // of the same layout (1,024), so that the next circuit uses memory of another layout.
    drop((0..5_000).map(|_| Circuit::new(counted())).collect::<Vec<_>>());
    let clock = ManualClock::new();
    let circuit = Circuit::new(half_of(6, 6).clock(clock.clone()));
    end_calls(&circuit, Verdict::Success, 3);
    end_calls(&circuit, Verdict::transient(), 2);
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 5));
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!(circuit.state(), State::Open);
    clock.advance(Duration::from_secs(30));
    end_calls(&circuit, Verdict::Success, 1);
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 0));
    circuit.reconfigure(slices_of(20_001));
    end_calls(&circuit, Verdict::transient(), 2);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [4, 5, 0, 0]));
}
