//! The spans of functions.

use tower_recourse::{
    Attempt,
    spans::{
        attempt_span, in_attempt_span, in_attempt_span_blocking, in_request_span, in_request_span_blocking,
        request_span,
    },
    testing::PausedTime,
};

use super::*;

fn result(attempt: &Attempt) -> io::Result<u32> {
    match attempt.number() {
        3.. => Ok(7),
        _ => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

fn expected() -> [String; 7] {
    [
        format!("{PRICES} recourse.attempts=3 recourse.outcome=success otel.status_code=OK"),
        "  - attempt failed, retrying after the delay".into(),
        "  - attempt failed, retrying after the delay".into(),
        "  - request succeeded after retrying".into(),
        format!("  attempt resilience.attempt.index=0 {RESET}"),
        format!("  attempt resilience.attempt.index=1 {RESET}"),
        "  attempt resilience.attempt.index=2 recourse.outcome=success".into(),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_async_function_has_the_spans_of_a_service() {
    record();
    let retry = RetryLayer::new(retry());
    let run = in_request_span(request_span("prices"), || {
        retry.run(|attempt| in_attempt_span(attempt_span(&attempt), move || async move { result(&attempt) }))
    });
    assert_eq!(run.await.unwrap(), 7);
    assert_eq!(tree(), expected());
}

#[test]
fn a_blocking_function_has_the_spans_of_a_service() {
    record();
    let _time = PausedTime::new();
    let retry = RetryLayer::new(retry());
    let answer = in_request_span_blocking(request_span("prices"), || {
        retry.run_blocking(|attempt| in_attempt_span_blocking(attempt_span(&attempt), || result(&attempt)))
    });
    assert_eq!(answer.unwrap(), 7);
    assert_eq!(tree(), expected());
}

/// Without the span of a request, the index is that of the retry's attempt.
#[tokio::test(start_paused = true)]
async fn the_span_of_an_attempt_needs_no_request_span() {
    record();
    let retry = RetryLayer::new(retry());
    let run = retry.run(|attempt| in_attempt_span(attempt_span(&attempt), move || async move { result(&attempt) }));
    assert_eq!(run.await.unwrap(), 7);
    assert_eq!(tree().last().unwrap(), "attempt resilience.attempt.index=2 recourse.outcome=success");
}

#[tokio::test(start_paused = true)]
async fn a_lending_closure_has_spans() {
    record();
    let (retry, mut calls) = (RetryLayer::new(retry()), 0);
    let run = in_request_span(request_span("prices"), || {
        retry.run_lending(async |attempt: Attempt| {
            calls += 1;
            in_attempt_span(attempt_span(&attempt), || async { result(&attempt) }).await
        })
    });
    assert_eq!(run.await.unwrap(), 7);
    assert_eq!((tree(), calls), (expected().to_vec(), 3));
}

#[test]
fn a_blocking_panic_closes_the_span() {
    record();
    let call = || in_request_span_blocking(request_span("prices"), || -> io::Result<()> { panic!("in the function") });
    std::panic::catch_unwind(call).unwrap_err();
    let expected = "recourse.outcome=failure error.type=panic otel.status_code=ERROR";
    assert_eq!(tree(), [format!("{PRICES} {expected}")]);
}
