//! The budget limits retries to a share of the traffic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_test::{assert_pending, task::spawn};
use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    FailureKind, RetryConfig, RetryLayer,
    retry::{Backoff, Budget, BudgetStats, CostBucket, RetryThrottle, TokenBucket, budget::Token},
    time::ManualClock,
};

use crate::scripted::*;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::none())
}

fn bucket(share: f64, reserve: u32) -> Arc<TokenBucket> {
    Arc::new(TokenBucket::retry_ratio(share).unwrap().min_per_second(reserve))
}

/// A bucket that holds this many tokens.
fn holding(tokens: u32) -> Arc<TokenBucket> {
    let bucket = bucket(1.0, 0);
    (0..tokens).for_each(|_| bucket.deposit());
    assert_eq!(bucket.balance(), u64::from(tokens));
    bucket
}

/// tower-resilience: retries could reach 100 % of the traffic. tower#857: the percentage was
/// truncated.
#[tokio::test(start_paused = true)]
async fn a_share_of_a_fifth_holds_when_everything_fails() {
    for (share, reserve) in [(0.2, 10), (0.2, 0), (0.0, 3), (0.6, 0)] {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
        let mut retry = RetryLayer::new(config().shared_budget(bucket(share, reserve))).layer(inner.clone());
        for _ in 0..1000 {
            assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
        }
        let expected = 1000 + (1000.0 * share) as usize + reserve as usize;
        assert_eq!(inner.calls(), expected, "a share of {share} and a reserve of {reserve}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_is_the_reason() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), fail(Oops(2))]);
    let events = EventLog::default();
    let config = config().shared_budget(bucket(0.0, 0)).observe(events.observer());
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Err(Oops(1)));
    assert!(events.last_has(&["RetryStopped", "Budget", "attempt: 1"]));
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_every_request_has_all_its_retries() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let mut retry = RetryLayer::new(config().without_budget()).layer(inner.clone());
    for _ in 0..100 {
        let _ = ready_and_call(&mut retry, ()).await;
    }
    assert_eq!(inner.calls(), 400);
}

/// All services that one layer makes share its budget.
#[tokio::test(start_paused = true)]
async fn all_services_of_one_layer_share_its_budget() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let layer = RetryLayer::new(config().budget(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(3)));
    for _ in 0..10 {
        let _ = ready_and_call(&mut layer.clone().layer(inner.clone()), ()).await;
    }
    let mut kept = layer.copy_request_with(|(): &()| Some(())).layer(inner.clone());
    let _ = ready_and_call(&mut kept, ()).await;
    assert_eq!(inner.calls(), 11 + 3);
}

#[tokio::test(start_paused = true)]
async fn the_reserve_refills_with_time() {
    let clock = ManualClock::new();
    let bucket = TokenBucket::retry_ratio(0.0).unwrap().min_per_second(2).clock(clock.clone());
    let taken = |times: u32| (0..times).filter_map(|_| bucket.withdraw(FailureKind::Transient)).count();
    assert_eq!((bucket.balance(), taken(5)), (2, 2));
    clock.advance(ms(499));
    assert_eq!((bucket.balance(), taken(5)), (0, 0));
    clock.advance(ms(1));
    assert_eq!((bucket.balance(), taken(5)), (1, 1));
    clock.advance(secs(3600));
    assert_eq!((bucket.balance(), taken(5)), (2, 2), "it holds one second's worth");
}

#[test]
fn a_reserve_beyond_the_range_of_the_clock_has_a_balance() {
    let bucket = TokenBucket::retry_ratio(0.0).unwrap().min_per_second(u32::MAX).clock(ManualClock::new());
    assert_eq!(bucket.balance(), 1_000_000_000);
    assert!(bucket.withdraw(FailureKind::Transient).is_some());
    assert_eq!(bucket.balance(), 999_999_999);
}

