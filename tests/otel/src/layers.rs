//! The spans of the breaker and the fallback, and spans that end without a result.

use std::{io, time::Duration};

use tokio::time::timeout;
use tower::ServiceBuilder;
use tower_recourse::{
    BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer,
    breaker::{OpenDuration, Probes, TripRule},
    retry::Backoff,
    spans::{AttemptSpanLayer, RequestSpanLayer},
    testing::{Script, fail_io, hang, succeed},
};
use tracing::Instrument;

use crate::exported::{Trace, events};

const FIELDS: [&str; 6] = [
    "resilience.attempt.index",
    "error.type",
    "recourse.attempts",
    "recourse.cause",
    "recourse.fallback",
    "recourse.outcome",
];

fn retry() -> RetryConfig {
    RetryConfig::default().idempotent().retries(2).backoff(Backoff::fixed(Duration::from_secs(1)))
}

/// The log line of a stopped retry marks the request's span as failed, and the fallback then makes
/// it a success.
#[tokio::test(start_paused = true)]
async fn a_rejection_and_a_fallback_are_visible() {
    let trace = Trace::start();
    let breaker = BreakerConfig::default()
        .open_when(TripRule::consecutive(2).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(30)))
        .probes(Probes::one());
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(FallbackLayer::value("stored").name("stored"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .layer(BreakerLayer::new(breaker))
        .service(Script::new([fail_io(io::ErrorKind::ConnectionReset)]));
    let answer = async { stack.oneshot(()).await }.instrument(trace.root.clone()).await;
    assert_eq!(answer.unwrap(), "stored");
    let failed = |index| {
        format!(
            "  attempt error(connection reset) resilience.attempt.index={index} error.type=transient recourse.outcome=failure"
        )
    };
    assert_eq!(
        trace.tree(&FIELDS),
        [
            "prices ok recourse.attempts=3 recourse.cause=rejected recourse.fallback=stored recourse.outcome=success",
            &failed(0),
            &failed(1),
            "  attempt error(circuit `breaker` is open; retry in 29.0 s) resilience.attempt.index=2 error.type=rejected \
             recourse.outcome=failure",
        ]
    );
    let spans = trace.spans();
    assert!(events(&spans[2]).iter().any(|event| event.starts_with("circuit opened")), "{:?}", events(&spans[2]));
    assert!(
        events(&spans[0]).iter().any(|event| event.contains("fallback calls its backup")),
        "{:?}",
        events(&spans[0])
    );
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_request_with_a_fallback_is_no_error() {
    let trace = Trace::start();
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(FallbackLayer::value("stored"))
        .layer(RetryLayer::new(retry().retries(0)))
        .service(Script::new([fail_io(io::ErrorKind::ConnectionReset)]));
    let answer = async { stack.oneshot(()).await }.instrument(trace.root.clone()).await;
    assert_eq!(answer.unwrap(), "stored");
    let line = "prices ok recourse.attempts=1 recourse.cause=attempts_exhausted recourse.fallback=fallback \
                recourse.outcome=success";
    assert_eq!(trace.tree(&FIELDS), [line]);
}

/// A dropped request exports its spans at once.
#[tokio::test(start_paused = true)]
async fn the_spans_of_a_dropped_request_are_exported() {
    let trace = Trace::start();
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([fail_io(io::ErrorKind::ConnectionReset), hang(), succeed(())]));
    let call = async { stack.oneshot(()).await }.instrument(trace.root.clone());
    timeout(Duration::from_secs(60), call).await.unwrap_err();
    assert_eq!(
        trace.tree(&FIELDS),
        [
            "prices recourse.attempts=2 recourse.outcome=cancelled",
            "  attempt error(connection reset) resilience.attempt.index=0 error.type=transient recourse.outcome=failure",
            "  attempt resilience.attempt.index=1 recourse.outcome=cancelled",
        ]
    );
}
