//! Recovery: how long a circuit stays open, which calls probe it, and when it closes.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Ratio, State, Verdict,
    breaker::{CancelledCalls, HalfOpenTimeout, OpenContext, OpenDuration, Permit, Probes, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, open};
use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{EventLog, Oops, ms, secs};

const HALF_A_MINUTE: Duration = secs(30);

fn timed(config: BreakerConfig) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    (Circuit::new(config.open_when(first_failure()).clock(clock.clone())), clock)
}

fn half_open(config: BreakerConfig) -> (Circuit, ManualClock) {
    let (circuit, clock) = timed(config);
    open(&circuit);
    clock.advance(circuit.retry_in().unwrap());
    assert_eq!(circuit.state(), State::HalfOpen);
    (circuit, clock)
}

fn requesting_delay(delay: Duration) -> Verdict {
    Verdict::transient().retry_after(delay)
}

#[test]
fn a_function_of_openings_and_failures_sets_the_open_duration() {
    let by = |opening: OpenContext| secs(opening.in_a_row.into()).mul_f64(1.0 + opening.failing.unwrap_or(9.0));
    let rule = TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let (clock, events) = (ManualClock::new(), EventLog::default());
    let config = counted().open_for(OpenDuration::from_fn(by)).observe(events.observer()).clock(clock.clone());
    let circuit = Circuit::new(config.clone().open_when(rule));
    end_calls(&circuit, Verdict::Success, 2);
    end_calls(&circuit, Verdict::transient(), 2);
    assert_eq!(circuit.retry_in(), Some(ms(1_500)));
    assert!(events.last_has(&["CircuitOpened", "open_for: 1.5s", "openings_in_a_row: 1"]));
    clock.advance(ms(1_500));
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(4)), "one of one probes failed");

    let without_a_window = Circuit::new(config.open_when(first_failure()));
    open(&without_a_window);
    assert_eq!(without_a_window.retry_in(), Some(secs(10)));
}

#[test]
fn a_function_may_return_an_unlimited_open_duration() {
    let (circuit, _clock) = timed(counted().open_for(OpenDuration::from_fn(|_| secs(99)).max(secs(7))));
    open(&circuit);
    assert_eq!(circuit.retry_in(), Some(secs(7)));
    let (circuit, clock) = timed(counted().open_for(OpenDuration::from_fn(|_| Duration::MAX)));
    open(&circuit);
    clock.advance(Duration::MAX);
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, None));
}

#[test]
fn stats_have_the_first_open_duration_of_a_function() {
    let open_for = OpenDuration::from_fn(|opening| secs(10) * opening.in_a_row);
    assert_eq!(Circuit::new(counted().open_for(open_for)).stats().open_for, secs(10));
}

#[test]
fn the_function_is_called_once_and_at_each_opening() {
    let asked = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&asked);
    let open_for = OpenDuration::from_fn(move |_| (secs(10), counts.fetch_add(1, Relaxed)).0);
    let (circuit, _clock) = timed(counted().open_for(open_for));
    (0..100).for_each(|_| drop(circuit.stats()));
    assert_eq!(asked.load(Relaxed), 1, "the open duration is known");
    open(&circuit);
    let (when_opened, _) = (asked.load(Relaxed), circuit.stats());
    assert_eq!((when_opened, asked.load(Relaxed)), (2, 2), "the event reports the same time");
}

#[test]
fn until_reset_may_have_a_maximum() {
    let jitter = |open_for: OpenDuration| open_for.jitter(Ratio::HALF);
    let (circuit, clock) = timed(counted().open_for(OpenDuration::until_reset().max(secs(3_600))));
    assert_eq!(circuit.stats().open_for, secs(3_600));
    open(&circuit);
    assert_eq!(circuit.retry_in(), Some(secs(3_600)));
    clock.advance(secs(3_600));
    assert_eq!(circuit.state(), State::HalfOpen);

    let events = EventLog::default();
    let for_ever = counted().open_for(jitter(OpenDuration::until_reset())).observe(events.observer());
    open(&timed(for_ever).0);
    assert!(
        events.last_has(&["CircuitOpened", &format!("open_for: {:?}", Duration::MAX)]),
        "there is no duration longer than unlimited"
    );
    let (circuit, _clock) = timed(counted().open_for(jitter(OpenDuration::until_reset()).max(secs(100))));
    open(&circuit);
    assert!((secs(50)..=secs(100)).contains(&circuit.retry_in().unwrap()));
}

