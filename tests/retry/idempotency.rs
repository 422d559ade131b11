//! Whether the retry resends a request that may not be idempotent.

use std::{cell::Cell, io};

use tower_recourse::{
    Cause, RetryConfig, RetryLayer, Verdict,
    classify::{ErrorClassifier, IdempotencyCheck},
    report::with_report,
    retry::{Backoff, Timeouts},
};

use crate::scripted::*;

fn config() -> RetryConfig {
    RetryConfig::default().backoff(Backoff::none()).without_budget()
}

/// How often the retry executes a function that fails with this kind of error.
async fn executed(config: RetryConfig, kind: io::ErrorKind) -> u32 {
    let count = Cell::new(0);
    let failing = |_| {
        count.set(count.get() + 1);
        async move { Err::<(), _>(io::Error::from(kind)) }
    };
    RetryLayer::new(config).run(failing).await.unwrap_err();
    count.get()
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_does_not_execute_a_call_twice() {
    for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof, io::ErrorKind::TimedOut] {
        assert_eq!(executed(config(), kind).await, 1, "{kind}");
        assert_eq!(executed(config().idempotent(), kind).await, 4, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_always_retried() {
    assert_eq!(executed(config(), io::ErrorKind::ConnectionRefused).await, 4);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_is_not_retried_though_idempotent() {
    assert_eq!(executed(config().idempotent(), io::ErrorKind::NotFound).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_attempt_is_retried_only_if_idempotent() {
    for (config, attempts) in [(config(), 1), (config().idempotent(), 4)] {
        let layer = RetryLayer::new(config.timeouts(Timeouts::attempt(secs(1))));
        let hangs = layer.run(|_| std::future::pending::<Result<(), io::Error>>());
        let failed = with_report(hangs).await.unwrap_err();
        assert_eq!((failed.error.kind(), failed.report.attempts()), (io::ErrorKind::TimedOut, attempts));
    }
}

#[test]
fn a_blocking_run_does_not_execute_a_call_twice() {
    for (config, calls) in [(config(), 1), (config().idempotent(), 4)] {
        let mut count = 0;
        let failed: io::Result<()> = RetryLayer::new(config).run_blocking(|_| {
            count += 1;
            Err(io::ErrorKind::ConnectionReset.into())
        });
        assert_eq!((failed.unwrap_err().kind(), count), (io::ErrorKind::ConnectionReset, calls));
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_idempotency_is_the_cause_and_is_reported_once() {
    let events = EventLog::default();
    let layer = RetryLayer::new(config().observe(events.observer()));
    for _ in 0..3 {
        let failed = with_report(layer.run(|_| async { Err::<(), _>(Oops(1)) })).await.unwrap_err();
        assert_eq!(failed.report.cause(), Some(Cause::UnsafeToResend));
    }
    assert_eq!((events.count("IdempotencyUnknown"), events.count("UnsafeToResend")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn known_idempotency_emits_no_report() {
    let events = EventLog::default();
    let judge = IdempotencyCheck::new(ErrorClassifier, |request: &&str| *request == "get");
    let layer = RetryLayer::new(config().classifier(judge).observe(events.observer()));
    for (request, attempts) in [("get", 4), ("add", 1)] {
        let failing = layer.run_for(&request, |_| async { Err::<(), _>(Oops(1)) });
        assert_eq!(with_report(failing).await.unwrap_err().report.attempts(), attempts, "{request}");
    }
    assert_eq!((events.count("IdempotencyUnknown"), events.count("UnsafeToResend")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_config_overrides_the_mark_of_a_classifier() {
    let marks = |_: &Oops| Verdict::transient().unsafe_to_resend();
    for (config, attempts) in [(config(), 1), (config().idempotent(), 4)] {
        let layer = RetryLayer::new(config.classify_errors(marks));
        let failing = layer.run(|_| async { Err::<(), _>(Oops(1)) });
        assert_eq!(with_report(failing).await.unwrap_err().report.attempts(), attempts);
    }
}
