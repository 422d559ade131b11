//! How spans end without a result: drops, time limits, panics.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use tokio_test::{assert_pending, task};
use tower_recourse::{retry::Timeouts, testing::hang};
use tracing::info;

use super::*;

/// Never ends, and logs when it is dropped.
struct LogsItsDrop;

impl Future for LogsItsDrop {
    type Output = Result<(), io::Error>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        info!("polled");
        Poll::Pending
    }
}

impl Drop for LogsItsDrop {
    fn drop(&mut self) {
        info!("dropped");
    }
}

#[test]
fn a_dropped_request_closes_both_spans() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service_fn(|()| LogsItsDrop);
    let mut call = task::spawn(service.call(()));
    assert_pending!(call.poll());
    let open =
        [format!("{PRICES} (open)"), "  attempt resilience.attempt.index=0 (open)".into(), "    - polled".into()];
    assert_eq!(tree(), open);
    drop(call);
    assert_eq!(
        tree(),
        [
            &format!("{PRICES} recourse.attempts=1 recourse.outcome=cancelled"),
            "  attempt resilience.attempt.index=0 recourse.outcome=cancelled",
            "    - polled",
            "    - dropped",
        ]
    );
}

#[test]
fn a_request_that_is_never_polled_is_cancelled() {
    record();
    let mut service = RequestSpanLayer::new().name("prices").layer(service_fn(|()| LogsItsDrop));
    drop(service.call(()));
    assert_eq!(tree(), [&format!("{PRICES} recourse.outcome=cancelled"), "  - dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_during_a_delay_counts_its_attempts() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([reset::<()>()]));
    service.ready().await.unwrap();
    let mut call = task::spawn(service.call(()));
    assert_pending!(call.poll());
    drop(call);
    assert_eq!(tree()[0], format!("{PRICES} recourse.attempts=1 recourse.outcome=cancelled"));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_at_its_time_limit_is_timed_out() {
    record();
    let timeouts = Timeouts::attempt(Duration::from_secs(1));
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(RetryConfig::default().idempotent().timeouts(timeouts)))
        .layer(AttemptSpanLayer::new())
        .service(Script::new([hang::<_, tower::BoxError>(), succeed(7)]));
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), 7);
    let attempts: Vec<_> = tree().into_iter().filter(|line| line.contains("attempt resilience")).collect();
    assert_eq!(
        attempts,
        [
            "  attempt resilience.attempt.index=0 recourse.outcome=failure error.type=timed_out otel.status_code=ERROR",
            "  attempt resilience.attempt.index=1 recourse.outcome=success",
        ]
    );
}

async fn panics() -> io::Result<()> {
    panic!("in the future")
}

/// The request after it begins to count again.
#[test]
fn a_panic_in_the_future_closes_both_spans() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service_fn(|()| panics());
    for _ in 0..2 {
        record();
        catch_unwind(AssertUnwindSafe(|| task::spawn(service.call(())).poll())).unwrap_err();
        assert_eq!(
            tree(),
            [
                &format!(
                    "{PRICES} recourse.attempts=1 recourse.outcome=failure error.type=panic otel.status_code=ERROR"
                ),
                "  attempt resilience.attempt.index=0 recourse.outcome=failure error.type=panic otel.status_code=ERROR",
            ]
        );
    }
}

/// Later calls on the same thread aren't attempts of the request that panicked.
#[test]
fn a_panic_leaves_no_count_behind() {
    let mut request = RequestSpanLayer::new().layer(service_fn(|()| panics()));
    catch_unwind(AssertUnwindSafe(|| task::spawn(request.call(())).poll())).unwrap_err();
    record();
    let mut attempt = AttemptSpanLayer::new().layer(service_fn(|()| async { Ok::<_, io::Error>(()) }));
    assert!(task::spawn(attempt.call(())).poll().is_ready());
    assert_eq!(tree(), ["attempt recourse.outcome=success"]);
}

#[test]
fn a_panic_in_the_call_closes_both_spans() {
    record();
    let mut service = ServiceBuilder::new()
        .layer(RequestSpanLayer::new().name("prices"))
        .layer(RetryLayer::new(retry()))
        .layer(AttemptSpanLayer::new())
        .service_fn(|()| -> std::future::Ready<io::Result<()>> { panic!("in the call") });
    catch_unwind(AssertUnwindSafe(|| service.call(()))).map(drop).unwrap_err();
    let lines = tree();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("error.type=panic")), "{lines:#?}");
    assert!(lines[0].contains("recourse.attempts=1 "), "{lines:#?}");
    assert!(!lines.concat().contains("(open)"), "{lines:#?}");
}
