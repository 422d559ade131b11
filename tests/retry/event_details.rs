//! The details that the events of a retry contain: the failure and the limit of
//! attempts.

use std::{error::Error, fmt, io};

use tower::{BoxError, Layer, service_fn};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerError, Cause, Circuit, Elapsed, FallbackLayer, Outcome, RetryConfig, RetryLayer,
    Verdict,
    breaker::TripRule,
    classify::{self, Displayed, ErrorClassifier},
    observe::Event,
    retry::{Backoff, Decision, DecisionReason, Policy, RejectionWait, TimeLimits, Timeouts},
    testing::EventRecorder,
};

use crate::scripted::*;

/// One retry without a delay, and its events.
fn once() -> (RetryConfig, EventRecorder) {
    let events = EventRecorder::new();
    let config = RetryConfig::default()
        .retries(1)
        .backoff(Backoff::none())
        .idempotent()
        .without_observers()
        .observe(events.clone());
    (config, events)
}

fn refused() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionRefused)
}

const SCHEDULED: &str = r#"RetryScheduled attempt=1 delay=0ns failure=transient error="connection refused""#;
const STOPPED: &str = r#"RetryStopped attempt=2 cause=attempts_exhausted failure=transient error="connection refused""#;

#[tokio::test(start_paused = true)]
async fn events_contain_the_error_of_the_failed_attempt() {
    let (config, events) = once();
    let layer = RetryLayer::new(config);
    let server = service_fn(|()| async { Err::<(), _>(refused()) });
    layer.layer(server).oneshot(()).await.unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);

    layer.run(|_| async { Err::<(), _>(refused()) }).await.unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);

    layer.run_blocking(|_| Err::<(), _>(refused())).unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);

    layer.run(|_| async { Err::<(), BoxError>(Box::new(refused())) }).await.unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_error_is_described_by_its_type() {
    let (config, events) = once();
    RetryLayer::new(config).run(|_| async { Err::<(), _>(Oops(1)) }).await.unwrap_err();
    assert_eq!(events.lines()[0], r#"RetryScheduled attempt=1 delay=0ns failure=transient error="Oops""#);
}

#[tokio::test(start_paused = true)]
async fn events_contain_the_limit_of_attempts() {
    let (config, events) = once();
    RetryLayer::new(config).run(|_| async { Err::<(), _>(refused()) }).await.unwrap_err();
    let limits: Vec<_> = events
        .events()
        .iter()
        .map(|event| match event.event() {
            Event::RetryScheduled { max_attempts, .. } | Event::RetryStopped { max_attempts, .. } => max_attempts,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(limits, [Some(2), Some(2)]);
}

/// The default policy, but every failure is to be retried after an hour.
struct Insists<P>(P);

impl<P: Policy<(), (), io::Error>> Policy<(), (), io::Error> for Insists<P> {
    type State = P::State;

    fn start(&self, (): &()) -> P::State {
        self.0.start(&())
    }

    fn decide(&self, _: &mut P::State, _: &Attempt, _: Outcome<'_, (), io::Error>) -> Decision {
        Decision::Retry { delay: secs(3_600), reason: DecisionReason::Transient }
    }

    fn not_retried(&self, state: &mut P::State, attempt: &Attempt, outcome: Outcome<'_, (), io::Error>, cause: Cause) {
        self.0.not_retried(state, attempt, outcome, cause);
    }

    fn limits(&self) -> TimeLimits {
        self.0.limits()
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<(), io::Error>> {
        self.0.timed_out(elapsed)
    }
}

/// The layer itself stops the retry, and the failure is known, too.
#[tokio::test(start_paused = true)]
async fn a_stop_by_the_layer_contains_the_failure() {
    let (config, events) = once();
    let layer = RetryLayer::with(Insists(config.timeouts(Timeouts::request(secs(60))).report_requests()));
    let stopped = [
        r#"RetryStopped attempt=1 cause=deadline failure=transient error="connection refused""#,
        r#"RequestFinished attempts=1 outcome=failure cause=deadline failure=transient error="connection refused""#,
    ];
    let server = service_fn(|()| async {
        tokio::time::sleep(secs(2)).await;
        Err::<(), _>(refused())
    });
    layer.layer(server).oneshot(()).await.unwrap_err();
    for event in events.events() {
        let (Event::RetryStopped { failure, elapsed, .. } | Event::RequestFinished { failure, elapsed, .. }) =
            event.event()
        else {
            panic!("{event:?}");
        };
        assert_eq!((failure.unwrap().duration, elapsed), (Some(secs(2)), Some(secs(2))));
    }
    assert_eq!(events.take(), stopped);

    layer.run(|_| async { Err::<(), _>(refused()) }).await.unwrap_err();
    assert_eq!(events.take(), stopped);
    layer.run_lending(async |_| Err::<(), _>(refused())).await.unwrap_err();
    assert_eq!(events.take(), stopped);
    layer.run_blocking(|_| Err::<(), _>(refused())).unwrap_err();
    assert_eq!(events.take(), stopped);

    // An outcome that isn't a failure.
    layer.run(|_| async { Ok::<_, io::Error>(()) }).await.unwrap();
    assert_eq!(events.take(), ["RetryStopped attempt=1 cause=deadline", "RequestFinished attempts=1 outcome=success"]);
}

fn circuit() -> Circuit {
    let rule = TripRule::consecutive(1).unwrap();
    Circuit::new(BreakerConfig::default().name("payments").open_when(rule).without_observers())
}

/// The layers don't know the type of the error, but its breaker does.
#[tokio::test(start_paused = true)]
async fn a_rejection_in_an_unknown_error_is_shown() {
    #[derive(Debug)]
    struct Unknown;

    let (config, events) = once();
    let transient = |error: &BreakerError<Unknown>| matches!(error, BreakerError::Inner(_)).then(Verdict::transient);
    let config = config.wait_out_rejections(RejectionWait::NONE).classify_errors(transient);
    let (layer, circuit) = (RetryLayer::new(config), circuit());
    layer.run(|_| circuit.call(|| async { Err::<(), _>(Unknown) })).await.unwrap_err();
    let lines = events.take();
    assert_eq!(lines[0], r#"RetryScheduled attempt=1 delay=0ns failure=transient error="BreakerError<Unknown>""#);
    let rejected = r#"cause=rejected failure=rejected error="circuit `payments` is open; retry in "#;
    assert!(lines[1].starts_with(&format!("RetryStopped attempt=2 {rejected}")), "{lines:?}");

    // Two breakers around the service.
    let outer = Circuit::new(BreakerConfig::default().without_observers());
    let (config, events) = once();
    let layer = RetryLayer::new(config.wait_out_rejections(RejectionWait::NONE));
    let call = || circuit.call(|| async { Err::<(), _>(Unknown) });
    layer.run(|_| outer.call(call)).await.unwrap_err();
    let lines = events.take();
    assert!(lines[0].starts_with(&format!("RetryStopped attempt=1 {rejected}")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn errors_are_displayed_if_configured() {
    let judge = |error: &Oops| (error.0 == 1).then(Verdict::transient);
    let (config, events) = once();
    let layer = RetryLayer::new(config.classify_errors(judge).display_errors());
    let failed = |text: &str| {
        [
            format!(r#"RetryScheduled attempt=1 delay=0ns failure=transient error="{text}""#),
            format!(r#"RetryStopped attempt=2 cause=attempts_exhausted failure=transient error="{text}""#),
        ]
    };
    layer.run(|_| async { Err::<(), _>(Oops(1)) }).await.unwrap_err();
    assert_eq!(events.take(), failed("oops 1"));
    layer.run_blocking(|_| Err::<(), _>(Oops(1))).unwrap_err();
    assert_eq!(events.take(), failed("oops 1"));

    // Around a breaker, and in a breaker and a fallback.
    let config = BreakerConfig::default().open_when(TripRule::consecutive(9).unwrap()).without_observers();
    let circuit = Circuit::new(config.observe(events.clone()).classify_errors(judge).display_errors());
    layer.run(|_| circuit.call(|| async { Err::<(), _>(Oops(1)) })).await.unwrap_err();
    let called = r#"CallFailed failure=transient error="oops 1""#.to_owned();
    let [scheduled, stopped] = failed("oops 1");
    assert_eq!(events.take(), [called.clone(), scheduled, called, stopped]);

    let fallback = FallbackLayer::value(()).without_observers().observe(events.clone()).display_errors();
    let mut service = fallback.layer(service_fn(|()| async { Err::<(), _>(Oops(1)) }));
    ready_and_call(&mut service, ()).await.unwrap();
    assert_eq!(events.lines()[0], r#"FallbackCalled cause=failure failure=transient error="oops 1""#);

    // In a chain.
    let (config, events) = once();
    let chain = classify::first(classify::errors(judge)).or(Displayed(ErrorClassifier));
    RetryLayer::new(config.classifier(chain)).run(|_| async { Err::<(), _>(Oops(1)) }).await.unwrap_err();
    assert_eq!(events.take(), failed("oops 1"));
}

#[derive(Debug)]
struct Outer(Oops);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// The texts of known errors contain their sources, and leave out secrets.
#[tokio::test(start_paused = true)]
async fn the_texts_of_known_errors_stay_the_same() {
    let (config, events) = once();
    let layer = RetryLayer::new(config.display_errors());
    layer.run(|_| async { Err::<(), _>(refused()) }).await.unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);
    layer.run(|_| async { Err::<(), BoxError>(Box::new(Outer(Oops(1)))) }).await.unwrap_err();
    assert!(events.lines()[0].ends_with(r#"error="outer: oops 1""#), "{events:?}");
}
