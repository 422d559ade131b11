//! What the other side may say of another attempt, besides how long to wait at least: exactly so long, never, and that it did nothing.

use std::{cell::RefCell, sync::Arc, time::Duration};

use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};
use tower_recourse::{
    RetryConfig, RetryLayer, Verdict,
    retry::{Backoff, Budget, Jitter, RetryThrottle, Switch},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Judges by the error, which is the verdict itself.
fn config() -> RetryConfig<impl tower_recourse::Classifier<(), (), Verdict, Memo = ()>> {
    let backoff = Backoff::exponential(MS(50)).jitter(Jitter::None);
    RetryConfig::default()
        .retries(3)
        .backoff(backoff)
        .without_budget()
        .unobserved()
        .classify_errors(|verdict: &Verdict| *verdict)
}

/// The waits between the calls that these errors lead to; then it succeeds.
async fn waits<C>(config: RetryConfig<C>, errors: &[Verdict]) -> Vec<Duration>
where
    C: tower_recourse::Classifier<(), (), Verdict>,
{
    let calls = RefCell::new(Vec::new());
    let service = service_fn(|()| {
        let mut calls = calls.borrow_mut();
        let answer = errors.get(calls.len()).map_or(Ok(()), |&error| Err(error));
        calls.push(Instant::now());
        async move { answer }
    });
    let _ = RetryLayer::new(config).layer(service).oneshot(()).await;
    let calls = calls.borrow();
    calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn an_exact_delay_replaces_the_back_off_which_begins_anew() {
    let failure = Verdict::transient();
    let at_least = failure.retry_after(MS(10));
    let exactly = failure.retry_exactly_after(MS(10));
    assert_eq!(waits(config(), &[at_least, failure, failure]).await, [MS(50), MS(100), MS(200)]);
    assert_eq!(waits(config(), &[failure, exactly, failure]).await, [MS(50), MS(10), MS(50)]);
    let too_long = failure.retry_exactly_after(Duration::from_secs(31));
    assert_eq!(waits(config(), &[too_long]).await, []);
}

#[tokio::test(start_paused = true)]
async fn what_is_never_to_be_retried_is_not_and_counts_as_what_it_is() {
    let throttle = Arc::new(RetryThrottle::default());
    let config = config().shared_budget(throttle.clone());
    assert_eq!(waits(config, &[Verdict::throttled().never_retry()]).await, []);
    assert_eq!(throttle.tokens(), 9.0);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_sent_again_at_once_and_counts_for_nothing() {
    let (refused, failure) = (Verdict::refused(), Verdict::transient());
    let budget = Arc::new(RetryThrottle::default());
    let tight = config().retries(1).shared_budget(budget.clone());
    assert_eq!(waits(tight, &[refused, failure]).await, [MS(0), MS(50)]);
    let stats = budget.stats();
    assert_eq!((budget.tokens(), stats.granted), (9.1, 1));
    assert_eq!(waits(config().retries(0), &[refused]).await, [MS(0)]);
    assert_eq!(waits(config().retries(1), &[failure, refused]).await, [MS(50), MS(0)]);
}

#[tokio::test(start_paused = true)]
async fn it_is_sent_again_for_nothing_only_once() {
    let refused = Verdict::refused();
    assert_eq!(waits(config().retries(0), &[refused, refused]).await, [MS(0)]);
    assert_eq!(waits(config().retries(1), &[refused, refused]).await, [MS(0), MS(50)]);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_off_holds_for_it_too() {
    let switch = Switch::off();
    assert_eq!(waits(config().switch(&switch), &[Verdict::refused()]).await, []);
}

#[test]
fn what_blocks_is_sent_again_too() {
    let mut attempts = Vec::new();
    let retry = RetryLayer::new(config().retries(1).backoff(Backoff::none()));
    let answer = retry.run_blocking(|attempt| {
        attempts.push(attempt.number());
        match attempts.len() {
            1 => Err(Verdict::refused()),
            2 => Err(Verdict::transient()),
            _ => Ok(()),
        }
    });
    assert_eq!((answer, attempts), (Ok(()), vec![1, 1, 2]));
}
