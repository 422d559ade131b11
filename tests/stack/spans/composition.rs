//! The spans of several requests, on several tasks, and through other layers.

use tokio::join;
use tower::{BoxError, buffer::Buffer};
use tower_recourse::spans::{attempt_span, in_attempt_span};

use super::*;

fn attempts() -> Vec<String> {
    tree().into_iter().filter(|line| line.trim_start().starts_with("attempt")).collect()
}

/// The delays of both requests overlap.
#[tokio::test(start_paused = true)]
async fn concurrent_requests_count_their_own_attempts() {
    record();
    let service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([reset(), reset(), succeed(7)]));
    let (first, second) = join!(service.clone().oneshot(()), service.oneshot(()));
    assert_eq!((first.unwrap(), second.unwrap()), (7, 7));
    let failed = |index| format!("  attempt resilience.attempt.index={index} {RESET}");
    let succeeded = |index| format!("  attempt resilience.attempt.index={index} recourse.outcome=success");
    assert_eq!(attempts(), [failed(0), succeeded(1), failed(0), succeeded(1)]);
    let roots = tree().into_iter().filter(|line| line.starts_with("request"));
    let recovered = format!("{PRICES} recourse.attempts=2 recourse.outcome=success otel.status_code=OK");
    assert_eq!(roots.collect::<Vec<_>>(), [&*recovered; 2]);
}

/// The service inside calls another stack, whose attempts aren't those of the request.
#[tokio::test(start_paused = true)]
async fn an_attempt_within_an_attempt_is_not_counted() {
    record();
    let inner = RetryLayer::new(retry());
    let call = move |()| {
        let inner = inner.clone();
        async move {
            let mut left = 2;
            inner
                .run(|attempt| {
                    left -= 1;
                    let result = if left == 0 { Ok(()) } else { Err(io::Error::from(io::ErrorKind::ConnectionReset)) };
                    in_attempt_span(attempt_span(&attempt), || async { result })
                })
                .await?;
            Err::<(), _>(io::Error::from(io::ErrorKind::InvalidData))
        }
    };
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service_fn(call);
    service.ready().await.unwrap().call(()).await.unwrap_err();
    let (attempts, lines) = (attempts(), tree());
    assert_eq!(attempts.len(), 3, "{attempts:#?}");
    assert!(
        attempts[0].starts_with("  attempt resilience.attempt.index=0 recourse.outcome=failure error.type=permanent")
    );
    assert!(attempts[1].starts_with("    attempt resilience.attempt.index=0 "), "{attempts:#?}");
    assert!(attempts[2].starts_with("    attempt resilience.attempt.index=1 "), "{attempts:#?}");
    assert!(lines[0].contains("recourse.attempts=1 recourse.cause=permanent"), "{lines:#?}");
}

/// A buffer calls its service on its own task, and in the span that was current. The count stays on
/// the task of the request.
#[tokio::test(start_paused = true)]
async fn a_buffer_keeps_the_parent_and_loses_the_count() {
    record();
    let attempts_of = ServiceBuilder::new()
        .layer(AttemptSpanLayer::new())
        .service(Script::new([fail_io(io::ErrorKind::ConnectionReset), succeed(7)]));
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .service(Buffer::new(attempts_of, 4));
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), 7);
    assert_eq!(attempts(), [format!("  attempt {RESET}"), "  attempt recourse.outcome=success".into()]);
    assert!(tree()[0].contains("recourse.attempts=2 recourse.outcome=success"), "{:#?}", tree());
}

#[tokio::test(start_paused = true)]
async fn a_buffer_around_the_stack_changes_no_span() {
    record();
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([reset(), succeed(7)]));
    let answer: Result<_, BoxError> = tower::ServiceExt::oneshot(Buffer::new(stack, 4), ()).await;
    assert_eq!(answer.unwrap(), 7);
    let recovered = format!("{PRICES} recourse.attempts=2 recourse.outcome=success otel.status_code=OK");
    assert!(tree().contains(&recovered), "{:#?}", tree());
    assert_eq!(attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_a_child_of_the_current_span() {
    record();
    let mut service = RequestSpanLayer::new()
        .name("prices")
        .layer(service_fn(|()| async { Ok::<_, io::Error>(Span::current().id()) }));
    let caller = info_span!("handler");
    let call = caller.in_scope(|| service.call(()));
    assert!(call.await.unwrap().is_some());
    assert_eq!(tree()[1], format!("  {PRICES} recourse.attempts=1 recourse.outcome=success"));
}

/// As axum requires of a layer's service, and tonic of a client's.
#[test]
fn the_types_are_shared_and_sent_as_those_of_other_layers() {
    fn check<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn check_future<T: Send + Sync>(_: T) {}
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new())
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service_fn(|()| async { Ok::<_, io::Error>(()) });
    check(&service);
    check_future(service.call(()));
}