#[test]
fn a_bucket_never_holds_more_than_its_capacity() {
    for (share, capacity) in [(0.3, 1), (2.5, 3), (1000.0, 10)] {
        let bucket = TokenBucket::retry_ratio(share).unwrap().min_per_second(0).capacity(capacity).unwrap();
        (0..100).for_each(|_| bucket.deposit());
        assert_eq!(bucket.balance(), u64::from(capacity));
        let taken = (0..2000).filter_map(|_| bucket.withdraw(FailureKind::Transient)).count();
        assert_eq!(taken, capacity as usize, "a share of {share}");
    }
}

/// Counts its calls, and grants every token.
#[derive(Debug, Default)]
struct Counts {
    deposits: AtomicU64,
    withdrawals: AtomicU64,
}

impl Budget for Counts {
    fn deposit(&self) {
        self.deposits.fetch_add(1, Ordering::Relaxed);
    }

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        self.withdrawals.fetch_add(1, Ordering::Relaxed);
        Some(Token::new(0))
    }

    fn refund(&self, _: Token) {}

    fn stats(&self) -> BudgetStats {
        BudgetStats::new(u64::MAX, 0, 0)
    }
}

impl Counts {
    fn both(&self) -> (u64, u64) {
        (self.deposits.load(Ordering::Relaxed), self.withdrawals.load(Ordering::Relaxed))
    }
}

fn retry_on(budget: &Arc<Counts>, retries: u32) -> RetryLayer<RetryConfig> {
    RetryLayer::new(config().retries(retries).shared_budget(budget.clone()))
}

