//! The quota isn't charged for a retry that isn't made, whatever prevents the retry. Also keys that
//! are too long, or whose `Display` fails.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Waker},
};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, Delivery, RetryConfig, RetryLayer, Verdict,
    breaker::TripRule,
    observe::Event,
    report::with_report,
    retry::{Backoff, Budget, RetryQuota, TokenBucket, quota::QuotaSnapshot},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(ms(100))).without_budget().without_observers()
}

fn circuit(failures: u32) -> Circuit {
    Circuit::new(
        BreakerConfig::default().fixed().open_when(TripRule::consecutive(failures).unwrap()).without_observers(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_rejected_retry_is_not_counted_and_returns_its_token() {
    let (quota, events) = (RetryQuota::new().max_per_key(1).max_total(1), EventLog::default());
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let config = config().shared_budget(budget.clone()).observe(events.observer()).quota(&quota, |(): &()| "key");
    let mut stack = ServiceBuilder::new()
        .layer(RetryLayer::new(config))
        .layer(BreakerLayer::on(&circuit(1)))
        .service(Script::new([fail::<(), _>(Oops(1))]));
    let failed = with_report(ready_and_call(&mut stack, ())).await.unwrap_err();
    assert!(failed.report.cause().unwrap().is_rejection(), "not that the quota is exhausted: {:?}", failed.report);
    assert_eq!((budget.balance(), budget.stats().granted), (1, 0));
    assert_eq!((quota.retries_for_key("key"), quota.total_retries(), quota.tracked_keys()), (0, 0, 0));
    assert!(events.last_has(&["RetryStopped", "retries: 0, total: 0"]), "observers receive the same");
}

#[tokio::test(start_paused = true)]
async fn only_the_rejected_retry_is_not_counted() {
    let quota = RetryQuota::new();
    let mut stack = ServiceBuilder::new()
        .layer(RetryLayer::new(config().retries(9).quota(&quota, |(): &()| "key")))
        .layer(BreakerLayer::on(&circuit(3)))
        .service(Script::new([fail::<(), _>(Oops(1))]));
    ready_and_call(&mut stack, ()).await.unwrap_err();
    assert_eq!(quota.retries_for_key("key"), 2, "three attempts were made");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_first_attempt_does_not_change_other_counts() {
    let quota = RetryQuota::new();
    quota.try_acquire("key").unwrap().consume();
    let circuit = circuit(1);
    circuit.force_open();
    let mut stack = ServiceBuilder::new()
        .layer(RetryLayer::new(config().quota(&quota, |(): &()| "key")))
        .layer(BreakerLayer::on(&circuit))
        .service(Script::new([fail::<(), _>(Oops(1))]));
    ready_and_call(&mut stack, ()).await.unwrap_err();
    assert_eq!(quota.retries_for_key("key"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_dropped_during_its_attempt_is_counted() {
    let quota = RetryQuota::new();
    let layer = RetryLayer::new(config().quota(&quota, |(): &()| "key"));
    let mut stack = layer.layer(Script::new([fail::<(), _>(Oops(1)), hang()]));
    assert!(tokio::time::timeout(secs(1), ready_and_call(&mut stack, ())).await.is_err());
    assert_eq!((quota.retries_for_key("key"), quota.total_retries()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_lost_request_is_not_counted() {
    let (quota, events) = (RetryQuota::new(), EventLog::default());
    let copies = Arc::new(AtomicU32::new(0));
    let once = move |(): &()| (copies.fetch_add(1, Ordering::Relaxed) == 0).then_some(());
    let layer =
        RetryLayer::new(config().observe(events.observer()).quota(&quota, |(): &()| "key")).copy_request_with(once);
    let mut service = layer.layer(service_fn(|()| async { Err::<(), _>(Oops(1)) }));
    let mut future = pin!(with_report(service.call(())));
    let failed = future.as_mut().await.unwrap_err();
    assert_eq!((failed.report.cause(), failed.report.attempts()), (Some(Cause::NotReplayable), 1));
    assert_eq!((quota.retries_for_key("key"), quota.total_retries()), (0, 0));
    assert!(events.last_has(&["RetryStopped", "retries: 0, total: 0"]));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_was_not_made_is_not_counted() {
    let quota = RetryQuota::new();
    let judge = |outcome: Result<&(), &Oops>| match outcome {
        Err(Oops(1)) => Verdict::transient(),
        _ => Verdict::Neutral,
    };
    let layer = RetryLayer::new(config().classify(judge).quota(&quota, |(): &()| "key"));
    let mut service = layer.layer(Script::<_, (), Oops>::new([fail(Oops(1)), readiness_error(Oops(2))]));
    let mut future = pin!(service.call_when_ready(()));
    assert_eq!(future.as_mut().await, Err(Oops(2)));
    assert_eq!(quota.total_retries(), 0);
}

struct Hostile(fn(&mut fmt::Formatter<'_>) -> fmt::Result);

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

async fn keyed_by(text: fn(&mut fmt::Formatter<'_>) -> fmt::Result) -> (RetryQuota, Result<(), Oops>, EventLog) {
    let (quota, events) = (RetryQuota::new(), EventLog::default());
    let config = config().retries(1).observe(events.observer()).quota(&quota, move |(): &()| Hostile(text));
    let result = ready_and_call(&mut RetryLayer::new(config).layer(Script::new([fail(Oops(1))])), ()).await;
    (quota, result, events)
}

#[tokio::test(start_paused = true)]
async fn a_key_is_what_was_written_before_a_formatting_error() {
    let (quota, result, _) = keyed_by(|f| f.write_str("half").and(Err(fmt::Error))).await;
    assert_eq!((result, quota.snapshot().keys), (Err(Oops(1)), vec![("half".into(), 1)]));
    let (quota, result, _) = keyed_by(|_| Ok(())).await;
    assert_eq!((result, quota.snapshot().keys), (Err(Oops(1)), vec![(String::new(), 1)]));
}

#[tokio::test(start_paused = true)]
async fn an_endless_key_is_cut_while_it_is_written() {
    let (quota, result, events) = keyed_by(|f| {
        loop {
            f.write_str("aä")?;
        }
    })
    .await;
    let longest = format!("{}a", "aä".repeat(85));
    assert_eq!(longest.len(), 256);
    assert_eq!((result, quota.snapshot().keys), (Err(Oops(1)), vec![(longest.clone(), 1)]));
    assert_eq!(events.count(&format!("key: \"{longest}\"")), 2, "observers receive no further event");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_cut_at_one_place_however_it_is_written() {
    let (quota, _, _) = keyed_by(|f| {
        // A key has at most 256 bytes. The letter has two bytes and room for one. The next text
        // would fit, but the key ends before the letter.
        let _ = f.write_str(&"x".repeat(255)).and(f.write_str("ä"));
        let _ = f.write_str("z");
        Ok(())
    })
    .await;
    assert_eq!(quota.retries_for_key(&format!("{}äz", "x".repeat(255))), 1);
    assert_eq!(quota.snapshot().keys[0].0, "x".repeat(255));
}

#[tokio::test(start_paused = true)]
async fn the_key_is_computed_once_per_request() {
    let quota = RetryQuota::new();
    let asked = Arc::new(AtomicU32::new(0));
    let counts = asked.clone();
    let layer = RetryLayer::new(config().retries(5).quota(&quota, move |(): &()| {
        counts.fetch_add(1, Ordering::Relaxed);
        "key"
    }));
    ready_and_call(&mut layer.layer(Script::new([fail::<(), _>(Oops(1))])), ()).await.unwrap_err();
    layer.run(|_| async { Err::<(), _>(Oops(1)) }).await.unwrap_err();
    assert_eq!((asked.load(Ordering::Relaxed), quota.total_retries()), (2, 10));
}

#[test]
fn cut_keys_of_a_snapshot_are_merged_if_equal() {
    let quota = RetryQuota::new();
    let long = "x".repeat(300);
    let keys =
        vec![(long.clone(), 2), ("a".into(), 0), (long.clone() + "y", 3), ("b".into(), 1), ("b".into(), u32::MAX)];
    quota.restore(QuotaSnapshot::new(7, keys));
    assert_eq!((quota.retries_for_key(&long), quota.retries_for_key("b"), quota.tracked_keys()), (5, u32::MAX, 2));
    assert!(quota.snapshot().keys.iter().all(|(key, _)| key.len() <= 256));
}

#[test]
fn the_bound_counts_keys_and_not_entries_of_a_snapshot() {
    let quota = RetryQuota::new().max_keys(2).unwrap();
    let keys = [("a", 1), ("b", 1), ("b", 1), ("b", 1)];
    quota.restore(QuotaSnapshot::new(4, keys.map(|(key, retries)| (key.into(), retries)).into()));
    assert_eq!((quota.retries_for_key("a"), quota.retries_for_key("b")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_retry_does_not_change_restored_counts() {
    let quota = RetryQuota::new();
    let layer = RetryLayer::new(config().quota(&quota, |(): &()| "key"));
    let mut service = layer.layer(Script::new([fail::<(), _>(Oops(1))]));
    {
        let mut waiting = pin!(ready_and_call(&mut service, ()));
        assert!(tokio::time::timeout(ms(50), waiting.as_mut()).await.is_err());
        assert_eq!(quota.retries_for_key("key"), 1);
        quota.restore(QuotaSnapshot::new(9, vec![("key".into(), 4)]));
    }
    assert_eq!((quota.retries_for_key("key"), quota.total_retries()), (4, 9));
}

#[tokio::test(start_paused = true)]
async fn a_key_removed_during_a_wait_is_not_subtracted_twice() {
    let quota = RetryQuota::new().max_keys(1).unwrap();
    let layer = RetryLayer::new(config().quota(&quota, |(): &()| "key"));
    let mut service = layer.layer(Script::new([fail::<(), _>(Oops(1))]));
    {
        let mut waiting = pin!(ready_and_call(&mut service, ()));
        assert!(tokio::time::timeout(ms(50), waiting.as_mut()).await.is_err());
        quota.try_acquire("other").unwrap().consume();
        assert_eq!((quota.retries_for_key("key"), quota.tracked_keys()), (0, 1));
        quota.try_acquire("key").unwrap().consume();
    }
    assert_eq!((quota.retries_for_key("key"), quota.total_retries()), (1, 2));
}

/// Panics in each function that runs between a failure and the next attempt. Once the future is
/// dropped, the quota and the budget have their permit and token back.
#[test]
fn a_panic_before_the_attempt_is_not_counted() {
    enum At {
        Classifier,
        Observer,
        Key,
        Resend,
        Resending,
    }
    for at in [At::Classifier, At::Observer, At::Key, At::Resend, At::Resending] {
        let quota = RetryQuota::new();
        let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(5));
        let (classifier, observer) = (matches!(at, At::Classifier), matches!(at, At::Observer));
        let (key, resend, resending) = (matches!(at, At::Key), matches!(at, At::Resend), matches!(at, At::Resending));
        let config = RetryConfig::default()
            .backoff(Backoff::none())
            .shared_budget(budget.clone())
            .without_observers()
            .observe(move |event: &Event<'_>| {
                assert!(!observer || !matches!(event, Event::RetryScheduled { .. }), "on purpose");
            })
            .classify_errors(move |_: &Oops| {
                assert!(!classifier, "on purpose");
                Verdict::transient()
            })
            .quota(&quota, move |(): &()| {
                assert!(!key, "on purpose");
                "key"
            });
        let layer = RetryLayer::new(config).before_resend(move |(): (), _| {
            assert!(!resend, "on purpose");
            async move { assert!(!resending, "on purpose") }
        });
        let mut service = layer.layer(service_fn(|()| async { Err::<(), _>(Oops(1)) }));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _ = pin!(service.call(())).poll(&mut Context::from_waker(Waker::noop()));
        }));
        assert!(panicked.is_err());
        assert_eq!((quota.total_retries(), quota.tracked_keys()), (0, 0));
        assert_eq!((budget.balance(), budget.stats().granted), (5, 0));
        // The panic hasn't poisoned the quota.
        quota.try_acquire("key").unwrap().consume();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_while_it_is_prepared_is_not_counted() {
    let quota = RetryQuota::new();
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let config = config().shared_budget(budget.clone()).quota(&quota, |(): &()| "key");
    let layer = RetryLayer::new(config).before_resend(|(): (), _| std::future::pending());
    let inner = Script::new([fail::<(), _>(Oops(1))]);
    let mut service = layer.layer(inner.clone());
    assert!(tokio::time::timeout(secs(5), ready_and_call(&mut service, ())).await.is_err());
    assert_eq!((inner.calls(), quota.total_retries(), budget.balance()), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_returns_a_rejection_is_not_counted() {
    let (quota, circuit) = (RetryQuota::new(), circuit(1));
    let layer = RetryLayer::new(config().quota(&quota, |(): &()| "key"));
    let run = layer.run(|_| circuit.call(|| async { Err::<(), _>(Oops(1)) }));
    assert!(matches!(run.await, Err(BreakerError::Rejected(_))));
    assert_eq!(quota.total_retries(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_made_retry_counts_even_if_classified_as_a_rejection() {
    let quota = RetryQuota::new();
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(9));
    let attempts = AtomicU32::new(0);
    let judge = move |_: Result<&(), &Oops>| {
        let first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Verdict::transient() } else { Verdict::rejected(None).delivery(Delivery::Unknown) }
    };
    let config = RetryConfig::default().without_observers().shared_budget(budget.clone()).classify(judge);
    let layer = RetryLayer::new(config.quota(&quota, |_: &()| "key"));
    let inner = Script::new([fail::<(), _>(Oops(1))]);
    ready_and_call(&mut layer.layer(inner.clone()), ()).await.unwrap_err();
    assert_eq!((inner.calls(), quota.retries_for_key("key"), budget.stats().granted), (2, 1, 1));
}
