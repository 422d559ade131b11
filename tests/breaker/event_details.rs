//! The details that the events of a circuit contain: the failure, its duration, and how long calls
//! have been failing.

use std::{
    fmt,
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FailureInfo, FailureKind, Ratio, RetryConfig, RetryLayer, State, Verdict,
    breaker::{CancelledCalls, Mode, Probes, TripRule, Window},
    observe::{ErrorText, Event},
    retry::Timeouts,
    testing::EventRecorder,
    time::ManualClock,
};

use crate::circuits::{first_failure, plain};
use crate::scripted::secs;

/// A circuit that opens at the first failure for 30 s, its clock, and its events.
fn recorded(config: BreakerConfig) -> (Circuit, ManualClock, EventRecorder) {
    let (clock, events) = (ManualClock::new(), EventRecorder::new());
    let config = config.open_when(first_failure()).clock(clock.clone()).without_observers().observe(events.clone());
    (Circuit::new(config), clock, events)
}

fn refused() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionRefused)
}

fn failing_for(event: Event<'_>) -> Option<Duration> {
    match event {
        Event::CircuitOpened { failing_for, .. }
        | Event::CircuitHalfOpened { failing_for, .. }
        | Event::CircuitClosed { failing_for, .. }
        | Event::CallRejected { failing_for, .. } => failing_for,
        other => panic!("{other}"),
    }
}

const REFUSED: &str = r#"CallFailed failure=transient error="connection refused""#;
const OPENED_BY_REFUSED: &str = "CircuitOpened open_for=30s openings_in_a_row=1 failures_in_a_row=1 calls=1 \
                                 failures=1 slow=0 failure=transient error=\"connection refused\"";

#[tokio::test]
async fn events_contain_the_error_of_the_failed_call() {
    let (circuit, _, events) = recorded(plain());
    let server = service_fn(|()| async { Err::<(), _>(refused()) });
    BreakerLayer::on(&circuit).layer(server).oneshot(()).await.unwrap_err();
    assert_eq!(events.take(), [REFUSED, OPENED_BY_REFUSED]);

    circuit.reset();
    events.take();
    circuit.call(async || Err::<(), _>(refused())).await.unwrap_err();
    assert_eq!(events.take(), [REFUSED, OPENED_BY_REFUSED]);

    circuit.reset();
    events.take();
    circuit.call_blocking(|| Err::<(), _>(refused())).unwrap_err();
    assert_eq!(events.take(), [REFUSED, OPENED_BY_REFUSED]);

    circuit.reset();
    events.take();
    circuit.probe(async || Err::<(), _>(refused())).await.unwrap_err();
    assert_eq!(events.take(), [REFUSED, OPENED_BY_REFUSED]);
}

