//! The breakers of seatbelt 0.11 (`s`) and tower-resilience 0.13/0.14 (`t`).
//!
//! seatbelt uses a window of 30 s and opens for 5 s. `D` is a call that its caller dropped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Ratio, State,
    breaker::{CancelledCalls, Mode, OpenDuration, TripRule, Window},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::play::{Played, play};

fn window(minimum: u32) -> Window {
    Window::time(Duration::from_secs(30)).unwrap().minimum(minimum).unwrap()
}

fn last(calls: u32, minimum: u32) -> Window {
    Window::count(calls).unwrap().minimum(minimum).unwrap()
}

fn failing(percent: u32, window: Window) -> TripRule {
    TripRule::FailureRate { failing: Ratio::percent(percent).unwrap(), window }
}

/// seatbelt's breaker: opens for 5 s if at least `percent` of at least `minimum` calls within 30 s
/// failed.
fn seatbelt(percent: u32, minimum: u32) -> BreakerConfig {
    BreakerConfig::default()
        .fixed()
        .open_when(failing(percent, window(minimum)))
        .open_for(OpenDuration::fixed(Duration::from_secs(5)))
}

/// seatbelt's policy that counts every dropped call as a failure.
fn drops_are_failures(percent: u32, minimum: u32) -> BreakerConfig {
    seatbelt(percent, minimum).on_cancelled(CancelledCalls::Failure)
}

#[test]
fn the_failure_rate_opens() {
    play(seatbelt(10, 20), &[("s24, 21 calls", "S*19 F F", "C 2/21"), ("s24, at 22", "F", "O 3/22 for 5s")]);
    play(seatbelt(50, 10), &[("s26", "F*6 S*3", "C 6/9"), ("s26, at 10", "F", "O 7/10 for 5s")]);
    play(seatbelt(50, 5), &[("s28, below the minimum", "F*3", "C 3/3")]);
    play(seatbelt(50, 5), &[("s28, at 5", "S F*4", "O 4/5 for 5s")]);
}

#[test]
fn calls_leave_the_window_with_their_slice() {
    let ten_slices = Window::time(Duration::from_secs(10)).unwrap();
    let steps = "S +100ms ".repeat(30);
    // seatbelt's window holds 11 calls: its slices begin with their first call and leave when they
    // are older than 10 s. Our slices begin at the creation of the circuit, so the window covers
    // between nine and ten tenths of its time: calls of the third second have left at 12 s.
    play(
        BreakerConfig::default().fixed().open_when(failing(50, ten_slices)),
        &[("s30, within 3 s", &steps, "C 0/30"), ("s30, at 12 s", "+9s S", "C 0/1")],
    );
}

#[test]
fn an_open_circuit_admits_a_call_after_its_duration() {
    let config = seatbelt(50, 3).open_for(OpenDuration::fixed(Duration::from_millis(100)));
    play(config, &[("s32, at 99 ms", "F*3 +99ms R", "O 3/3 for 100ms"), ("s32, at 101 ms", "+2ms S", "C 0/0")]);
}

#[test]
fn a_dropped_probe_returns_its_slot_or_is_a_failure() {
    play(seatbelt(50, 3), &[("s34, dropped", "F*3 +5s D", "H 0/0"), ("s34, 3 s later", "+3s S", "C 0/0")]);
    play(drops_are_failures(50, 3), &[("s35", "F*3 +5s D", "O 1/1 for 5s")]);
}

#[test]
fn dropped_calls_are_failures_if_configured_or_if_all_are() {
    play(drops_are_failures(50, 5), &[("s39, below the minimum", "S S D D", "C 2/4"), ("s39", "D", "O 3/5 for 5s")]);
    // seatbelt opens at the third dropped call. Our circuit opens when all calls have been dropped
    // for the length of the window, because cancellations come in bursts and the running calls may
    // succeed.
    play(seatbelt(10, 3), &[("s36, all dropped", "D D", "C 0/0"), ("s36, all dropped", "+30s D", "O 3/3 for 5s")]);
    play(seatbelt(10, 3), &[("s36, s37, one success", "S D*10", "C 0/1")]);
    play(seatbelt(10, 5), &[("s36, two failures", "F F D D D", "C 2/2")]);
}

/// s42. If each dropped call is a failure, the circuit opens at the third one, as seatbelt's does.
/// If dropped calls are failures only while all calls are dropped, our circuit opens when that has
/// lasted for the length of the window.
#[tokio::test(start_paused = true)]
async fn calls_dropped_before_their_first_poll_open_the_circuit() {
    for (config, time) in [(drops_are_failures(50, 3), 0), (seatbelt(50, 3), 30)] {
        let circuit = Circuit::new(config);
        let mut service = BreakerLayer::on(&circuit).layer(service_fn(|()| async { Ok::<_, String>(()) }));
        for _ in 0..3 {
            assert_eq!(circuit.state(), State::Closed, "s42");
            tokio::time::advance(Duration::from_secs(time / 2)).await;
            drop(service.ready().await.unwrap().call(()));
        }
        assert_eq!(circuit.state(), State::Open, "s42");
    }
}

