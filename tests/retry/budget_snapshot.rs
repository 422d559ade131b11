//! Snapshots of budgets.

use std::time::Duration;

use tower_recourse::{
    FailureKind,
    retry::{Budget, CostBucket, RetryThrottle, TokenBucket, budget::BudgetSnapshot},
    time::ManualClock,
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn plain() -> TokenBucket {
    TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0)
}

/// A bucket whose deposits expire after 10 s, and its clock.
fn ageing() -> (TokenBucket, ManualClock) {
    let clock = ManualClock::new();
    (plain().ttl(secs(10)).unwrap().clock(clock.clone()), clock)
}

fn balance(budget: &impl Budget) -> u64 {
    budget.stats().balance
}

#[test]
fn a_bucket_takes_a_billion_deposits() {
    let (before, after) = (TokenBucket::retry_ratio(0.6).unwrap().min_per_second(0), plain());
    (0..4).for_each(|_| before.deposit());
    after.restore(&before.snapshot(), secs(1_000_000));
    assert_eq!((balance(&after), after.snapshot()), (2, before.snapshot()), "2.4 tokens, and they don't expire");
    after.restore(&plain().snapshot(), Duration::ZERO);
    assert_eq!(balance(&after), 0, "instead of the earlier tokens");
}

#[test]
fn any_snapshot_gives_a_balance_from_zero_to_the_capacity() {
    let (with_ttl, _clock) = ageing();
    for tokens in [f64::INFINITY, f64::MAX, 1e9, 100.5, -1.0, f64::NEG_INFINITY, f64::NAN] {
        let snapshot = BudgetSnapshot::new(vec![(Duration::ZERO, tokens); 20]);
        for bucket in [&plain(), &with_ttl] {
            bucket.restore(&snapshot, Duration::ZERO);
            assert_eq!(balance(bucket), if tokens > 0.0 { 100 } else { 0 }, "{tokens}");
        }
        let throttle = RetryThrottle::default();
        throttle.restore(tokens);
        assert_eq!(throttle.tokens(), if tokens > 0.0 { 10.0 } else { 0.0 }, "{tokens}");
    }
    let cost = CostBucket::default();
    cost.restore(u32::MAX);
    assert_eq!(cost.tokens(), 500);
}

#[test]
fn restored_deposits_keep_their_age() {
    for down in [0, 1, 3, 5, 8, 30] {
        let (before, clock) = ageing();
        before.deposit();
        clock.advance(secs(4));
        before.deposit();
        before.deposit();
        let snapshot = before.snapshot();

        let (after, clock_after) = ageing();
        after.restore(&snapshot, secs(down));
        clock.advance(secs(down));
        for second in down..40 {
            assert_eq!(balance(&after), balance(&before), "down for {down} s, {second} s after the snapshot");
            clock.advance(secs(1));
            clock_after.advance(secs(1));
        }
        assert_eq!(balance(&after), 0);
    }
}

#[test]
fn a_snapshot_has_only_slices_with_deposits() {
    let (bucket, clock) = ageing();
    bucket.deposit();
    clock.advance(secs(4));
    bucket.deposit();
    bucket.deposit();
    assert_eq!(bucket.snapshot().deposits, [(secs(0), 2.0), (secs(4), 1.0)], "the newest first");
}

/// A restored bucket uses no capacity for expired tokens.
#[test]
fn expired_deposits_are_left_out_in_any_order() {
    for age in [10, 11, 12, 1_000_000] {
        let (bucket, _clock) = ageing();
        bucket.restore(&BudgetSnapshot::new(vec![(secs(age), 100.0), (secs(0), 50.0)]), Duration::ZERO);
        assert_eq!(balance(&bucket), 50, "{age} s");
    }
}

#[test]
fn restored_tokens_can_be_withdrawn_and_returned() {
    let (before, _) = ageing();
    (0..5).for_each(|_| before.deposit());
    let (after, clock) = ageing();
    clock.advance(secs(123));
    (0..100).for_each(|_| after.deposit());
    after.restore(&before.snapshot(), secs(2));
    let tokens: Vec<_> = (0..5).map(|_| after.withdraw(FailureKind::Transient).unwrap()).collect();
    assert!(after.withdraw(FailureKind::Transient).is_none());
    tokens.into_iter().for_each(|token| after.refund(token));
    assert_eq!(balance(&after), 5);
}

#[test]
fn a_cost_bucket_and_a_throttle_continue_with_their_balance() {
    let (before, after) = (CostBucket::default(), CostBucket::default());
    before.withdraw(FailureKind::TimedOut).unwrap();
    after.restore(before.tokens());
    assert_eq!(after.tokens(), 490);

    let (before, after) = (RetryThrottle::default(), RetryThrottle::default());
    (0..5).for_each(|_| before.on_failure(FailureKind::Transient));
    before.on_success(None);
    after.restore(before.tokens());
    assert_eq!(after.tokens(), 5.1);
    assert!(after.withdraw(FailureKind::Transient).is_some());
    after.on_failure(FailureKind::Transient);
    assert!(after.withdraw(FailureKind::Transient).is_none());
}

#[cfg(feature = "store")]
#[test]
fn a_store_persists_all_three_kinds() {
    use std::sync::Arc;
    use tower_recourse::store::FileStore;
    let folder = tempfile::tempdir().unwrap();
    for run in 0..2 {
        let store = FileStore::open(folder.path(), "budgets").unwrap();
        let budgets = (Arc::new(plain()), Arc::new(CostBucket::default()), Arc::new(RetryThrottle::default()));
        store.register("bucket", &budgets.0).unwrap();
        store.register("cost", &budgets.1).unwrap();
        store.register("throttle", &budgets.2).unwrap();
        if run == 0 {
            budgets.0.deposit();
            budgets.1.withdraw(FailureKind::Transient).unwrap();
            budgets.2.on_failure(FailureKind::Transient);
        }
        assert_eq!((balance(&*budgets.0), budgets.1.tokens(), budgets.2.tokens()), (1, 495, 9.0), "run {run}");
    }
}
