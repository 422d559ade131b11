//! The levels of the log: set per kind of line and per cause, for one layer or for a registry.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tower::{Layer, service_fn};
use tower_recourse::{
    BreakerConfig, Cause, Circuit, FallbackLayer, Name, Registry, RetryConfig, RetryLayer, Verdict,
    breaker::OpenDuration,
    observe::{Event, LogEvent, Observer, StopCause, TracingObserver},
    retry::Backoff,
    time::ManualClock,
};
use tracing::Level;

use crate::{
    circuits::{first_failure, open},
    fixed_numbers::FixedNumbers as _,
    written::{lines_of, listen, taken},
};

fn stopped(name: &Name, cause: Cause) -> Event<'_> {
    Event::RetryStopped { name, attempt: 2, max_attempts: None, cause, failure: None, elapsed: None, quota: None }
}

/// The levels of the lines.
fn levels(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split_once(' ').unwrap().0).collect()
}

fn breaker() -> BreakerConfig {
    BreakerConfig::default().fixed().name("db").open_when(first_failure())
}

/// A retry whose requests fail twice.
fn retry() -> RetryConfig {
    RetryConfig::default().name("db").idempotent().retries(1).backoff(Backoff::fixed(Duration::from_secs(1)))
}

async fn call_failing(config: RetryConfig) -> Vec<String> {
    listen();
    taken();
    let service = RetryLayer::new(config).layer(service_fn(|()| async { Err::<(), _>("down".to_owned()) }));
    service.oneshot(()).await.unwrap_err();
    taken()
}

#[test]
fn a_level_applies_to_its_line_alone() {
    const LOG: TracingObserver = TracingObserver::new().level(LogEvent::CircuitOpened, Level::TRACE);
    let lines = lines_of(|| {
        let circuit = Circuit::new(breaker().observe(LOG));
        open(&circuit);
        circuit.reset();
    });
    assert_eq!(levels(&lines), ["DEBUG", "TRACE", "INFO"], "failed, opened, closed: {lines:?}");
}

#[test]
fn every_line_can_have_every_level_and_be_off() {
    let name = "db".into();
    let event = Event::CircuitClosed { name: &name, failing_for: None };
    let all = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    for level in all {
        let log = TracingObserver::new().level(LogEvent::CircuitClosed, level);
        assert_eq!(levels(&lines_of(|| log.on_event(&event))), [level.as_str()]);
    }
    assert!(lines_of(|| TracingObserver::new().off(LogEvent::CircuitClosed).on_event(&event)).is_empty());
}

#[test]
fn stops_have_levels_by_cause() {
    let name = "db".into();
    let (permanent, budget) = (stopped(&name, Cause::Permanent), stopped(&name, Cause::Budget));
    let log = |log: TracingObserver| {
        let lines = lines_of(|| [permanent, budget].iter().for_each(|event| log.on_event(event)));
        levels(&lines).join(" ")
    };
    assert_eq!(log(TracingObserver::default()), "DEBUG WARN");
    assert_eq!(log(TracingObserver::new().stop_level(StopCause::Permanent, Level::ERROR)), "ERROR WARN");
    assert_eq!(log(TracingObserver::new().stop_off(StopCause::Permanent)), "WARN");
    let all = TracingObserver::new().level(LogEvent::RetryStopped, Level::INFO);
    assert_eq!(log(all), "INFO INFO");
    assert_eq!(log(all.stop_level(StopCause::Budget, Level::ERROR)), "INFO ERROR");
    assert_eq!(log(TracingObserver::new().off(LogEvent::RetryStopped)), "");
}

