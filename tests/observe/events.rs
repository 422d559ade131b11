//! The events that the layers send to their observers: each event once, in order, with its fields.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Ratio, RetryConfig, RetryLayer, State, Verdict,
    breaker::{Mode, OpenDuration, TripRule, Window},
    observe::{Event, Observer},
    retry::Backoff,
    time::ManualClock,
};

use crate::circuits::{first_failure, open};
use crate::fixed_numbers::FixedNumbers as _;

/// Records the events that it receives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// The events since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Log {
    fn on_event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{}: {event}", event.name()));
    }
}

#[test]
fn a_circuit_emits_its_events_in_order() {
    let (log, clock) = (Log::default(), ManualClock::new());
    let window = Window::count(4).unwrap();
    let config = BreakerConfig::default()
        .fixed()
        .without_observers()
        .observe(log.clone())
        .name("db")
        .open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
        .open_for(OpenDuration::exponential(Duration::from_secs(10)))
        .clock(clock.clone());
    let circuit = Circuit::new(config);
    for _ in 0..2 {
        circuit.try_acquire().unwrap().success();
        circuit.try_acquire().unwrap().neutral();
        drop(circuit.try_acquire().unwrap());
    }
    assert!(log.take().is_empty(), "all is well");

    let late = circuit.try_acquire().unwrap();
    circuit.try_acquire().unwrap().failure();
    circuit.try_acquire().unwrap().failure();
    circuit.try_acquire().unwrap_err();
    late.failure();
    let failed = "db: CallFailed";
    let opened = "db: CircuitOpened open_for=10s openings_in_a_row=1 failures_in_a_row=2 calls=4 failures=2 slow=0";
    let rejected = "db: CallRejected retry_in=10s";
    assert_eq!(log.take(), [failed, failed, opened, rejected, failed]);

    clock.advance(Duration::from_secs(10));
    circuit.try_acquire().unwrap().failure();
    let half_opened = "db: CircuitHalfOpened";
    let reopened = "db: CircuitOpened open_for=20s openings_in_a_row=2 failures_in_a_row=0 calls=1 failures=1 slow=0";
    assert_eq!(log.take(), [half_opened, failed, reopened]);

    clock.advance(Duration::from_secs(20));
    assert_eq!((circuit.state(), circuit.state()), (State::HalfOpen, State::HalfOpen));
    circuit.try_acquire().unwrap().success();
    let closed = "db: CircuitClosed";
    assert_eq!(log.take(), [half_opened, closed]);

    circuit.reset();
    assert!(log.take().is_empty(), "nothing changed");
    open(&circuit);
    log.take();
    circuit.reset();
    assert_eq!(log.take(), [closed]);
}

#[test]
fn the_event_has_the_jittered_wait() {
    let (log, clock) = (Log::default(), ManualClock::new());
    let open_for = OpenDuration::fixed(Duration::from_secs(30)).jitter(Ratio::HALF);
    let config = BreakerConfig::default().fixed().open_when(first_failure()).open_for(open_for).clock(clock);
    let circuit = Circuit::new(config.without_observers().observe(log.clone()));
    open(&circuit);
    let events = log.take().pop().unwrap();
    let micros = Duration::from_micros(circuit.retry_in().unwrap().as_micros() as u64);
    let digits = format!("{micros:?}");
    assert!(events.contains(digits.trim_end_matches('s')), "{events} and {digits}");
}

