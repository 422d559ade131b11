//! Quotas, which limit retries across requests, and the switch.

use std::{io, sync::Arc};

use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Cause, Circuit, RetryConfig, RetryLayer, Verdict,
    breaker::TripRule,
    report::{with_report, with_report_blocking},
    retry::{Backoff, Budget, QuotaExceeded, RetryQuota, RetrySwitch, TokenBucket, quota::QuotaSnapshot},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(ms(10))).without_budget().without_observers()
}

fn down() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

#[test]
fn each_key_has_a_limit_and_all_keys_together() {
    let quota = RetryQuota::new().max_per_key(2).max_total(3);
    for key in ["a", "a", "b"] {
        quota.try_acquire(key).unwrap().consume();
    }
    assert_eq!((quota.retries_for_key("a"), quota.retries_for_key("b"), quota.total_retries()), (2, 1, 3));
    assert_eq!(quota.try_acquire("b").unwrap_err(), QuotaExceeded::Total { limit: 3 });
    assert_eq!(quota.try_acquire("a").unwrap_err(), QuotaExceeded::Total { limit: 3 }, "the total limit comes first");
    quota.forget("a");
    assert_eq!((quota.retries_for_key("a"), quota.total_retries()), (0, 3), "removed keys count towards the total");
    quota.reset();
    quota.try_acquire("a").unwrap().consume();
    quota.try_acquire("a").unwrap().consume();
    assert_eq!(quota.try_acquire("a").unwrap_err(), QuotaExceeded::PerKey { limit: 2 });
}

#[test]
fn a_dropped_permit_is_not_counted() {
    let quota = RetryQuota::new().max_per_key(1);
    let entry = quota.try_acquire("a").unwrap();
    assert_eq!(
        (quota.retries_for_key("a"), quota.try_acquire("a").unwrap_err()),
        (1, QuotaExceeded::PerKey { limit: 1 })
    );
    drop(entry);
    assert_eq!((quota.retries_for_key("a"), quota.total_retries(), quota.tracked_keys()), (0, 0, 0));
}

#[test]
fn a_permit_of_a_removed_key_does_not_change_the_new_count() {
    let quota = RetryQuota::new();
    let old = quota.try_acquire("a").unwrap();
    quota.forget("a");
    quota.try_acquire("a").unwrap().consume();
    drop(old);
    assert_eq!((quota.retries_for_key("a"), quota.total_retries()), (1, 1));

    let old = quota.try_acquire("a").unwrap();
    quota.reset();
    quota.try_acquire("a").unwrap().consume();
    drop(old);
    assert_eq!((quota.retries_for_key("a"), quota.total_retries()), (1, 1));
}