#[test]
fn jitter_is_uniform_within_its_bounds() {
    let times = |open_for: &OpenDuration| -> Vec<u64> {
        let times = (0..200).map(|seed| {
            let (circuit, _clock) = timed(counted().seed(seed).open_for(open_for.clone().jitter(Ratio::HALF)));
            open(&circuit);
            circuit.retry_in().map_or(u64::MAX, |time| time.as_secs())
        });
        times.collect()
    };
    let around_100 = times(&OpenDuration::fixed(secs(100)));
    assert!(around_100.iter().all(|time| (50..=150).contains(time)), "{around_100:?}");
    let average = around_100.iter().sum::<u64>() / 200;
    assert!((90..=110).contains(&average), "{average}");
    for part in [50..60, 90..100, 100..110, 140..151] {
        assert!(around_100.iter().any(|time| part.contains(time)), "{part:?} in {around_100:?}");
    }
    assert!(times(&OpenDuration::until_reset()).iter().all(|&time| time == u64::MAX), "unlimited stays unlimited");
    let capped = times(&OpenDuration::fixed(secs(100)).max(secs(120)));
    assert!(capped.iter().all(|time| (50..=120).contains(time)) && capped.contains(&120), "{capped:?}");
}

#[test]
fn open_durations_implement_debug() {
    let shows = |open_for: OpenDuration, part: &str| assert!(format!("{open_for:?}").contains(part), "{open_for:?}");
    shows(OpenDuration::fixed(secs(1)), "none");
    shows(OpenDuration::exponential(secs(1)), "times 2");
    shows(OpenDuration::linear(secs(1)), "linear");
    shows(OpenDuration::from_fn(|_| secs(1)), "by a function");
}

#[test]
fn a_requested_open_duration_is_capped_by_the_maximum() {
    let retry_in = |open_for: OpenDuration| {
        let (circuit, _clock) = timed(counted().open_for(open_for.honor_retry_after(secs(600)).jitter(Ratio::HALF)));
        circuit.try_acquire().unwrap().end(requesting_delay(secs(900)));
        circuit.retry_in()
    };
    assert_eq!(retry_in(OpenDuration::fixed(secs(5))), Some(secs(600)));
    assert_eq!(retry_in(OpenDuration::fixed(secs(5)).max(secs(60))), Some(secs(60)));
    assert_eq!(
        retry_in(OpenDuration::exponential(secs(5))),
        Some(secs(600)),
        "growing durations are capped at five minutes"
    );
    assert_eq!(retry_in(OpenDuration::until_reset()), Some(secs(600)));

    let (circuit, _clock) = timed(counted().open_for(OpenDuration::fixed(secs(5)).honor_retry_after(secs(600))));
    circuit.try_acquire().unwrap().end(requesting_delay(Duration::ZERO));
    assert_eq!(circuit.retry_in(), Some(secs(5)), "a requested delay of zero is ignored");
}

// resilience4j#1387: the response sets the open duration. go-retryablehttp#247: but not a duration
// of a year.
#[test]
fn the_failure_that_opens_it_may_set_the_open_duration() {
    let events = EventLog::default();
    let (circuit, clock) =
        timed(counted().observe(events.observer()).open_for(OpenDuration::fixed(secs(5)).honor_retry_after(secs(60))));
    circuit.try_acquire().unwrap().end(requesting_delay(secs(20)));
    assert_eq!(circuit.retry_in(), Some(secs(20)));
    assert!(events.last_has(&["CircuitOpened", "open_for: 20s"]));
    clock.advance(secs(20));
    circuit.try_acquire().unwrap().end(requesting_delay(secs(365 * 86_400)));
    assert_eq!(circuit.retry_in(), Some(secs(60)), "a probe may set it too, up to the cap");
    clock.advance(secs(60));
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(5)), "without a requested delay the usual duration applies");
}

