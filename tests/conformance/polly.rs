//! Polly v8 and v7: `AdvancedCircuitBehaviorTests`, `CircuitStateControllerTests`,
//! `CircuitBreakerSpecs`.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::oneshot;
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, Ratio, State,
    breaker::{OpenContext, OpenDuration, Probes, TripRule, Window},
    observe::Event,
    time::ManualClock,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::play::{Played, play};

fn a_tenth_of_at_least_ten() -> BreakerConfig {
    let window = Window::count(20).unwrap().minimum(10).unwrap();
    BreakerConfig::default().fixed().open_when(TripRule::FailureRate { failing: Ratio::percent(10).unwrap(), window })
}

#[test]
fn break_or_not() {
    play(a_tenth_of_at_least_ten(), &[("p23, none of ten", "S*10", "C 0/10")]);
    play(a_tenth_of_at_least_ten(), &[("p23, one of ten", "S*9 F", "O 1/10 for 30s")]);
    // The call that completes the minimum can open the circuit, even if it succeeds.
    play(a_tenth_of_at_least_ten(), &[("p23, one of ten, the first", "F S*9", "O 1/10 for 30s")]);
    play(a_tenth_of_at_least_ten(), &[("p23, one of nine", "F S*8", "C 1/9")]);
    // Polly's test passes the numbers 11 and 20 %. A circuit that is evaluated after every call
    // never reaches them: it opens earlier, at the tenth call.
    play(a_tenth_of_at_least_ten(), &[("p23, two of eleven", "F F S*8", "O 2/10 for 30s")]);
    // The nearest case in which the eleventh call opens the circuit: ten calls were below the rate.
    let window = Window::count(20).unwrap().minimum(10).unwrap();
    let fifteen = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::FailureRate { failing: Ratio::percent(15).unwrap(), window });
    play(fifteen, &[("p23, one of ten", "S*9 F", "C 1/10"), ("p23, two of eleven", "F", "O 2/11 for 30s")]);
}

#[test]
fn a_failing_probe_breaks_again_for_as_long() {
    let config = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::consecutive(2).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(10)));
    let played = play(
        config,
        &[
            ("p27", "F F +10s", "H 0/0"),
            ("p27, a failing probe", "F", "O 1/1 for 10s"),
            ("p27, a moment later", "+1ms R", "O 1/1 for 10s"),
        ],
    );
    let left = Duration::from_millis(9_999);
    assert_eq!(played.circuit.retry_in(), Some(left), "p27, in the stats");
    assert_eq!(played.circuit.try_acquire().unwrap_err().retry_in(), Some(left), "p27, in a rejection");
}

/// p26: the break-duration generator receives the number of unsuccessful attempts. Polly counts
/// half-open attempts, from 0. We count openings in a row, from 1, so its number is ours minus one.
#[test]
fn the_break_generator_receives_the_number_of_attempts() {
    let openings = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&openings);
    let half_open_attempts = move || -> Vec<u32> { std::mem::take(&mut openings.lock().unwrap()) };
    let open_for = OpenDuration::from_fn(move |opening: OpenContext| {
        let mut openings = recorder.lock().unwrap();
        // The function may be called more than once for one opening, and must return the same
        // duration.
        if openings.last() != Some(&(opening.in_a_row - 1)) {
            openings.push(opening.in_a_row - 1);
        }
        Duration::from_secs(10 * u64::from(opening.in_a_row))
    });
    let mut played =
        Played::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(2).unwrap()).open_for(open_for));
    // `steps` instead of rows: a row reads the statistics, which call the function for a first
    // opening.
    played.steps("p26", "F F +9s R +1s F +19s R +1s F +29s R +1s X F +39s R +1s F +49s R +1s");
    assert_eq!(half_open_attempts(), [0, 1, 2, 3, 4], "p26");
    played.steps("p26, a close", "S F F +9s R +1s F +19s R +1s F +29s R");
    assert_eq!(half_open_attempts(), [0, 1, 2], "p26, after a close");
}