#[test]
fn calls_of_an_earlier_state_change_nothing() {
    play(
        drops_are_failures(50, 3),
        &[
            ("s43, a probe is running", "< < F*3 +5s <", "H 0/0"),
            ("s43, a failure and a drop from before", ">F >D", "H 0/0"),
            ("s43, the probe", ">S", "C 0/0"),
        ],
    );
    let mut played = Played::new(seatbelt(50, 3));
    played.row(("s44, a probe", "F*3 +5s", "H 0/0"));
    let late = played.circuit.try_acquire().unwrap();
    played.row(("s44, another closes it", "+30s S", "C 0/0"));
    late.failure();
    played.row(("s44, the late failure isn't held", "", "C 0/0"));
    played.row(("s44, below the minimum", "F F", "C 2/2"));
}

#[test]
fn a_call_of_exactly_the_limit_is_not_slow() {
    let slow = |longer_than| TripRule::SlowCallRate { longer_than, share: Ratio::HALF, window: last(5, 5) };
    // In tower-resilience, a call that takes exactly the limit is slow. Here and in resilience4j it
    // must take longer. A limit that is a microsecond shorter has the same effect.
    let limit = Duration::from_millis(100);
    let (ours, theirs) = (slow(limit), slow(limit - Duration::from_micros(1)));
    let steps = "< +100ms >S ".repeat(5);
    play(BreakerConfig::default().fixed().open_when(ours), &[("t17, longer than 100 ms", &steps, "C 0/0")]);
    play(
        BreakerConfig::default().fixed().open_when(theirs),
        &[("t17, from 100 ms on", &steps, "O 0/5 slow 5 for 30s")],
    );
}

#[test]
fn one_of_several_rules_opens_the_circuit() {
    let minute = Window::time(Duration::from_secs(60)).unwrap().minimum(10).unwrap();
    let slow = TripRule::SlowCallRate {
        longer_than: Duration::from_millis(100),
        share: Ratio::percent(60).unwrap(),
        window: minute,
    };
    let steps = format!("F*3 {} S*2 {}", "< +101ms >F ".repeat(3), "< +101ms >S ".repeat(2));
    play(
        BreakerConfig::default().fixed().open_when(failing(70, minute)).or_when(slow),
        &[("t19, 6 and 5 of 10", &steps, "C 6/10 slow 5")],
    );
    let two_in_a_row = TripRule::consecutive(2).unwrap();
    play(
        BreakerConfig::default().fixed().open_when(failing(99, last(1_000, 1_000))).or_when(two_in_a_row),
        &[("t22", "F F", "O 2/2 for 30s")],
    );
}

#[test]
fn a_success_may_complete_the_minimum_and_open_it() {
    let minute = Window::time(Duration::from_secs(60)).unwrap().minimum(5).unwrap();
    play(
        BreakerConfig::default().fixed().open_when(failing(60, minute)),
        &[("t21, below the minimum", "F F F S", "C 3/4"), ("t21", "S", "O 3/5 for 30s")],
    );
}

/// t24.
#[test]
fn readiness_is_not_polled_while_the_circuit_is_open() {
    struct Counts(Arc<AtomicU32>);
    impl Service<()> for Counts {
        type Response = ();
        type Error = String;
        type Future = std::future::Ready<Result<(), String>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            std::future::ready(Ok(()))
        }
    }
    let mut played = Played::new(BreakerConfig::default().fixed().open_when(failing(50, last(4, 4))));
    let polls = Arc::new(AtomicU32::new(0));
    let mut service = BreakerLayer::on(&played.circuit).layer(Counts(Arc::clone(&polls)));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(service.poll_ready(cx).is_ready());
    played.row(("t24", "F F S S", "O 2/4 for 30s"));
    let before = polls.load(Ordering::Relaxed);
    assert!(service.poll_ready(cx).is_ready(), "t24");
    assert_eq!(polls.load(Ordering::Relaxed), before, "t24");
}

#[test]
fn a_reset_clears_the_counts() {
    let mut played = Played::new(BreakerConfig::default().fixed().open_when(failing(50, last(10, 5))));
    played.row(("t27", "F*4", "C 4/4"));
    played.circuit.reset();
    played.row(("t27, reset", "F*4", "C 4/4"));
    played.row(("t27, the fifth", "F", "O 5/5 for 30s"));
}

#[test]
fn forced_closed_admits_and_stays_so() {
    let mut played = Played::new(BreakerConfig::default().fixed().open_when(failing(50, last(10, 5))));
    played.steps("t30", "F*5");
    assert_eq!(played.circuit.state(), State::Open, "t30");
    played.circuit.force_closed();
    // In tower-resilience, `force_closed` closes the circuit once, and the rules may open it again.
    // Our `force_closed` sets a mode, which stays until it is changed.
    played.row(("t30, forced closed", "F*10", "C 10/10"));
    played.circuit.set_mode(Mode::Auto);
    played.row(("t30, left to its rules", "F*5", "O 5/5 for 30s"));
}
