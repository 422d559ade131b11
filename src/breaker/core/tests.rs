//! Cores whose generation counter has wrapped around.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    BreakerConfig, Circuit, Ratio, State,
    breaker::{TripRule, Window, generation::GENERATION_MASK, transition::StateWord},
    time::ManualClock,
};

/// So many generations ago (more than half of all) that it appears to be later than the present
/// generation.
const LONG_AGO: u32 = (1 << 30) + 5;

/// The window has a layout that no other test uses, so that no other test takes the core.
fn config(window: Window) -> BreakerConfig {
    let rules =
        BreakerConfig::default().without_observers().open_when(TripRule::FailureRate { failing: Ratio::HALF, window });
    rules.clock(ManualClock::new())
}

fn tenant(circuit: &Circuit) -> Arc<Tenant> {
    let core = circuit.tenant().core;
    core.tenant_of(core.cell.load().generation).expect("the circuit exists")
}

/// Sets the circuit's generation forward by this many.
fn live_through(circuit: &Circuit, generations: u32) {
    circuit
        .tenant()
        .core
        .cell
        .update(|word| StateWord { generation: word.generation.wrapping_add(generations) & GENERATION_MASK, ..word });
}

fn fails(circuit: &Circuit, calls: u32) {
    (0..calls).for_each(|_| circuit.try_acquire().unwrap().failure());
}

#[test]
fn counts_of_an_old_tenant_do_not_affect_the_next_one() {
    let minute = Duration::from_secs(60);
    let windows = [Window::count(2_001).unwrap(), Window::time(minute).unwrap().slices(59).unwrap()];
    for window in windows.map(|window| window.minimum(3).unwrap()) {
        let old = Circuit::new(config(window));
        fails(&old, 2);
        live_through(&old, LONG_AGO);
        drop(old);
        let next = Circuit::new(config(window));
        fails(&next, 2);
        assert_eq!((next.stats().window.calls, next.stats().window.failures), (2, 2));
        fails(&next, 1);
        assert_eq!(next.state(), State::Open);
    }
}

#[test]
fn a_circuit_counts_after_half_of_all_generations() {
    let circuit = Circuit::new(config(Window::count(2_002).unwrap()).or_when(TripRule::consecutive(2).unwrap()));
    live_through(&circuit, LONG_AGO);
    assert!(Arc::ptr_eq(&tenant(&circuit), circuit.tenant()));
    let of_before = circuit.try_acquire().unwrap();
    live_through(&circuit, LONG_AGO / 2);
    of_before.failure();
    assert_eq!(
        (circuit.stats().total_failures, circuit.stats().failures_in_a_row),
        (1, 0),
        "a stale failure counts only in the totals"
    );
}
