//! gobreaker v2, `gobreaker_test.go`: more than 5 consecutive failures open the circuit for 60 s.

use std::time::Duration;

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Ratio, State,
    breaker::{OpenDuration, Probes, TripRule, Window},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::play::{Played, play};

fn theirs() -> BreakerConfig {
    BreakerConfig::default()
        .fixed()
        .open_when(TripRule::consecutive(6).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(60)))
}

#[test]
fn the_default_circuit() {
    play(
        theirs(),
        &[
            ("g18", "F*5", "C 5 in a row"),
            ("g18, a success starts over", "S", "C 0 in a row"),
            ("g18", "F", "C 1 in a row"),
            ("g18, the sixth", "F*5", "O 6/6 for 60s"),
            ("g18, nearly over", "+59999ms R", "O 6/6 for 60s"),
            ("g18, over", "+1ms", "H 0/0"),
            ("g18, a failing probe", "F", "O 1/1 for 60s"),
            ("g18, over again", "+60s +1ns", "H 0/0"),
            ("g18, a probe that succeeds", "S", "C 0 in a row"),
        ],
    );
}

#[test]
fn three_probes() {
    let config = theirs().probes(Probes::successes(3).unwrap().max_concurrent(3).unwrap());
    play(
        config,
        &[
            ("g20", "F*6 +60s", "H 0/0"),
            ("g20, neutral probes", "X*4", "H 0/0"),
            ("g20, one fails", "F", "O 1/1 for 60s"),
            ("g20, two succeed", "+60s S S", "H 0/2"),
            ("g20, a third is running", "<", "H 0/2"),
            ("g20, a fourth", "R", "H 0/2"),
            ("g20, the third succeeds", ">S", "C 0 in a row"),
        ],
    );
}

#[test]
fn a_call_counts_in_its_own_generation_or_not_at_all() {
    play(
        theirs(),
        &[
            ("g21, begun while closed", "< < < F*5", "C 5 in a row"),
            ("g21", "F", "O 6/6 for 60s"),
            ("g21, ends while open", ">S", "O 6/6 for 60s"),
            ("g21, ends while half-open", "+60s >F", "H 0/0"),
            ("g21, ends in the next closed generation", "S F >S", "C 1 in a row"),
        ],
    );
    // gobreaker has no window. Our circuit must count a late call neither in its window nor among
    // the probes.
    let half_of_four = TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let probes = Probes::failure_rate(3, Ratio::HALF).unwrap();
    play(
        theirs().open_when(half_of_four).probes(probes),
        &[
            ("g21, begun while closed", "< < < < F*4", "O 4/4 for 60s"),
            ("g21, ends while open", ">F", "O 4/4 for 60s"),
            ("g21, ends while half-open", "+60s S >F S", "H 0/2"),
            ("g21, ends in the next closed window", "S S >F >S S", "C 0/2"),
        ],
    );
    // gobreaker resets its counts at the end of its interval. Our `reset` does the same.
    let mut played = Played::new(theirs());
    played.row(("g21, before the reset", "F F <", "C 2 in a row"));
    played.circuit.reset();
    played.row(("g21, after the reset", ">F", "C 0 in a row"));
}

/// g22: a call that panics counts as a call and as a failure.
#[tokio::test]
async fn a_panic_is_one_call_and_one_failure() {
    let all_of_two = TripRule::FailureRate { failing: Ratio::percent(100).unwrap(), window: Window::count(2).unwrap() };
    let circuit = Circuit::new(BreakerConfig::default().fixed().open_when(all_of_two));
    let counts = |circuit: &Circuit| {
        let window = circuit.stats().window;
        (window.calls, window.failures)
    };

    let called = circuit.clone();
    let call = tokio::spawn(async move {
        let _ = called.call(|| async { panics_after_a_while().await }).await;
    });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!((circuit.state(), counts(&circuit)), (State::Closed, (1, 1)), "g22, a function");

    circuit.reset();
    let service = ServiceBuilder::new()
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(|()| async { panics_after_a_while().await }));
    let call = tokio::spawn(service.oneshot(()));
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!((circuit.state(), counts(&circuit)), (State::Closed, (1, 1)), "g22, a service");

    circuit.reset();
    let mut service = ServiceBuilder::new().layer(BreakerLayer::on(&circuit)).service(service_fn(panics_when_called));
    let call = tokio::spawn(async move {
        let _ = service.ready().await.unwrap().call(()).await;
    });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!((circuit.state(), counts(&circuit)), (State::Closed, (1, 1)), "g22, a service before its future");
}

async fn panics_after_a_while() -> Result<(), std::io::Error> {
    tokio::task::yield_now().await;
    panic!("as in the row")
}

fn panics_when_called((): ()) -> std::future::Ready<Result<(), std::io::Error>> {
    panic!("as in the row")
}
