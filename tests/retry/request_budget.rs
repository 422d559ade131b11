//! A budget in a retry loop that isn't this crate's.

use std::sync::Arc;

use tower_recourse::{
    FailureKind::{Throttled, Transient},
    RetryConfig, RetryLayer,
    retry::{AnyBudget, Budget, CostBucket, RetryThrottle, TokenBucket},
};

use crate::scripted::{Oops, ms};

/// A bucket with this many tokens and no reserve.
fn bucket(share: f64, initial: u32) -> Arc<TokenBucket> {
    Arc::new(TokenBucket::retry_ratio(share).unwrap().min_per_second(0).initial(initial).unwrap())
}

#[test]
fn a_request_deposits_once_and_pays_for_its_retries() {
    let bucket = bucket(0.5, 1);
    let budget = AnyBudget::from(bucket.clone());
    budget.request().succeeded();
    let mut request = budget.request();
    assert_eq!(bucket.balance(), 2);
    request.spend();
    assert!(request.try_retry(Transient));
    assert_eq!(bucket.balance(), 1, "reserved before the wait");
    request.spend();
    assert!(request.try_retry(Transient));
    request.spend();
    assert!(!request.try_retry(Transient));
    drop(request);
    assert_eq!((bucket.balance(), bucket.stats().granted, bucket.stats().refused), (0, 2, 1));
}

#[test]
fn a_request_that_is_dropped_in_a_wait_gets_its_token_back() {
    let bucket = bucket(0.0, 3);
    let budget = AnyBudget::from(bucket.clone());
    let mut waiting = budget.request();
    assert!(waiting.try_retry(Transient));
    drop(waiting);
    assert_eq!((bucket.balance(), bucket.stats().granted), (3, 0));
    let mut attempting = budget.request();
    assert!(attempting.try_retry(Transient));
    attempting.spend();
    drop(attempting);
    assert_eq!((bucket.balance(), bucket.stats().granted), (2, 1));
    // Without `spend`, the next report shows that the attempt was made.
    let mut reported = budget.request();
    assert!(reported.try_retry(Transient) && reported.try_retry(Transient));
    drop(reported);
    assert_eq!((bucket.balance(), bucket.stats().granted), (1, 2));
}

/// As in the AWS SDKs: a success returns what its retry has cost, and a first attempt earns 1.
#[test]
fn a_success_reports_what_its_attempt_has_cost() {
    let cost = Arc::new(CostBucket::capacity(100).unwrap());
    let budget = AnyBudget::from(cost.clone());
    let mut request = budget.request();
    assert!(request.try_retry(Transient));
    let after_first = cost.tokens();
    assert!(request.try_retry(Transient));
    assert_eq!(100 - after_first, after_first - cost.tokens());
    request.succeeded();
    assert_eq!(cost.tokens(), after_first, "the last reservation is returned");
    budget.request().succeeded();
    assert_eq!(cost.tokens(), after_first + 1);
}

#[test]
fn each_failure_is_reported_to_the_budget() {
    let throttle = Arc::new(RetryThrottle::default());
    let budget = AnyBudget::from(throttle.clone());
    let before = throttle.balance();
    let mut request = budget.request();
    assert!(request.try_retry(Throttled));
    assert_eq!(throttle.balance(), before - 1);
}

#[tokio::test(start_paused = true)]
async fn a_loop_inside_a_retry_on_the_same_budget_deposits_once() {
    let bucket = bucket(1.0, 0);
    let retry = RetryLayer::new(RetryConfig::default().shared_budget(bucket.clone()).without_observers());
    let budget = AnyBudget::from(bucket.clone());
    let run = retry.run(async |_| {
        let request = budget.request();
        tokio::time::sleep(ms(1)).await;
        request.succeeded();
        Ok::<_, Oops>(())
    });
    run.await.unwrap();
    assert_eq!(bucket.balance(), 1);
}

#[test]
fn an_account_can_be_sent_to_another_thread() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    is_send_and_sync(&AnyBudget::from(bucket(0.0, 0)).request());
}
