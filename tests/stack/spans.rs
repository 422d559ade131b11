//! The spans of requests and attempts: the tree, its fields, and how spans end.

mod composition;
mod endings;
mod functions;
mod text_log;

use std::{io, time::Duration};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, RetryConfig, RetryLayer, Verdict,
    breaker::{OpenDuration, Probes, TripRule},
    report::ReportLayer,
    retry::Backoff,
    spans::{AttemptSpanLayer, RequestSpanLayer},
    testing::{Script, fail, fail_io, readiness_error, succeed},
};
use tracing::{Span, field::Empty, info_span};

use crate::span_tree::{record, tree};

/// Two retries, after one second each.
fn retry() -> RetryConfig {
    RetryConfig::default().idempotent().retries(2).backoff(Backoff::fixed(Duration::from_secs(1)))
}

fn reset<Res>() -> tower_recourse::testing::Step<Res, io::Error> {
    fail_io(io::ErrorKind::ConnectionReset)
}

/// The fields of an attempt that failed with [`reset`], after its index.
const RESET: &str = "recourse.outcome=failure error.type=transient otel.status_code=ERROR \
                     otel.status_description=connection reset";

const PRICES: &str = "request otel.name=prices resilience.pipeline.name=prices";

#[tokio::test(start_paused = true)]
async fn a_request_with_three_attempts_has_four_spans() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([reset(), reset(), succeed(7)]));
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), 7);
    assert_eq!(
        tree(),
        [
            &format!("{PRICES} recourse.attempts=3 recourse.outcome=success otel.status_code=OK"),
            "  - attempt failed, retrying after the delay",
            "  - attempt failed, retrying after the delay",
            "  - request succeeded after retrying",
            &format!("  attempt resilience.attempt.index=0 {RESET}"),
            &format!("  attempt resilience.attempt.index=1 {RESET}"),
            "  attempt resilience.attempt.index=2 recourse.outcome=success",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_success_has_two_spans_without_a_status() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([succeed::<_, io::Error>(7)]));
    for _ in 0..2 {
        record();
        service.ready().await.unwrap().call(()).await.unwrap();
        assert_eq!(
            tree(),
            [
                &format!("{PRICES} recourse.attempts=1 recourse.outcome=success"),
                "  attempt resilience.attempt.index=0 recourse.outcome=success"
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_request_names_its_cause() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry().retries(1)))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([reset::<()>()]));
    service.ready().await.unwrap().call(()).await.unwrap_err();
    let lines = tree();
    assert_eq!(lines[0], format!("{PRICES} recourse.attempts=2 recourse.cause=attempts_exhausted {RESET}"));
    assert_eq!(lines.len(), 5, "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_an_attempt_and_a_fallback_is_visible() {
    record();
    let breaker = BreakerConfig::default()
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(30)))
        .probes(Probes::one());
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(FallbackLayer::value(0).name("stored"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .layer(BreakerLayer::new(breaker))
        .service(Script::new([reset()]));
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), 0);
    let lines = tree();
    assert_eq!(
        lines[0],
        format!(
            "{PRICES} recourse.attempts=2 recourse.cause=rejected recourse.fallback=stored recourse.outcome=success \
             otel.status_code=OK"
        )
    );
    let attempts: Vec<_> = lines.iter().filter(|line| line.starts_with("  attempt ")).collect();
    assert_eq!(
        attempts,
        [
            &format!("  attempt resilience.attempt.index=0 {RESET}"),
            "  attempt resilience.attempt.index=1 recourse.outcome=failure error.type=rejected \
             otel.status_code=ERROR otel.status_description=circuit `breaker` is open; retry in 29.0 s",
        ]
    );
    let opened = lines.iter().position(|line| line == "    - circuit opened, rejecting calls").unwrap();
    assert!(lines[..opened].iter().rev().any(|line| line == attempts[0]), "{lines:#?}");
}

