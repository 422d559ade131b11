//! How long a circuit stays open: computed durations, requested delays, jitter, and clocks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{OpenContext, OpenDuration, Permit, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, first_failure, open, timed};
use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{EventLog, ms, secs};

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

// A response may set the open duration, as resilience4j#1387 requests. The setting has a maximum,
// because servers may request a year (go-retryablehttp#247).
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

/// Calls `run` in a paused runtime whose clock was advanced by 30 days.
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

#[test]
fn validate_rejects_open_times_of_zero_and_contradictions() {
    let rejected = |open_for: OpenDuration| {
        let config = BreakerConfig::default().open_for(open_for).validate();
        config.map(drop).map_err(|invalid| (invalid.field().to_owned(), invalid.value().to_owned()))
    };
    let (zero, ms, second) = (Duration::ZERO, Duration::from_millis(1), Duration::from_secs(1));
    let share = OpenDuration::share_of_failing_time(Ratio::HALF);
    for (open_for, field, value) in [
        (OpenDuration::fixed(zero), "open_for", "0ns"),
        (OpenDuration::exponential(zero), "open_for", "0ns"),
        (OpenDuration::linear(zero), "open_for", "0ns"),
        (OpenDuration::fixed(second).max(zero), "open_for.max", "0ns"),
        (OpenDuration::until_reset().max(zero), "open_for.max", "0ns"),
        (OpenDuration::from_fn(|_| Duration::ZERO).max(zero), "open_for.max", "0ns"),
        (OpenDuration::exponential(second).max(ms), "open_for.max", "1ms"),
        (share.clone().min(zero).unwrap(), "open_for.min", "0ns"),
        (share.clone().min(second).unwrap().max(ms), "open_for.max", "1ms"),
        (share.clone().honor_retry_after(zero), "open_for.honor_retry_after", "0ns"),
    ] {
        let shown = format!("{open_for:?}");
        assert_eq!(rejected(open_for), Err((field.to_owned(), value.to_owned())), "{shown}");
    }
    for open_for in [
        OpenDuration::fixed(second),
        OpenDuration::until_reset(),
        OpenDuration::until_reset().max(second),
        OpenDuration::from_fn(|_| Duration::ZERO),
        share.max(second),
    ] {
        assert_eq!(rejected(open_for), Ok(()));
    }
    let (share, window) = (Ratio::HALF, Window::count(10).unwrap());
    let slow = |longer_than| TripRule::SlowCallRate { longer_than, share, window };
    assert!(BreakerConfig::default().open_when(slow(second)).validate().is_ok());
    let invalid = BreakerConfig::default().open_when(slow(zero)).validate().unwrap_err();
    assert_eq!(invalid.to_string(), "`slow_call_rate.longer_than` is 0ns, but must be above 0");
}

#[test]
fn an_open_time_of_zero_is_half_open_at_once() {
    let rule = TripRule::consecutive(1).unwrap();
    let circuit = Circuit::new(BreakerConfig::default().open_when(rule).open_for(OpenDuration::fixed(Duration::ZERO)));
    circuit.try_acquire().unwrap().failure();
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}