#[test]
fn a_custom_log_replaces_the_default_one() {
    let warn = TracingObserver::new().level(LogEvent::CircuitOpened, Level::WARN);
    let shared: Arc<dyn Observer> = Arc::new(warn);
    for config in [
        breaker().observe(warn),
        breaker().observe(Arc::new(warn)),
        breaker().observe(shared),
        breaker().observe(TracingObserver::new()).observe(|_: &Event<'_>| ()).observe(warn),
        breaker().without_observers().observe(warn),
        breaker().observe(|_: &Event<'_>| ()).without_observers().observe(|_: &Event<'_>| ()).observe(warn),
    ] {
        let lines = lines_of(|| open(&Circuit::new(config.clone())));
        assert_eq!(levels(&lines), ["DEBUG", "WARN"], "each event once: {lines:?}");
        assert!(lines_of(|| open(&Circuit::new(config.without_observers()))).is_empty());
    }
}

#[test]
fn a_custom_log_keeps_the_other_observers() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let count = move |_: &Event<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let config = breaker().observe(count).observe(TracingObserver::new()).observe(TracingObserver::new());
    assert_eq!(lines_of(|| open(&Circuit::new(config))).len(), 2);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_registry_sets_the_levels_of_all_its_layers() {
    let registry = Registry::new();
    let circuit = Circuit::new(breaker().register(&registry));
    let retry = retry().register(&registry);
    let backup = service_fn(|()| async { Err::<(), _>("too".to_owned()) });
    let fallback = FallbackLayer::new(backup).register(&registry);
    let fail = async || {
        listen();
        taken();
        open(&circuit);
        circuit.reset();
        let mut lines = taken();
        lines.extend(call_failing(retry.clone()).await);
        let service = fallback.layer(service_fn(|()| async { Err::<(), _>("down".to_owned()) }));
        service.oneshot(()).await.unwrap_err();
        lines.extend(taken());
        levels(&lines).join(" ")
    };
    assert_eq!(fail().await, "DEBUG ERROR INFO WARN WARN INFO WARN", "the registry has no log: the defaults");

    // Layers that were registered before use it, too.
    let log = TracingObserver::new()
        .level(LogEvent::CircuitOpened, Level::WARN)
        .off(LogEvent::RetryScheduled)
        .level(LogEvent::FallbackFailed, Level::ERROR);
    registry.observe(log);
    assert_eq!(fail().await, "DEBUG WARN INFO WARN INFO ERROR");
    registry.observe(log.level(LogEvent::CircuitOpened, Level::TRACE));
    assert_eq!(fail().await, "DEBUG TRACE INFO WARN INFO ERROR", "the last one counts");
}

#[test]
fn the_log_of_a_layer_precedes_that_of_its_registry() {
    let registry = Registry::new();
    registry.observe(TracingObserver::new().level(LogEvent::CircuitOpened, Level::TRACE));
    let own = TracingObserver::new().level(LogEvent::CircuitOpened, Level::WARN);
    let opening = |config: BreakerConfig| {
        let lines = lines_of(|| open(&Circuit::new(config)));
        levels(&lines).join(" ")
    };
    assert_eq!(opening(breaker().register(&registry)), "DEBUG TRACE");
    assert_eq!(opening(breaker().observe(own).register(&registry)), "DEBUG WARN");
    assert_eq!(opening(breaker().register(&registry).observe(own)), "DEBUG WARN");
    // The layer has no log: the registry's is one of the registry's observers.
    assert_eq!(opening(breaker().without_observers().register(&registry)), "DEBUG TRACE");
    assert_eq!(opening(breaker().register(&registry).without_observers()), "");

    let without_log = Registry::new();
    assert_eq!(opening(breaker().without_observers().register(&without_log)), "");
    assert_eq!(opening(breaker().register(&registry).register(&without_log)), "DEBUG TRACE");
    assert_eq!(opening(breaker().register(&without_log)), "DEBUG ERROR");
    assert_eq!(opening(breaker().without_observers().register(&without_log).register(&registry)), "DEBUG TRACE");
}

#[test]
fn a_disabled_line_formats_nothing() {
    struct Counts(AtomicU32);
    impl fmt::Display for Counts {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fetch_add(1, Ordering::Relaxed);
            f.write_str("down")
        }
    }
    use tower_recourse::{
        FailureKind,
        observe::{ErrorText, FailureInfo},
    };

    let name = "db".into();
    let counts = Counts(AtomicU32::new(0));
    let failure = FailureInfo::new(FailureKind::Transient).with_error(Some(ErrorText::display(&counts)));
    let event = Event::CallFailed { name: &name, failure: Some(failure) };
    let formatted = || counts.0.swap(0, Ordering::Relaxed);
    listen();
    let at_most = |level| tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::sink).finish();
    tracing::subscriber::with_default(at_most(Level::INFO), || TracingObserver::new().on_event(&event));
    assert_eq!(formatted(), 0, "the subscriber wants no DEBUG");
    tracing::subscriber::with_default(at_most(Level::DEBUG), || {
        TracingObserver::new().off(LogEvent::CallFailed).on_event(&event);
        assert_eq!(formatted(), 0, "the line is off");
        TracingObserver::new().on_event(&event);
    });
    assert_eq!(formatted(), 1);
}

#[test]
fn reopenings_are_logged_at_debug() {
    let clock = ManualClock::new();
    let open_for = OpenDuration::fixed(Duration::from_secs(1));
    let circuit = Circuit::new(breaker().open_for(open_for).clock(clock.clone()));
    let lines = lines_of(|| {
        for _ in 0..3 {
            circuit.try_acquire().unwrap().failure();
            clock.advance(Duration::from_secs(1));
        }
        circuit.try_acquire().unwrap().success();
        circuit.try_acquire().unwrap().failure();
    });
    let openings: Vec<_> = lines.into_iter().filter(|line| line.contains("circuit opened")).collect();
    assert_eq!(levels(&openings), ["ERROR", "DEBUG", "DEBUG", "ERROR"]);
    assert!(openings[2].contains(" failing_for=2s"), "{openings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_only_attempt_fails_is_logged_at_debug() {
    assert_eq!(levels(&call_failing(retry().retries(0)).await), ["DEBUG"]);
    assert_eq!(levels(&call_failing(retry()).await), ["WARN", "WARN"]);
    let permanent = RetryLayer::new(retry().classify_errors(|_: &String| Verdict::permanent()));
    permanent.layer(service_fn(|()| async { Err::<(), _>("down".to_owned()) })).oneshot(()).await.unwrap_err();
    let lines = taken();
    assert_eq!(levels(&lines), ["DEBUG"], "{lines:?}");
}