#[test]
fn only_the_opening_failures_delay_counts_and_only_if_enabled() {
    let config = || counted().open_for(OpenDuration::fixed(secs(5)));
    let (circuit, _clock) = timed(config());
    circuit.try_acquire().unwrap().end(requesting_delay(secs(20)));
    assert_eq!(circuit.retry_in(), Some(secs(5)));

    let config = config().open_for(OpenDuration::fixed(secs(5)).honor_retry_after(secs(60)));
    let circuit = Circuit::new(config.clock(ManualClock::new()).open_when(TripRule::consecutive(2).unwrap()));
    circuit.try_acquire().unwrap().end(requesting_delay(secs(20)));
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(5)));
}

#[test]
fn a_circuit_that_is_open_until_reset_stays_so_for_ten_years() {
    let (circuit, clock) = timed(counted().open_for(OpenDuration::until_reset()));
    open(&circuit);
    clock.advance(secs(10 * 365 * 86_400));
    let rejection = circuit.try_acquire().unwrap_err();
    assert_eq!((rejection.retry_in(), rejection.to_string()), (None, "circuit `breaker` is open".into()));
    circuit.reset();
    assert_eq!(circuit.state(), State::Closed);
    open(&circuit);
    circuit.report_success();
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
    circuit.try_acquire().unwrap().success();
}

#[test]
fn a_reported_success_ends_a_row_and_closes_a_half_open_circuit() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(TripRule::consecutive(3).unwrap()).clock(clock.clone()));
    end_calls(&circuit, Verdict::transient(), 2);
    let under_way = circuit.try_acquire().unwrap();
    circuit.report_success();
    assert_eq!((circuit.stats().failures_in_a_row, circuit.stats().transitions), (0, 0));
    under_way.failure();
    assert_eq!(circuit.stats().failures_in_a_row, 1, "running calls still count");
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let probe = circuit.try_acquire().unwrap();
    circuit.report_success();
    probe.failure();
    assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 0), "no call waits for the probe");
}

#[test]
fn a_reported_success_begins_slow_start_and_a_reset_does_not() {
    let (circuit, clock) = timed(counted().slow_start(secs(100)));
    open(&circuit);
    circuit.report_success();
    circuit.try_acquire().unwrap_err();
    clock.advance(secs(100));
    circuit.try_acquire().unwrap().failure();
    circuit.reset();
    circuit.try_acquire().unwrap().success();
}

// resilience4j#935, #1681: half-open for as long as too few calls arrive.
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

/// Whether the hint is within its bounds; `None` if there is no hint.
fn hint(circuit: &Circuit) -> Option<bool> {
    circuit.try_acquire().unwrap_err().retry_in().map(|hint| (ms(50)..=ms(150)).contains(&hint))
}

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

/// Runs the health probe on a task beside the service, in paused time.
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
    // A loop that never yields panics here instead of hanging.
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

#[test]
fn a_dropped_call_counts_as_configured() {
    let drop_after = |dropped, ran| {
        let (circuit, clock) = timed(counted().on_cancelled(dropped));
        let call = circuit.try_acquire().unwrap();
        clock.advance(ran);
        drop(call);
        (circuit.state(), ended_calls(&circuit))
    };
    let (neutral, failure) = ((State::Closed, [0, 0, 0, 1]), (State::Open, [0, 1, 0, 0]));
    assert_eq!(drop_after(CancelledCalls::Neutral, secs(9)), neutral);
    assert_eq!(drop_after(CancelledCalls::Failure, Duration::ZERO), failure);
    assert_eq!(drop_after(CancelledCalls::FailureAfter(secs(5)), secs(5)), neutral);
    assert_eq!(drop_after(CancelledCalls::FailureAfter(secs(5)), ms(5_001)), failure);
}