#[test]
fn many_threads_never_exceed_a_limit() {
    let quota = RetryQuota::new().max_per_key(300).max_total(500);
    let taken = std::thread::scope(|scope| {
        let one = |key: &'static str| {
            let quota = &quota;
            move || {
                (0..1000)
                    .filter(|_| quota.try_acquire(key).map(tower_recourse::retry::quota::QuotaPermit::consume).is_ok())
                    .count()
            }
        };
        let threads = [scope.spawn(one("a")), scope.spawn(one("a")), scope.spawn(one("b")), scope.spawn(one("c"))];
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(taken.iter().sum::<usize>(), 500);
    assert!(taken[0] + taken[1] <= 300);
    assert_eq!(quota.total_retries(), 500);
}

#[test]
fn keys_without_recent_retries_are_removed() {
    let quota = RetryQuota::new().max_keys(100).unwrap();
    quota.try_acquire("first").unwrap().consume();
    for key in 0..99 {
        quota.try_acquire(&key.to_string()).unwrap().consume();
    }
    quota.try_acquire("first").unwrap().consume();
    quota.try_acquire("one more").unwrap().consume();
    assert_eq!((quota.retries_for_key("first"), quota.retries_for_key("0"), quota.retries_for_key("98")), (2, 0, 1));
    for key in 0..100_000 {
        quota.try_acquire(&key.to_string()).unwrap().consume();
        assert!(quota.tracked_keys() <= 100);
    }
    assert_eq!(quota.total_retries(), 100_102);
    assert_eq!(RetryQuota::new().max_keys(0).unwrap_err().to_string(), "`max_keys` is 0, but must be at least 1");
}

/// Each removal searches all keys, so a full quota removes many keys at once.
#[test]
fn a_full_quota_removes_an_eighth_of_the_keys_at_once() {
    let quota = RetryQuota::new().max_keys(84).unwrap();
    (0..84).for_each(|key| quota.try_acquire(&key.to_string()).unwrap().consume());
    assert_eq!(quota.tracked_keys(), 84);
    quota.try_acquire("one more").unwrap().consume();
    assert_eq!((quota.tracked_keys(), quota.retries_for_key("9"), quota.retries_for_key("10")), (84 - 10 + 1, 0, 1));
}

#[test]
fn the_first_256_bytes_of_a_key_count() {
    let quota = RetryQuota::new().max_per_key(1);
    let long = "ä".repeat(1_000_000);
    quota.try_acquire(&long).unwrap().consume();
    assert_eq!(quota.snapshot().keys, [("ä".repeat(128), 1)]);
    assert_eq!(
        (quota.retries_for_key(&long), quota.try_acquire(&long).unwrap_err()),
        (1, QuotaExceeded::PerKey { limit: 1 })
    );
}

#[test]
fn a_snapshot_restores_the_counts_and_keeps_the_bound() {
    let quota = RetryQuota::new();
    for key in ["a", "b", "b", "c"] {
        quota.try_acquire(key).unwrap().consume();
    }
    quota.try_acquire("a").unwrap().consume();
    let snapshot = quota.snapshot();
    assert_eq!(snapshot, QuotaSnapshot::new(5, vec![("b".into(), 2), ("c".into(), 1), ("a".into(), 2)]));

    let two = RetryQuota::new().max_keys(2).unwrap();
    two.try_acquire("z").unwrap().consume();
    two.restore(snapshot);
    assert_eq!(
        (two.total_retries(), two.retries_for_key("a"), two.retries_for_key("b"), two.retries_for_key("z")),
        (5, 2, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn retries_are_counted_across_requests() {
    let quota = RetryQuota::new().max_per_key(3).max_total(5);
    let layer = RetryLayer::new(config().retries(2).quota(&quota, |request: &&'static str| *request));
    let inner = Script::new([fail::<(), _>(Oops(1))]);
    let mut stack = layer.layer(inner.clone());
    let mut causes = Vec::new();
    for key in ["a", "a", "b", "b", "c"] {
        causes.push(with_report(ready_and_call(&mut stack, key)).await.unwrap_err().report.cause().unwrap());
    }
    let (attempts, key, all) =
        (Cause::AttemptsExhausted { attempts: 3 }, Cause::KeyQuota { limit: 3 }, Cause::TotalQuota { limit: 5 });
    assert_eq!(causes, [attempts, key, all, all, all]);
    assert_eq!((inner.calls(), quota.retries_for_key("a"), quota.retries_for_key("b")), (5 + 5, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_retry_dropped_during_its_wait_is_not_counted() {
    let quota = RetryQuota::new().max_per_key(1);
    let layer = RetryLayer::new(config().quota(&quota, |_: &()| "key"));
    let inner = Script::new([fail::<(), _>(Oops(1))]);
    let mut stack = layer.layer(inner.clone());
    let waiting = tokio::time::timeout(ms(5), ready_and_call(&mut stack, ()));
    assert!(waiting.await.is_err(), "it waits");
    assert_eq!((inner.calls(), quota.retries_for_key("key")), (1, 0));
    ready_and_call(&mut stack, ()).await.unwrap_err();
    assert_eq!((inner.calls(), quota.retries_for_key("key")), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_without_a_ready_service_counts_at_most_once() {
    let quota = RetryQuota::new().max_per_key(1);
    let layer = RetryLayer::new(config().quota(&quota, |_: &()| "key"));
    let inner = Script::new([fail(Oops(1)), readiness_error(Oops(2)), succeed("yes")]);
    assert_eq!(ready_and_call(&mut layer.layer(inner), ()).await, Ok("yes"));
    assert_eq!((quota.retries_for_key("key"), quota.total_retries()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_the_budget_refuses_is_not_counted() {
    let quota = RetryQuota::new().max_per_key(9);
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0));
    let layer = RetryLayer::new(config().shared_budget(budget.clone()).quota(&quota, |_: &()| "key"));
    let inner = Script::new([fail::<(), _>(Oops(1))]);
    let failed = with_report(ready_and_call(&mut layer.layer(inner), ())).await.unwrap_err();
    assert_eq!((failed.report.cause(), quota.total_retries()), (Some(Cause::Budget), 0));
    assert_eq!((budget.stats().granted, budget.stats().refused), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn turning_the_switch_off_allows_only_the_waiting_retry() {
    let consent = RetrySwitch::on();
    let inner = Script::new([fail::<(), _>(Oops(1))]);
    let mut service = RetryLayer::new(config().switch(&consent)).layer(inner.clone());
    let revoked = async {
        tokio::time::sleep(ms(5)).await;
        consent.turn_off();
    };
    let (failed, ()) = tokio::join!(with_report(ready_and_call(&mut service, ())), revoked);
    assert_eq!((failed.unwrap_err().report.cause(), inner.calls()), (Some(Cause::RetriesDisabled), 2));
    assert!(!consent.is_on());
}

/// The checks have the order that the cookbook's batch runner needs: switch, total limit, breaker,
/// permanent failure, limit of the key.
#[tokio::test(start_paused = true)]
async fn the_first_failed_check_is_the_reason() {
    let switch = RetrySwitch::off();
    let quota = RetryQuota::new().max_per_key(0).max_total(0);
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()).without_observers());
    circuit.try_acquire().unwrap().failure();
    let judge = |permanent: bool| {
        move |result: Result<&(), &tower_recourse::BreakerError<Oops>>| match result {
            Ok(()) => Verdict::Success,
            Err(_) if permanent => Verdict::permanent(),
            Err(_) => Verdict::transient(),
        }
    };
    let reason = async |quota: &RetryQuota, permanent, retries| {
        let config = config().retries(retries).switch(&switch).quota(quota, |_: &()| 1).classify(judge(permanent));
        let mut stack = ServiceBuilder::new()
            .layer(RetryLayer::new(config))
            .layer(BreakerLayer::on(&circuit))
            .service(Script::new([fail::<(), _>(Oops(1))]));
        with_report(ready_and_call(&mut stack, ())).await.unwrap_err().report.cause().unwrap().label()
    };
    assert_eq!(reason(&quota, true, 0).await, "retries_disabled");
    switch.turn_on();
    assert_eq!(reason(&quota, true, 0).await, "total_quota");
    let quota = RetryQuota::new().max_per_key(0);
    assert_eq!(reason(&quota, true, 0).await, "rejected");
    assert_eq!(circuit.stats().total_rejected, 3);
    circuit.force_closed();
    assert_eq!(reason(&quota, true, 0).await, "permanent");
    assert_eq!(reason(&quota, false, 0).await, "key_quota");
    let quota = RetryQuota::new();
    assert_eq!(reason(&quota, false, 0).await, "attempts_exhausted");
    assert_eq!(reason(&quota, false, 1).await, "attempts_exhausted");
}

#[test]
fn a_blocking_run_is_counted_too() {
    let quota = RetryQuota::new().max_per_key(1);
    let layer = RetryLayer::new(config().backoff(Backoff::fixed(ms(0))).quota(&quota, |key: &&'static str| *key));
    let mut seen = Vec::new();
    let failed = with_report_blocking(|| {
        layer.run_blocking_for(&"a", |attempt| {
            seen.push(attempt.number());
            Err::<(), _>(down())
        })
    });
    assert_eq!(failed.unwrap_err().report.cause(), Some(Cause::KeyQuota { limit: 1 }));
    assert_eq!((seen, quota.retries_for_key("a")), (vec![1, 2], 1));
}
