//! The half-open state: external probes, the health probe, and the limit of its duration.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio_test::{assert_pending, task};
use tower::{Layer, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Ratio, State, Verdict,
    breaker::{HalfOpenTimeout, OpenContext, OpenDuration, Permit, Probes},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, half_open, open, timed};
use crate::scripted::{EventLog, Oops, ms, secs};

const HALF_A_MINUTE: Duration = secs(30);

#[test]
fn requests_are_not_probes_if_probes_are_external() {
    let (circuit, clock) = half_open(counted().probes(Probes::one().external_only()));
    assert_eq!(hint(&circuit), Some(true), "a hint, as in any half-open circuit");
    let mut probe = task::spawn(circuit.probe(pending::<Result<(), &str>>));
    assert_pending!(probe.poll());
    assert_eq!(hint(&circuit), Some(true), "requests don't get the probe's lease");
    drop(probe);
    let probed = |result: Result<(), &'static str>| task::spawn(circuit.probe(|| ready(result))).poll();
    assert!(probed(Err("down")).is_ready());
    assert_eq!(circuit.state(), State::Open);
    assert!(matches!(probed(Ok(())), std::task::Poll::Ready(Err(error)) if error.rejection().is_some()));
    clock.advance(HALF_A_MINUTE);
    assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), None, "a request neither moves it on nor gets a time");
    assert!(probed(Ok(())).is_ready());
    circuit.try_acquire().unwrap().success();
    assert_eq!(ended_calls(&circuit), [2, 2, 0, 1]);
}

/// Runs the health probe of a new circuit on its own task. Returns the circuit, the number of
/// probes, and the task.
fn run_health_probe(
    config: BreakerConfig,
    health: impl Fn(u32) -> Result<(), &'static str> + Send + Sync + 'static,
) -> (Circuit, Arc<AtomicU32>, tokio::task::JoinHandle<()>) {
    let circuit = Circuit::new(config.open_when(first_failure()));
    let (probed, asked) = (circuit.clone(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&asked);
    let task = tokio::spawn(async move {
        match probed.run_health_probe(|| ready(health(count.fetch_add(1, Relaxed) + 1))).await {}
    });
    (circuit, asked, task)
}

#[tokio::test(start_paused = true)]
async fn the_health_probe_closes_it_after_every_opening() {
    let config = counted().probes(Probes::successes(2).unwrap().external_only());
    let (circuit, asked, task) = run_health_probe(config, |n| if n == 1 { Err("still down") } else { Ok(()) });
    tokio::time::sleep(secs(100)).await;
    assert_eq!(asked.load(Relaxed), 0, "a closed circuit isn't probed");
    open(&circuit);
    tokio::time::sleep(secs(31)).await;
    assert_eq!((asked.load(Relaxed), circuit.state()), (1, State::Open));
    tokio::time::sleep(secs(31)).await;
    assert_eq!((asked.load(Relaxed), circuit.state()), (3, State::Closed));
    open(&circuit);
    tokio::time::sleep(secs(32)).await;
    assert_eq!((asked.load(Relaxed), circuit.state()), (5, State::Closed));
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_health_probe_yields_to_other_tasks() {
    // If the health probe never yields, its 100,000th probe panics, so that the test fails instead
    // of hanging.
    let down = |n| if n < 100_000 { Err("down") } else { panic!("{n} probes in half a minute") };
    let (never_open, _, probing) = run_health_probe(counted().open_for(OpenDuration::fixed(Duration::ZERO)), down);
    never_open.try_acquire().unwrap().failure();
    let said_nothing = |outcome: Result<&(), &&str>| if outcome.is_ok() { Verdict::Success } else { Verdict::Neutral };
    let neutral = Circuit::new(counted().open_when(first_failure()).classify(said_nothing));
    open(&neutral);
    let (probed, mut probes) = (neutral.clone(), 0);
    let with_half_open_limit = tokio::spawn(async move {
        let asked = || (ready(down(probes)), probes += 1).0;
        match probed.run_health_probe(asked).await {}
    });
    tokio::time::sleep(secs(31)).await;
    assert_eq!(
        (neutral.state(), probing.is_finished(), with_half_open_limit.is_finished()),
        (State::HalfOpen, false, false)
    );
    assert!(neutral.stats().total_neutral > 0);
}

#[tokio::test(start_paused = true)]
async fn a_custom_probe_that_hangs_is_abandoned_after_its_lease() {
    let probes = Probes::one().lease(secs(10)).unwrap().external_only();
    let config = counted().probes(probes).open_for(OpenDuration::fixed(secs(5))).open_when(first_failure());
    let circuit = Circuit::new(config);
    let (probed, mut probe) = (circuit.clone(), 0);
    let probing = tokio::spawn(async move {
        let hangs_once = || {
            probe += 1;
            let hangs = probe == 1;
            async move { if hangs { pending().await } else { Ok::<_, &str>(()) } }
        };
        match probed.run_health_probe(hangs_once).await {}
    });
    open(&circuit);
    tokio::time::sleep(ms(5_100)).await;
    assert_eq!(circuit.state(), State::HalfOpen);
    tokio::time::sleep(secs(10)).await;
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2), "it is a failure");
    tokio::time::sleep(secs(6)).await;
    assert_eq!((circuit.state(), circuit.stats().total_failures), (State::Closed, 2));
    probing.abort();
}