#[test]
fn a_dropped_probe_counts_as_configured_a_neutral_one_never() {
    let (circuit, clock) = half_open(counted().on_cancelled(CancelledCalls::FailureAfter(secs(5))));
    drop(circuit.try_acquire().unwrap());
    let slow = circuit.try_acquire().unwrap();
    clock.advance(secs(6));
    slow.neutral();
    assert_eq!(circuit.state(), State::HalfOpen);
    let slow = circuit.try_acquire().unwrap();
    clock.advance(secs(6));
    drop(slow);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 2, 1, 1]));
}

#[test]
fn a_reported_failure_counts_as_a_failed_call() {
    let (clock, events) = (ManualClock::new(), EventLog::default());
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(2).unwrap()).clock(clock.clone());
    let circuit = Circuit::new(config.without_observers().observe(events.observer()));
    circuit.report_failure();
    circuit.report_success();
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Closed);
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Open);
    circuit.report_failure();
    assert_eq!((circuit.stats().total_rejected, events.count("CallRejected")), (0, 0), "nothing was requested");
    clock.advance(secs(30));
    circuit.report_failure();
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
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
fn an_open_duration_ends_however_old_the_circuit_is() {
    for years in [4, 5, 9, 10, 100, 500] {
        let (circuit, clock) = timed(counted());
        clock.advance(secs(years * 365 * 86_400));
        open(&circuit);
        assert_eq!(circuit.retry_in().unwrap().as_secs(), 30, "{years}");
        clock.advance(ms(29_900));
        assert_eq!(circuit.state(), State::Open, "{years}");
        clock.advance(ms(101));
        let _lost = circuit.try_acquire().unwrap();
        circuit.try_acquire().unwrap_err();
        clock.advance(ms(30_001));
        circuit.try_acquire().expect("the probe's lease has ended").success();
        assert_eq!(circuit.state(), State::Closed, "{years}");
    }
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

/// Runs something in a paused runtime whose clock was advanced by 30 days.
fn in_a_paused_runtime<T>(run: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        tokio::time::advance(secs(30 * 86_400)).await;
        run().await
    })
}

#[test]
fn a_clock_set_back_by_30_days_does_not_keep_a_circuit_open() {
    let config = || counted().open_when(first_failure()).open_for(OpenDuration::fixed(ms(20)));
    let made_before = Circuit::new(config());
    in_a_paused_runtime(async || open(&made_before));
    let made_there = in_a_paused_runtime(async || {
        let circuit = Circuit::new(config());
        open(&circuit);
        circuit
    });
    let opened_after = in_a_paused_runtime(async || Circuit::new(config()));
    open(&opened_after);
    for circuit in [made_before, made_there, opened_after] {
        let mut tries = 0;
        while circuit.try_acquire().map(Permit::success).is_err() {
            assert!(tries < 1_000, "open without a limit");
            std::thread::sleep(ms(5));
            tries += 1;
        }
        assert_eq!(circuit.state(), State::Closed);
    }
}

#[test]
fn a_clock_set_back_by_30_days_does_not_stop_a_window_of_time() {
    let window = Window::time(ms(100)).unwrap().minimum(2).unwrap();
    let rule = TripRule::FailureRate { failing: Ratio::HALF, window };
    let circuit = in_a_paused_runtime(async || {
        let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers().open_when(rule));
        end_calls(&circuit, Verdict::Success, 10);
        circuit
    });
    end_calls(&circuit, Verdict::transient(), 1);
    std::thread::sleep(ms(150));
    end_calls(&circuit, Verdict::Success, 1);
    assert!(circuit.stats().window.calls < 3, "{:?}", circuit.stats().window);
    (0..10).for_each(|_| drop(circuit.try_acquire().map(Permit::failure)));
    assert_eq!(circuit.state(), State::Open);
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