#[tokio::test(start_paused = true)]
async fn each_rejection_is_one_event() {
    let log = Log::default();
    let layer = BreakerLayer::new(BreakerConfig::default().fixed().without_observers().observe(log.clone()));
    open(layer.circuit());
    log.take();
    let mut service = layer.layer(service_fn(|()| async { Ok::<_, String>(()) }));
    for _ in 0..2 {
        service.ready().await.unwrap();
        service.ready().await.unwrap();
        service.call(()).await.unwrap_err();
        assert_eq!(log.take().len(), 1);
    }
    service.ready().await.unwrap();
    drop(service.call(()));
    assert_eq!((log.take().len(), layer.circuit().stats().total_rejected), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_stack_emits_its_events_in_order() {
    let log = Log::default();
    let retry = RetryConfig::default().idempotent().retries(1).backoff(Backoff::fixed(Duration::from_secs(1)));
    let breaker = BreakerConfig::default().fixed().open_when(TripRule::consecutive(2).unwrap());
    let stack = ServiceBuilder::new()
        .layer(FallbackLayer::value(()).without_observers().observe(log.clone()))
        .layer(RetryLayer::new(retry.without_observers().observe(log.clone())))
        .layer(BreakerLayer::new(breaker.without_observers().observe(log.clone())))
        .service(service_fn(|()| async { Err::<(), _>("down".to_owned()) }));
    stack.clone().oneshot(()).await.unwrap();
    assert_eq!(
        log.take(),
        [
            r#"breaker: CallFailed failure=transient error="down""#,
            r#"retry: RetryScheduled attempt=1 delay=1s failure=transient error="down""#,
            r#"breaker: CallFailed failure=transient error="down""#,
            r#"breaker: CircuitOpened open_for=30s openings_in_a_row=1 failures_in_a_row=2 calls=2 failures=2 slow=0 failure=transient error="down""#,
            r#"retry: RetryStopped attempt=2 cause=attempts_exhausted failure=transient error="down""#,
            r#"fallback: FallbackCalled cause=attempts_exhausted failure=transient error="down""#,
            "fallback: FallbackSucceeded cause=attempts_exhausted",
        ]
    );
    stack.oneshot(()).await.unwrap();
    assert_eq!(
        log.take(),
        [
            "breaker: CallRejected retry_in=30s",
            "retry: RetryStopped attempt=1 cause=rejected failure=rejected error=\"circuit `breaker` is open; retry in 30.0 s\"",
            r#"fallback: FallbackCalled cause=rejected failure=rejected error="circuit `breaker` is open; retry in 30.0 s""#,
            "fallback: FallbackSucceeded cause=rejected",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_successful_retry_and_a_failed_fallback_are_events() {
    let log = Log::default();
    let mut fails_once = true;
    let config = RetryConfig::default().idempotent().backoff(Backoff::fixed(Duration::from_secs(1)));
    let mut service = RetryLayer::new(config.without_observers().observe(log.clone())).layer(service_fn(move |()| {
        let result = if std::mem::take(&mut fails_once) { Err("down".to_owned()) } else { Ok(()) };
        async { result }
    }));
    // One `ready` and one `call`, so that the same instance makes all attempts.
    service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(log.take().last().unwrap(), "retry: RetrySucceeded attempt=2");

    let backup = service_fn(|()| async { Err::<(), _>("too".to_owned()) });
    let fallback = FallbackLayer::new(backup).name("cache").without_observers().observe(log.clone());
    let service = fallback.layer(service_fn(|()| async { Err::<(), _>("down".to_owned()) }));
    service.oneshot(()).await.unwrap_err();
    let events = [
        r#"cache: FallbackCalled cause=failure failure=transient error="down""#,
        r#"cache: FallbackFailed cause=failure failure=transient error="too""#,
    ];
    assert_eq!(log.take(), events);
}

/// An observer is notified when a server refuses a request, even if the retry hides it.
#[tokio::test(start_paused = true)]
async fn a_transparent_retry_is_an_event_and_not_a_retry() {
    let log = Log::default();
    let config = RetryConfig::default().idempotent().retries(1).backoff(Backoff::fixed(Duration::from_secs(1)));
    let config = config.without_observers().observe(log.clone()).classify_errors(|error: &&str| match *error {
        "refused" => Verdict::unprocessed(),
        _ => Verdict::transient(),
    });
    let layer = RetryLayer::new(config);
    let outcomes = |outcomes: &'static [Result<(), &'static str>]| {
        let mut outcomes = outcomes.iter();
        layer.layer(service_fn(move |()| std::future::ready(*outcomes.next().unwrap())))
    };
    let resent =
        |attempt: u32| format!(r#"retry: TransparentRetry attempt={attempt} failure=transient error="refused""#);
    let scheduled =
        |error: &str| format!(r#"retry: RetryScheduled attempt=1 delay=1s failure=transient error="{error}""#);
    let succeeded = "retry: RetrySucceeded attempt=2";

    outcomes(&[Err("refused"), Ok(())]).ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(log.take(), [resent(1)]);
    outcomes(&[Err("down"), Err("refused"), Ok(())]).ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(log.take(), [&*scheduled("down"), &resent(2), succeeded]);
    // A second refusal of the same request counts as a failure.
    outcomes(&[Err("refused"), Err("refused"), Ok(())]).ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(log.take(), [&*resent(1), &scheduled("refused"), succeeded]);
}

#[test]
fn observers_run_in_order_and_can_all_be_removed() {
    let (first, second) = (Log::default(), Log::default());
    let shared = Arc::clone(&first.0);
    let after = move |_: &Event<'_>| assert_eq!(shared.lock().unwrap().len(), 1, "the first call was reported before");
    let config = BreakerConfig::default()
        .fixed()
        .without_observers()
        .observe(first.clone())
        .observe(after)
        .observe(second.clone());
    Circuit::new(config.clone()).try_acquire().unwrap().failure();
    assert_eq!((first.take().len(), second.take().len()), (1, 1));
    open(&Circuit::new(config.without_observers()));
    assert_eq!((first.take().len(), second.take().len()), (0, 0));
}

/// The counts in the last event of this kind: failures in a row, calls, failures, slow calls.
fn figures(log: &Log, kind: &str) -> String {
    let event = log.take().pop().unwrap();
    assert!(event.contains(kind), "{event}");
    event[event.find("failures_in_a_row").unwrap()..].to_owned()
}

#[test]
fn six_failures_in_a_row_are_reported_as_six_failures() {
    let six = || BreakerConfig::default().fixed().without_observers().open_when(TripRule::consecutive(6).unwrap());
    let window = Window::count(100).unwrap();
    let slow = TripRule::SlowCallRate { longer_than: Duration::from_secs(1), share: Ratio::HALF, window };
    let failing = TripRule::FailureRate { failing: Ratio::HALF, window };
    for (config, figures_then) in [
        (six(), "failures_in_a_row=6 calls=6 failures=6 slow=0 failure=transient"),
        (six().or_when(slow), "failures_in_a_row=6 calls=8 failures=6 slow=0 failure=transient"),
        (six().or_when(failing), "failures_in_a_row=6 calls=8 failures=6 slow=0 failure=transient"),
    ] {
        for (mode, kind) in [(Mode::Auto, "CircuitOpened"), (Mode::MetricsOnly, "CircuitWouldOpen")] {
            let log = Log::default();
            let circuit = Circuit::new(config.clone().observe(log.clone()).clock(ManualClock::new()));
            circuit.set_mode(mode);
            crate::circuits::end_calls(&circuit, Verdict::Success, 2);
            crate::circuits::end_calls(&circuit, Verdict::transient(), 6);
            assert_eq!(figures(&log, kind), figures_then);
        }
    }
}

#[test]
fn a_circuit_opened_by_hand_reports_no_failures() {
    let log = Log::default();
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers().observe(log.clone()));
    circuit.force_open();
    let opened = log.take().into_iter().find(|event| event.contains("CircuitOpened")).unwrap();
    assert!(opened.ends_with("failures_in_a_row=0 calls=0 failures=0 slow=0"), "{opened}");
}

#[test]
fn layers_can_share_an_observer_in_an_arc() {
    let log = Arc::new(Log::default());
    let circuit = Circuit::new(BreakerConfig::default().without_observers().name("db").observe(log.clone()));
    circuit.try_acquire().unwrap().failure();
    assert_eq!(log.take(), ["db: CallFailed"]);

    let observer: Arc<dyn Observer> = log.clone();
    let circuit = Circuit::new(BreakerConfig::default().without_observers().name("cache").observe(observer));
    circuit.try_acquire().unwrap().failure();
    assert_eq!(log.take(), ["cache: CallFailed"]);
}

#[test]
fn an_open_time_that_is_over_is_shown_as_such() {
    let name = "db".into();
    let opened = |open_for| Event::CircuitOpened {
        name: &name,
        open_for,
        openings_in_a_row: 2,
        failures_in_a_row: 0,
        calls: 1,
        failures: 1,
        slow: 0,
        failure: None,
        failing_for: None,
    };
    let shown = |open_for| opened(open_for).to_string();
    assert!(shown(Duration::ZERO).starts_with("CircuitOpened open_for=until_next_call openings_in_a_row=2"));
    assert!(shown(Duration::MAX).starts_with("CircuitOpened open_for=until_reset openings_in_a_row=2"));
}