/// p27: a break near the largest duration doesn't overflow. The longest break that ends by itself
/// has 48 bits of microseconds (8.9 years). With a longer one the circuit stays open until it is
/// reset, and a rejection has no time.
#[test]
fn a_break_may_have_any_length() {
    let longest = Duration::from_micros((1 << 48) - 2);
    for (name, break_for, retry_in) in [
        ("just representable", longest, Some(longest)),
        // The difference exceeds the rounding error of a growing duration, which is a
        // floating-point number, at this size.
        ("just not", longest + Duration::from_micros(10), None),
        ("all microseconds of a u64", Duration::from_micros(u64::MAX), None),
        ("the largest", Duration::MAX, None),
    ] {
        let grows = |open_for: OpenDuration| open_for.max(Duration::MAX);
        for open_for in [
            OpenDuration::fixed(break_for),
            grows(OpenDuration::exponential(break_for)),
            grows(OpenDuration::linear(break_for)),
        ] {
            let rule = TripRule::consecutive(1).unwrap();
            let circuit = Circuit::new(
                BreakerConfig::default().fixed().open_when(rule).open_for(open_for.clone()).clock(ManualClock::new()),
            );
            circuit.try_acquire().unwrap().failure();
            assert_eq!(circuit.state(), State::Open, "p27, {name}, {open_for:?}");
            assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), retry_in, "p27, {name}, {open_for:?}");
        }
    }
}

/// A break of zero stays zero for every growth. Zero times infinity isn't treated as a break that
/// is too long.
#[test]
fn a_break_of_zero_stays_zero() {
    let open_for = OpenDuration::exponential(Duration::ZERO).factor(f64::MAX).unwrap();
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()).open_for(open_for);
    let circuit = Circuit::new(config.clock(ManualClock::new()));
    for opening in 1..=5 {
        circuit.try_acquire().unwrap_or_else(|rejection| panic!("opening {opening}: {rejection}")).failure();
    }
}

#[test]
fn a_probe_that_never_returns() {
    let lease = Duration::from_secs(10);
    let config = BreakerConfig::default()
        .open_when(TripRule::consecutive(2).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(10)))
        .probes(Probes::one().lease(lease).unwrap());
    play(
        config,
        &[
            ("p29, the first is admitted", "F F +10s <", "H 0/0"),
            ("p29, the second isn't", "R", "H 0/0"),
            ("p29, nor is it just before the lease ends", "+9999ms R", "H 0/0"),
            ("p29, one more after the lease", "+1ms <", "H 0/0"),
            ("p29, one", "R", "H 0/0"),
            ("p29, the first is too late to say anything", ">F", "H 0/0"),
            ("p29, the one more decides", ">S", "C 0 in a row"),
        ],
    );
}

/// p30: a call that began while the circuit was closed fails while it is open. The circuit doesn't
/// open a second time, and the caller gets its own error.
#[tokio::test]
async fn a_late_failure_only_reaches_its_caller() {
    let openings = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&openings);
    let circuit = Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(2).unwrap()).observe(
        move |event: &Event<'_>| *counted.lock().unwrap() += u32::from(matches!(event, Event::CircuitOpened { .. })),
    ));
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(|end: oneshot::Receiver<()>| async { fails_in_the_end(end).await }));

    let (end_call, called) = oneshot::channel();
    let (end_request, requested) = oneshot::channel();
    let handle = circuit.clone();
    let call = tokio::spawn(async move { handle.call(|| fails_in_the_end(called)).await });
    let request = tokio::spawn(service.ready().await.unwrap().call(requested));
    tokio::task::yield_now().await;
    for _ in 0..2 {
        circuit.try_acquire().unwrap().failure();
    }
    assert_eq!(circuit.state(), State::Open, "p30");

    end_call.send(()).unwrap();
    end_request.send(()).unwrap();
    for (name, ended) in [("a function", call.await.unwrap()), ("a service", request.await.unwrap())] {
        match ended {
            Err(BreakerError::Inner(error)) => assert_eq!(error.to_string(), "its own", "p30, {name}"),
            other => panic!("p30, {name}: {other:?} instead of its own error"),
        }
    }
    assert_eq!((circuit.state(), *openings.lock().unwrap()), (State::Open, 1), "p30");
    assert_eq!(circuit.stats().total_failures, 4, "p30: late failures are failures in the totals");
}

async fn fails_in_the_end(end: oneshot::Receiver<()>) -> Result<(), io::Error> {
    end.await.unwrap();
    Err(io::Error::other("its own"))
}