#[test]
fn a_circuit_whose_calls_are_all_dropped_opens() {
    let (clock, events) = (ManualClock::new(), EventLog::default());
    let circuit = Circuit::new(
        BreakerConfig::default().fixed().without_observers().observe(events.observer()).clock(clock.clone()),
    );
    (0..4).for_each(|_| drop(circuit.try_acquire().unwrap()));
    clock.advance(secs(30));
    assert_eq!(circuit.state(), State::Closed);
    drop(circuit.try_acquire().unwrap());
    assert_eq!((circuit.state(), circuit.stats().total_dropped), (State::Open, 5));
    assert!(events.last_has(&["CircuitOpened", "failures_in_a_row: 5, calls: 5, failures: 5"]));
}

/// No call has ended yet, because responses take long.
#[test]
fn dropped_calls_do_not_open_a_new_circuit_while_others_run() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    let mut calls: Vec<_> = (0..200).map(|_| circuit.try_acquire().unwrap()).collect();
    calls.drain(..100).for_each(drop);
    clock.advance(secs(20));
    calls.into_iter().for_each(Permit::success);
    assert_eq!(circuit.state(), State::Closed);
}

/// A dropped call overwrote the open duration that another thread had just written, and the circuit
/// stayed open forever.
#[test]
fn dropped_calls_do_not_change_the_open_duration_of_others() {
    let config = counted().open_when(first_failure()).open_for(OpenDuration::fixed(Duration::from_micros(1)));
    let circuit = Circuit::new(config);
    let ends = |thread: usize| {
        for _ in 0..20_000 {
            let _ = circuit.try_acquire().map(Permit::success);
            drop(circuit.try_acquire());
            if thread == 0 {
                let _ = circuit.try_acquire().map(Permit::failure);
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|thread| drop(scope.spawn(move || ends(thread)))));
    let never_ends = circuit.state() == State::Open && circuit.retry_in().is_none();
    std::thread::sleep(ms(2));
    assert!(!(never_ends && circuit.state() == State::Open), "{:?}", circuit.stats());
}

#[test]
fn a_burst_of_dropped_calls_does_not_open_a_healthy_circuit() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    end_calls(&circuit, Verdict::Success, 1);
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    clock.advance(secs(29));
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::Closed);
    end_calls(&circuit, Verdict::Success, 1);
    clock.advance(secs(29));
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::Closed, "one call succeeded");
}

#[test]
fn a_healthy_circuit_opens_when_every_call_is_dropped_for_long() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    end_calls(&circuit, Verdict::Success, 1_000);
    for _ in 0..6 {
        assert_eq!(circuit.state(), State::Closed);
        drop(circuit.try_acquire().unwrap());
        clock.advance(secs(5));
    }
    drop(circuit.try_acquire().unwrap());
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn neutral_answers_among_dropped_calls_keep_it_closed() {
    let (circuit, _clock) = timed(counted());
    for _ in 0..100 {
        drop(circuit.try_acquire().unwrap());
        drop(circuit.try_acquire().unwrap());
        circuit.try_acquire().unwrap().neutral();
    }
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn dropped_calls_are_ignored_if_so_configured() {
    let (circuit, clock) = timed(counted().on_cancelled(CancelledCalls::Neutral));
    for _ in 0..100 {
        drop(circuit.try_acquire().unwrap());
        clock.advance(secs(5));
    }
    assert_eq!(circuit.state(), State::Closed);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen);
}

#[test]
fn probes_that_are_always_dropped_reopen_the_circuit() {
    let (circuit, clock) = half_open(counted());
    (0..2).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen, "two may be a coincidence");
    drop(circuit.try_acquire().unwrap());
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
    clock.advance(HALF_A_MINUTE);
    (0..2).for_each(|_| drop(circuit.try_acquire().unwrap()));
    circuit.try_acquire().unwrap().neutral();
    (0..2).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen, "one call succeeded");
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_that_time_out_outside_the_breaker_open_it() {
    let circuit = Circuit::new(counted());
    let hangs = service_fn(|()| pending::<Result<(), Oops>>());
    let service = ServiceBuilder::new().timeout(secs(1)).layer(BreakerLayer::on(&circuit)).service(hangs);
    for _ in 0..31 {
        assert_eq!(circuit.state(), State::Closed);
        service.clone().oneshot(()).await.unwrap_err();
    }
    assert_eq!(circuit.state(), State::Open);
}