#[tokio::test(start_paused = true)]
async fn nested_retries_with_one_budget_deposit_once() {
    let budget = Arc::new(Counts::default());
    let mut retry = ServiceBuilder::new()
        .layer(retry_on(&budget, 1))
        .layer(retry_on(&budget, 1))
        .layer(retry_on(&budget, 1))
        .service(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let _ = ready_and_call(&mut retry, ()).await;
    assert_eq!(budget.both(), (1, 7));
    let _ = ready_and_call(&mut retry, ()).await;
    assert_eq!(budget.both(), (2, 14), "the next request deposits again");
}

/// A request deposits once even if the handler calls the inner retry in a later poll.
#[tokio::test(start_paused = true)]
async fn a_request_deposits_once_with_a_retry_in_a_handler() {
    let budget = Arc::new(Counts::default());
    let client = retry_on(&budget, 1).layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let mut retry = retry_on(&budget, 1).layer(tower::service_fn(move |()| {
        let mut client = client.clone();
        async move {
            tokio::task::yield_now().await;
            ready_and_call(&mut client, ()).await
        }
    }));
    let _ = ready_and_call(&mut retry, ()).await;
    assert_eq!(budget.both(), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn two_retries_with_two_budgets_deposit_in_each() {
    let (outer, inner) = (Arc::new(Counts::default()), Arc::new(Counts::default()));
    let mut retry =
        ServiceBuilder::new()
            .layer(retry_on(&outer, 1))
            .layer(retry_on(&inner, 1))
            .service(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let _ = ready_and_call(&mut retry, ()).await;
    assert_eq!(outer.both(), (1, 1));
    assert_eq!(inner.both(), (2, 2), "each attempt of the outer retry is a request of the inner one");
}

/// The outermost and the innermost retry share a budget. A retry between them has another budget.
#[tokio::test(start_paused = true)]
async fn a_budget_in_between_does_not_hide_the_outer_one() {
    let (ours, theirs) = (Arc::new(Counts::default()), Arc::new(Counts::default()));
    let mut retry = ServiceBuilder::new()
        .layer(retry_on(&ours, 1))
        .layer(retry_on(&theirs, 0))
        .layer(RetryLayer::new(config().retries(0).without_budget()))
        .layer(retry_on(&ours, 1))
        .service(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let _ = ready_and_call(&mut retry, ()).await;
    assert_eq!(ours.both().0, 1);
}

/// Envoy #30205: retries that waited in backoff escaped the budget.
#[tokio::test(start_paused = true)]
async fn retries_that_wait_are_counted() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let budget = bucket(0.0, 3);
    let layer = RetryLayer::new(
        RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1))).shared_budget(budget.clone()),
    );
    let mut services: Vec<_> = (0..10).map(|_| layer.layer(inner.clone())).collect();
    let mut calls: Vec<_> = services.iter_mut().map(|service| spawn(ready_and_call(service, ()))).collect();
    let waiting = calls.iter_mut().filter_map(|call| call.poll().is_pending().then_some(())).count();
    assert_eq!((waiting, budget.balance()), (3, 0), "three wait, and no token is left for a fourth");
}

#[tokio::test(start_paused = true)]
async fn a_token_reserved_for_a_wait_is_returned_on_drop() {
    for budget in [holding(3), bucket(0.0, 3)] {
        let config = RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1))).shared_budget(budget.clone());
        let mut retry = RetryLayer::new(config).layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
        let mut call = spawn(ready_and_call(&mut retry, ()));
        assert_pending!(call.poll());
        let left = budget.balance();
        drop(call);
        assert_eq!(budget.balance(), left + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_spent_token_is_kept_on_drop() {
    let budget = holding(2);
    let config = RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1))).shared_budget(budget.clone());
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), hang()]);
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    let mut call = spawn(ready_and_call(&mut retry, ()));
    assert_pending!(call.poll());
    tokio::time::advance(secs(1)).await;
    assert_pending!(call.poll());
    assert_eq!((inner.calls(), budget.balance()), (2, 2));
    drop(call);
    assert_eq!(budget.balance(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_never_ready_costs_nothing() {
    let budget = holding(5);
    let inner = Script::new([fail(Oops(1)), readiness_error(Oops(2)), readiness_error(Oops(3)), succeed("yes")]);
    let mut retry = RetryLayer::new(config().shared_budget(budget.clone())).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok("yes"));
    assert_eq!((inner.calls(), budget.balance()), (2, 5), "one deposit, one withdrawal");
}

/// smithy-rs#4632: a limiter that charged refused requests went negative, and refused forever.
#[test]
fn a_refused_withdrawal_charges_nothing() {
    fn refuses(budget: impl Budget, deposits: usize) {
        for _ in 0..10 {
            while budget.withdraw(FailureKind::Transient).is_some() {}
            let empty = budget.stats().balance;
            (0..1000).for_each(|_| assert!(budget.withdraw(FailureKind::Transient).is_none()));
            assert_eq!(budget.stats().balance, empty);
            (0..deposits).for_each(|_| {
                budget.deposit();
                budget.on_success(None);
            });
            assert!(budget.withdraw(FailureKind::Transient).is_some(), "a deposit is available at once");
        }
    }
    refuses(TokenBucket::retry_ratio(0.5).unwrap().min_per_second(0), 2);
    refuses(TokenBucket::retry_ratio(0.5).unwrap().min_per_second(0).ttl(secs(10)).unwrap(), 2);
    refuses(CostBucket::aws_2_1(), 14);
}

/// failsafe-go#141: an exhausted budget failed calls whose first attempt was still running.
#[tokio::test(start_paused = true)]
async fn an_exhausted_budget_does_not_end_a_first_attempt() {
    let budget = bucket(0.0, 0);
    let slow = tower::service_fn(|_: ()| async {
        tokio::time::sleep(secs(10)).await;
        Ok::<_, Oops>("late")
    });
    let retry = RetryLayer::new(config().shared_budget(budget.clone()));
    let mut running = spawn(retry.layer(slow).oneshot(()));
    assert_pending!(running.poll());
    let failing = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    for _ in 0..100 {
        assert_eq!(ready_and_call(&mut retry.layer(failing.clone()), ()).await, Err(Oops(1)), "the call's own failure");
    }
    assert_pending!(running.poll());
    assert_eq!(running.await, Ok("late"));
}

#[test]
fn a_clock_set_back_by_30_days_does_not_stop_a_budget() {
    let buckets =
        || [bucket(0.0, 10), Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0).ttl(secs(1)).unwrap())];
    let paused = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let made_before = buckets();
    let used_there = |buckets: &[Arc<TokenBucket>]| {
        for bucket in buckets {
            (0..20).for_each(|_| bucket.deposit());
            while bucket.withdraw(FailureKind::Transient).is_some() {}
        }
    };
    let made_there = paused().block_on(async {
        tokio::time::advance(secs(30 * 86_400)).await;
        used_there(&made_before);
        let made_there = buckets();
        used_there(&made_there);
        made_there
    });
    for bucket in made_before.iter().chain(&made_there) {
        let is_granted = (0..200).any(|_| {
            bucket.deposit();
            std::thread::sleep(ms(10));
            bucket.withdraw(FailureKind::Transient).is_some()
        });
        assert!(is_granted, "{bucket:?}");
    }
}