#[tokio::test(start_paused = true)]
async fn a_custom_probe_that_hangs_does_not_miss_the_next_opening() {
    let config = counted().probes(Probes::one().external_only()).open_when(first_failure());
    let circuit = Circuit::new(config);
    let (probed, mut probe) = (circuit.clone(), 0);
    let probing = tokio::spawn(async move {
        let hangs_once = || {
            probe += 1;
            let hangs = probe == 1;
            async move { if hangs { pending().await } else { Ok::<_, &str>(()) } }
        };
        match probed.run_health_probe(hangs_once).await {}
    });
    open(&circuit);
    tokio::time::sleep(secs(31)).await;
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.reset();
    open(&circuit);
    tokio::time::sleep(secs(32)).await;
    assert_eq!((circuit.state(), circuit.stats().total_failures), (State::Closed, 2));
    probing.abort();
}

// resilience4j#935, #1681: the circuit stayed half-open while too few calls arrived.
#[test]
fn the_half_open_limit_reopens_and_counts_as_an_opening() {
    let probes = Probes::successes(2).unwrap().max_half_open(secs(8), HalfOpenTimeout::Open).unwrap();
    let config = counted().probes(probes).open_for(OpenDuration::exponential(secs(10)));
    let (circuit, clock) = half_open(config);
    circuit.try_acquire().unwrap().success();
    clock.advance(ms(7_999));
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(ms(1));
    assert_eq!(circuit.state(), State::Open);
    let stats = circuit.stats();
    assert_eq!((stats.retry_in, stats.openings_in_a_row), (Some(secs(20)), 2), "the duration grows");
    clock.advance(secs(20));
    end_calls(&circuit, Verdict::Success, 2);
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
}

#[test]
fn the_half_open_limit_may_close_the_circuit() {
    let probes = Probes::successes(2).unwrap().max_half_open(secs(8), HalfOpenTimeout::Close).unwrap();
    let (circuit, clock) = half_open(counted().probes(probes));
    let probe = circuit.try_acquire().unwrap();
    clock.advance(secs(8));
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 3));
    probe.failure();
    assert_eq!(circuit.state(), State::Closed, "an earlier probe doesn't count");
}

#[test]
fn the_event_of_a_half_open_limit_has_the_open_duration() {
    let events = EventLog::default();
    let probes = Probes::failure_rate(4, Ratio::HALF).unwrap().max_half_open(secs(8), HalfOpenTimeout::Open).unwrap();
    let by = |opening: OpenContext| secs(10).mul_f64(1.0 + opening.failing.unwrap_or(0.0));
    let config = counted().probes(probes).open_for(OpenDuration::from_fn(by)).observe(events.observer());
    for look in [|circuit: &Circuit| drop(circuit.try_acquire()), |circuit: &Circuit| drop(circuit.stats())] {
        let (circuit, clock) = half_open(config.clone());
        end_calls(&circuit, Verdict::transient(), 1);
        end_calls(&circuit, Verdict::Success, 1);
        clock.advance(secs(8));
        look(&circuit);
        assert_eq!(circuit.retry_in(), Some(secs(15)));
        assert_eq!(events.count("open_for: 15s"), 1);
        assert_eq!(events.count("calls: 2, failures: 1"), 1);
        events.clear();
    }
}

#[test]
fn new_rounds_of_probes_do_not_extend_the_half_open_limit() {
    let probes = Probes::one().lease(secs(3)).unwrap().max_half_open(secs(8), HalfOpenTimeout::Open).unwrap();
    let (circuit, clock) = half_open(counted().probes(probes));
    let mut lost = Vec::new();
    for _ in 0..2 {
        lost.push(circuit.try_acquire().unwrap());
        clock.advance(secs(3));
    }
    lost.push(circuit.try_acquire().unwrap());
    clock.advance(ms(1_999));
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(ms(1));
    assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), Some(HALF_A_MINUTE), "eight seconds in three rounds");
    lost.into_iter().for_each(Permit::success);
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
}