#[tokio::test]
async fn a_failed_readiness_is_described_like_a_failed_call() {
    let (circuit, _, events) = recorded(plain());
    let unready = crate::circuits::with_readiness(|| Err("no connection"));
    BreakerLayer::on(&circuit).layer(unready).oneshot(()).await.unwrap_err();
    assert_eq!(events.lines()[0], r#"CallFailed failure=transient error="no connection""#);
}

#[tokio::test]
async fn a_failed_response_has_the_kind_of_its_verdict() {
    let (circuit, _, events) = recorded(plain());
    let circuit =
        circuit.classified_by(tower_recourse::classify::outcomes(|_: Result<&u16, &io::Error>| Verdict::timed_out()));
    circuit.call(async || Ok::<_, io::Error>(504_u16)).await.unwrap();
    assert_eq!(events.lines()[0], "CallFailed failure=timed_out");
}

#[test]
fn a_would_be_opening_contains_the_failure() {
    let (circuit, _, events) = recorded(plain());
    circuit.set_mode(Mode::MetricsOnly);
    events.take();
    circuit.call_blocking(|| Err::<(), _>(refused())).unwrap_err();
    let would_open = "CircuitWouldOpen failures_in_a_row=1 calls=1 failures=1 slow=0 failure=transient";
    assert_eq!(events.take(), [REFUSED, &format!(r#"{would_open} error="connection refused""#)]);
}

#[test]
fn a_failure_by_hand_has_the_details_that_are_given() {
    let (circuit, _, events) = recorded(plain());
    let failed = |end: &dyn Fn()| {
        circuit.reset();
        events.take();
        end();
        events.take().remove(0)
    };
    let permit = || circuit.try_acquire().unwrap();
    let details = FailureInfo::new(FailureKind::TimedOut).with_error(Some(ErrorText::text("lag")));
    let detailed = r#"CallFailed failure=timed_out error="lag""#;
    assert_eq!(failed(&|| permit().failure()), "CallFailed");
    assert_eq!(failed(&|| circuit.report_failure()), "CallFailed");
    assert_eq!(failed(&|| permit().end(Verdict::timed_out())), "CallFailed failure=timed_out");
    assert_eq!(failed(&|| permit().failure_with(details)), detailed);
    assert_eq!(failed(&|| circuit.report_failure_with(details)), detailed);

    circuit.reset();
    circuit.report_failure_with(FailureInfo::new(FailureKind::Permanent));
    assert_eq!(circuit.state(), State::Closed, "the kind determines how it counts");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_described_by_its_reason() {
    let (circuit, _, events) = recorded(plain().on_cancelled(CancelledCalls::Failure));
    drop(circuit.try_acquire().unwrap());
    assert_eq!(events.take()[0], r#"CallFailed failure=transient error="the caller dropped the call""#);

    circuit.reset();
    events.take();
    let panics = || circuit.call_blocking(|| -> Result<(), io::Error> { panic!("a bug") });
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!(events.take()[0], r#"CallFailed failure=transient error="the call panicked""#);

    circuit.reset();
    events.take();
    let retry = RetryLayer::new(RetryConfig::default().retries(0).timeouts(Timeouts::attempt(secs(1))));
    let hangs = service_fn(|()| pending::<Result<(), io::Error>>());
    let service = ServiceBuilder::new().layer(retry).layer(BreakerLayer::on(&circuit).keep_error()).service(hangs);
    service.oneshot(()).await.unwrap_err();
    assert_eq!(events.take()[0], r#"CallFailed failure=timed_out error="the attempt timed out""#);
}

#[test]
fn an_opening_by_dropped_calls_is_described() {
    let (clock, events) = (ManualClock::new(), EventRecorder::new());
    let circuit = Circuit::new(plain().clock(clock.clone()).without_observers().observe(events.clone()));
    (0..4).for_each(|_| drop(circuit.try_acquire().unwrap()));
    clock.advance(secs(30));
    drop(circuit.try_acquire().unwrap());
    assert!(events.take()[0].ends_with(r#"failure=transient error="the caller dropped the call""#));
}

#[test]
fn an_opening_by_a_slow_success_has_no_failure() {
    let (clock, events) = (ManualClock::new(), EventRecorder::new());
    let window = Window::count(1).unwrap().minimum(1).unwrap();
    let rule = TripRule::SlowCallRate { longer_than: secs(1), share: Ratio::HALF, window };
    let circuit = Circuit::new(plain().open_when(rule).clock(clock.clone()).observe(events.clone()));
    let call = circuit.try_acquire().unwrap();
    clock.advance(secs(2));
    call.success();
    assert_eq!(
        events.take(),
        ["CircuitOpened open_for=30s openings_in_a_row=1 failures_in_a_row=0 calls=1 failures=0 slow=1"]
    );
}

#[test]
fn a_duration_is_reported_if_calls_are_timed() {
    let duration = |config: BreakerConfig| {
        let (circuit, clock, events) = recorded(config);
        let fail = || {
            clock.advance(secs(3));
            Err::<(), _>(refused())
        };
        circuit.call_blocking(fail).unwrap_err();
        match events.events()[0].event() {
            Event::CallFailed { failure: Some(failure), .. } => failure.duration,
            other => panic!("{other}"),
        }
    };
    assert_eq!(duration(plain()), None);
    assert_eq!(duration(plain().time_calls()), Some(secs(3)));
    assert_eq!(duration(plain().on_cancelled(CancelledCalls::FailureAfter(secs(9)))), Some(secs(3)));
}

#[test]
fn events_report_how_long_calls_have_been_failing() {
    let (circuit, clock, events) = recorded(plain());
    circuit.report_failure();
    clock.advance(secs(10));
    circuit.try_acquire().unwrap_err();
    assert_eq!(circuit.stats().failing_for, Some(secs(10)));
    clock.advance(secs(20));
    circuit.try_acquire().unwrap().failure();
    clock.advance(secs(40));
    circuit.try_acquire().unwrap().success();
    let of_failing: Vec<_> = events
        .events()
        .iter()
        .filter(|recorded| !matches!(recorded.event(), Event::CallFailed { .. }))
        .map(|recorded| (recorded.event().label(), failing_for(recorded.event()).unwrap().as_secs()))
        .collect();
    assert_eq!(
        of_failing,
        [
            ("CircuitOpened", 0),
            ("CallRejected", 10),
            ("CircuitHalfOpened", 30),
            ("CircuitOpened", 30),
            ("CircuitHalfOpened", 70),
            ("CircuitClosed", 70),
        ]
    );
    assert_eq!(circuit.stats().failing_for, None);
}

#[test]
fn an_opening_reports_the_duration_of_its_row() {
    let (clock, events) = (ManualClock::new(), EventRecorder::new());
    let rule = TripRule::consecutive(2).unwrap().lasting(secs(1)).unwrap();
    let circuit = Circuit::new(plain().open_when(rule).clock(clock.clone()).observe(events.clone()));
    circuit.report_failure();
    clock.advance(secs(5));
    circuit.report_failure();
    assert_eq!(failing_for(events.events().last().unwrap().event()), Some(secs(5)));
    circuit.reset();
    assert_eq!(failing_for(events.events().last().unwrap().event()), Some(secs(5)), "a reset closes it");
}

#[test]
fn a_mode_has_no_failing_time() {
    let (circuit, clock, events) = recorded(plain());
    circuit.report_failure();
    clock.advance(secs(30));
    circuit.try_acquire().unwrap().success();
    events.take();
    circuit.force_open();
    circuit.try_acquire().unwrap_err();
    circuit.set_mode(Mode::Auto);
    for recorded in events.events() {
        match recorded.event() {
            Event::CircuitModeChanged { .. } => {}
            event => assert_eq!(failing_for(event), None, "{event}"),
        }
    }
    assert_eq!(events.count("CircuitOpened") + events.count("CallRejected") + events.count("CircuitClosed"), 3);
    assert_eq!(circuit.stats().failing_for, None);
}

#[test]
fn a_restored_circuit_continues_its_failing_time() {
    let (circuit, clock, events) = recorded(plain());
    circuit.report_failure();
    clock.advance(secs(10));
    let snapshot = circuit.snapshot();
    circuit.reset();
    circuit.restore(&snapshot, secs(5));
    assert_eq!(failing_for(events.events().last().unwrap().event()), Some(secs(15)));
}

#[tokio::test(start_paused = true)]
async fn an_expired_health_probe_is_described() {
    let events = EventRecorder::new();
    let probes = Probes::one().external_only().lease(secs(5)).unwrap();
    let circuit = Circuit::new(plain().open_when(first_failure()).probes(probes).observe(events.clone()));
    circuit.report_failure();
    events.take();
    let probing = circuit.clone();
    let task = tokio::spawn(async move { probing.run_health_probe(pending::<Result<(), io::Error>>).await });
    events.wait_for("CallFailed").await;
    task.abort();
    let text = r#"CallFailed failure=timed_out error="the lease of the probe is over""#;
    assert_eq!(events.lines().iter().find(|line| line.starts_with("CallFailed")).unwrap(), text);
}

#[derive(Debug)]
struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a bug in Display")
    }
}

impl std::error::Error for Unprintable {}

#[test]
fn a_panic_while_an_error_is_shown_costs_only_its_call() {
    type Boxed = Box<dyn std::error::Error + Send + Sync>;
    let show = |event: &Event<'_>| drop(event.to_string());
    let circuit = Circuit::new(plain().open_when(first_failure()).without_observers().observe(show));
    let fail = || circuit.call_blocking(|| Err::<(), Boxed>(Box::new(Unprintable))).map_err(drop);
    catch_unwind(AssertUnwindSafe(fail)).unwrap_err();
    assert_eq!((circuit.state(), circuit.stats().total_failures), (State::Open, 1));

    let unobserved = Circuit::new(plain().without_observers());
    unobserved.call_blocking(|| Err::<(), Boxed>(Box::new(Unprintable))).map_err(drop).unwrap_err();
    assert_eq!(unobserved.stats().total_failures, 1, "the error isn't shown without observers");
}

#[test]
fn each_thread_reports_its_own_failure() {
    const CALLS: usize = 200;
    let events = EventRecorder::new();
    let circuit = Circuit::new(plain().open_when(TripRule::Never).without_observers().observe(events.clone()));
    thread::scope(|scope| {
        for thread in 0..4 {
            let circuit = &circuit;
            scope.spawn(move || {
                for _ in 0..CALLS {
                    let error = io::Error::other(format!("of thread {thread}"));
                    circuit.call_blocking(|| Err::<(), _>(error)).unwrap_err();
                }
            });
        }
    });
    for thread in 0..4 {
        let line = format!(r#"CallFailed failure=transient error="of thread {thread}""#);
        assert_eq!(events.lines().iter().filter(|&recorded| *recorded == line).count(), CALLS);
    }
}