/// A burst of requests right after the start. Each of them fails once.
#[tokio::test(start_paused = true)]
async fn the_default_budget_pays_for_a_burst_of_single_failures() {
    for calls in [60, 110] {
        let layer = RetryLayer::new(RetryConfig::default().idempotent().without_observers());
        let call = |_| {
            let inner = Script::new([fail(Oops(503)), succeed("yes")]);
            tokio::spawn(layer.layer(inner).call_when_ready(()))
        };
        let started: Vec<_> = (0..calls).map(call).collect();
        for call in started {
            assert_eq!(call.await.unwrap(), Ok("yes"));
        }
    }
}

#[test]
fn a_bucket_holds_its_initial_tokens_at_first() {
    assert_eq!(TokenBucket::default().balance(), 110, "100, and a reserve of 10");
    assert_eq!(TokenBucket::retry_ratio(0.2).unwrap().balance(), 10);
    let bucket = || TokenBucket::retry_ratio(0.2).unwrap().min_per_second(0);
    assert_eq!(bucket().initial(7).unwrap().balance(), 7);
    assert_eq!(bucket().initial(7).unwrap().capacity(5).unwrap().balance(), 5);
    assert_eq!(bucket().capacity(500).unwrap().initial(500).unwrap().balance(), 500);
    let ageing = bucket().ttl(secs(10)).unwrap().initial(7).unwrap();
    assert_eq!(ageing.balance(), 7);
    assert!((0..8).map(|_| ageing.withdraw(FailureKind::Transient)).filter(Option::is_some).count() == 7);
    let refused = bucket().initial(101).unwrap_err();
    assert_eq!(refused.to_string(), "`initial` is 101, but must be at most the bucket's capacity");
}

#[test]
fn initial_tokens_age_like_deposits() {
    let clock = ManualClock::new();
    let bucket = TokenBucket::retry_ratio(0.2).unwrap().min_per_second(0).ttl(secs(10)).unwrap().initial(7).unwrap();
    let bucket = bucket.clock(clock.clone());
    clock.advance(secs(8));
    assert_eq!(bucket.balance(), 7);
    clock.advance(secs(3));
    assert_eq!(bucket.balance(), 0);
}

#[test]
fn a_full_budget_has_its_highest_balance() {
    let share = TokenBucket::retry_ratio(0.5).unwrap();
    let full: [&dyn Budget; 5] = [
        &share.capacity(7).unwrap().initial(7).unwrap().min_per_second(3),
        &TokenBucket::default().ttl(Duration::from_secs(10)).unwrap(),
        &CostBucket::aws_2_0(),
        &CostBucket::capacity(7).unwrap(),
        &RetryThrottle::max_tokens(10).unwrap(),
    ];
    for budget in full {
        assert_eq!(budget.max_balance(), Some(budget.balance()), "{budget:?}");
        budget.on_failure(FailureKind::Transient);
        budget.withdraw(FailureKind::Transient).unwrap();
        assert!(budget.max_balance() > Some(budget.balance()), "{budget:?}");
    }
}