#[test]
fn a_hint_is_never_after_the_limit_that_closes_the_circuit() {
    let probes = Probes::one().max_half_open(secs(8), HalfOpenTimeout::Close).unwrap();
    let (circuit, clock) = half_open(counted().probes(probes));
    let _probe = circuit.try_acquire().unwrap();
    clock.advance(secs(8) - ms(3));
    assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), Some(ms(3)));
}

/// Whether the hint of the next rejection is 50 to 150 ms; `None` if there is no hint.
fn hint(circuit: &Circuit) -> Option<bool> {
    circuit.try_acquire().unwrap_err().retry_in().map(|hint| (ms(50)..=ms(150)).contains(&hint))
}

/// A circuit that has just become half-open, with a limit of one second, and with a probe that
/// never returns.
fn with_half_open_limit(config: BreakerConfig, then: HalfOpenTimeout) -> (Circuit, ManualClock, Permit) {
    let probes = Probes::one().max_half_open(secs(1), then).unwrap();
    let (circuit, clock) = half_open(config.open_for(OpenDuration::fixed(secs(5))).probes(probes));
    let hangs = circuit.try_acquire().unwrap();
    (circuit, clock, hangs)
}

#[test]
fn the_next_open_duration_begins_at_the_end_of_the_limit() {
    let looks: [fn(&Circuit); 4] = [
        |circuit| drop(circuit.try_acquire()),
        |circuit| _ = circuit.state(),
        |circuit| _ = circuit.retry_in(),
        |circuit| drop(circuit.stats()),
    ];
    for look in looks {
        let (circuit, clock, _hangs) = with_half_open_limit(counted(), HalfOpenTimeout::Open);
        clock.advance(ms(5_999));
        look(&circuit);
        assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), Some(ms(1)), "1 s half-open, 5 s open");
        let (circuit, clock, _hangs) = with_half_open_limit(counted(), HalfOpenTimeout::Open);
        clock.advance(secs(8));
        look(&circuit);
        assert_eq!((circuit.state(), circuit.retry_in()), (State::HalfOpen, None));
    }
}

#[test]
fn one_call_per_minute_closes_a_circuit_after_the_limit() {
    let (circuit, clock, _hangs) = with_half_open_limit(counted(), HalfOpenTimeout::Open);
    clock.advance(secs(60));
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
}

#[tokio::test]
async fn one_call_per_minute_is_admitted_after_an_unfinished_probe() {
    let (circuit, clock, _hangs) = with_half_open_limit(counted(), HalfOpenTimeout::Open);
    let inner = service_fn(|()| async { Ok::<_, Oops>("hello") });
    let service = BreakerLayer::on(&circuit).layer(inner);
    clock.advance(secs(60));
    assert_eq!(service.oneshot(()).await.unwrap(), "hello");
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn slow_start_begins_at_the_end_of_the_half_open_limit() {
    let (circuit, clock, _hangs) = with_half_open_limit(counted().slow_start(secs(10)), HalfOpenTimeout::Close);
    clock.advance(secs(11));
    end_calls(&circuit, Verdict::Success, 100);
    assert_eq!((circuit.state(), circuit.stats().total_rejected), (State::Closed, 0));
}

#[test]
fn reading_a_half_open_circuit_does_not_start_its_limit() {
    let probes = Probes::one().max_half_open(secs(1), HalfOpenTimeout::Open).unwrap();
    let (circuit, clock) = half_open(counted().open_for(OpenDuration::exponential(secs(5))).probes(probes));
    for _ in 0..60 {
        clock.advance(secs(1));
        assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::HalfOpen, 1));
    }
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_limit_and_slow_start_end_however_old_the_circuit_is() {
    let years = secs(20 * 365 * 86_400);
    let probes = Probes::one().max_half_open(secs(1), HalfOpenTimeout::Close).unwrap();
    let (circuit, clock) = timed(counted().probes(probes).slow_start(secs(10)));
    clock.advance(years);
    open(&circuit);
    clock.advance(ms(30_001));
    let _hangs = circuit.try_acquire().unwrap();
    clock.advance(ms(1_001));
    assert_eq!(circuit.state(), State::Closed);
    clock.advance(ms(10_001));
    end_calls(&circuit, Verdict::Success, 100);
    assert_eq!(circuit.stats().total_rejected, 0);
}