/// The retry classifies responses, and the span of the request learns it from the retry.
#[tokio::test(start_paused = true)]
async fn a_failed_response_marks_its_spans_as_failed() {
    let classify = |outcome: Result<&u16, &io::Error>| match outcome {
        Ok(503) => Verdict::transient(),
        Ok(404) => Verdict::ClientError,
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::transient(),
    };
    let classifier = tower_recourse::classify::outcomes(classify);
    let stack = |statuses: Script<(), u16, io::Error>| {
        ServiceBuilder::new()
            .layer(RequestSpanLayer::new().name("prices"))
            .layer(RetryLayer::new(retry().retries(0).classifier(classifier)))
            .layer(AttemptSpanLayer::new().classifier(classifier))
            .service(statuses)
    };
    record();
    assert_eq!(stack(Script::new([succeed(503)])).oneshot(()).await.unwrap(), 503);
    let lines = tree();
    assert_eq!(
        lines[0],
        format!(
            "{PRICES} recourse.attempts=1 recourse.cause=attempts_exhausted recourse.outcome=failure \
             error.type=attempts_exhausted otel.status_code=ERROR otel.status_description=the only attempt failed"
        )
    );
    let attempt =
        "  attempt resilience.attempt.index=0 recourse.outcome=failure error.type=transient otel.status_code=ERROR";
    assert_eq!(lines.last().unwrap(), attempt);

    record();
    assert_eq!(stack(Script::new([succeed(404)])).oneshot(()).await.unwrap(), 404);
    assert_eq!(
        tree(),
        [
            &format!("{PRICES} recourse.attempts=1 recourse.outcome=success"),
            "  attempt resilience.attempt.index=0 recourse.outcome=neutral"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_custom_span_gets_the_fields_that_it_declares() {
    record();
    let make = |id: &u32| info_span!("load", id, recourse.attempts = Empty);
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().make_span(make))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new().make_span(|_: &u32| info_span!("try", "error.type" = Empty)))
        .service(Script::new([reset(), succeed(())]));
    service.ready().await.unwrap().call(9).await.unwrap();
    let spans: Vec<_> = tree().into_iter().filter(|line| !line.contains("- ")).collect();
    assert_eq!(spans, ["load id=9 recourse.attempts=2", "  try error.type=transient", "  try"]);
}

/// A readiness error is an outcome of the retry, and no call.
#[tokio::test(start_paused = true)]
async fn an_attempt_without_a_call_has_no_span() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([readiness_error("unready"), succeed(7)]));
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), 7);
    let attempts: Vec<_> = tree().into_iter().filter(|line| line.contains("attempt resilience")).collect();
    assert_eq!(attempts, ["  attempt resilience.attempt.index=0 recourse.outcome=success"]);
}

/// The response doesn't show that it is a rejection: only the breaker's report does.
#[tokio::test(start_paused = true)]
async fn reports_pass_through_the_spans() {
    record();
    let circuit = Circuit::new(BreakerConfig::default());
    circuit.force_open();
    let mut service = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(RequestSpanLayer::new())
        .layer(FallbackLayer::value("stored").name("stored"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .layer(BreakerLayer::on(&circuit).respond_when_open(|_| "open"))
        .service(Script::new([succeed::<_, io::Error>("fresh")]));
    let answered = service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!((answered.response, answered.report.fallback()), ("stored", Some("stored")));
    assert!(answered.report.cause().unwrap().is_rejection());
    let attempt = tree().into_iter().find(|line| line.contains("attempt resilience")).unwrap();
    assert!(attempt.contains("error.type=rejected"), "{attempt}");
}

#[tokio::test(start_paused = true)]
async fn hostile_texts_are_escaped_and_cut() {
    let hostile = format!("a\nb\u{1b}[2J{}", "x".repeat(1 << 16));
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name(hostile.clone()))
        .layer(FallbackLayer::new(Script::new([fail("down")])).merge_errors(|primary, _: &str| primary))
        .layer(RetryLayer::new(retry().retries(0)))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([fail::<(), _>(hostile)]));
    service.ready().await.unwrap().call(()).await.unwrap_err();
    let lines = tree();
    assert!(lines[0].starts_with(r"request otel.name=a\nb\u{1b}[2Jx"), "{}", &lines[0][..100]);
    assert!(lines[0].contains(r"otel.status_description=a\nb\u{1b}[2Jx"), "{}", lines[0]);
    assert!(lines.iter().all(|line| line.len() < 2_000 && !line.contains(char::is_control)));
}

/// Spans of this layer may be filtered out.
#[tokio::test(start_paused = true)]
async fn disabled_spans_change_no_result() {
    let mut service = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(RequestSpanLayer::new().make_span(|_: &()| Span::none()))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new().make_span(|_: &()| Span::none()))
        .service(Script::new([fail("down"), succeed("up")]));
    let answered = service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!((answered.response, answered.report.attempts()), ("up", 2));
}
