//! What a server can say about the next attempt. It can request a minimum or an exact delay, forbid
//! the attempt, or state that it didn't process the failed request.

use std::{cell::RefCell, sync::Arc, time::Duration};

use tokio::time::Instant;
use tower::{Layer, service_fn};
use tower_recourse::{
    FailureKind, Ratio, RetryConfig, RetryLayer, Verdict,
    retry::{Backoff, Budget, Jitter, RetrySwitch, RetryThrottle, TimeoutOutcome, Timeouts},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// The error is the verdict.
fn config() -> RetryConfig<impl tower_recourse::Classifier<(), (), Verdict, Memo = ()>> {
    let backoff = Backoff::exponential(MS(50)).jitter(Jitter::None);
    RetryConfig::default()
        .retries(3)
        .backoff(backoff)
        .without_budget()
        .without_observers()
        .retry_after_jitter(Ratio::new(0.0).unwrap())
        .classify_errors(|verdict: &Verdict| *verdict)
}

/// Runs a request against a service that fails with these errors and then succeeds. Returns the
/// waits between the calls.
async fn waits<C, A>(config: RetryConfig<C, A>, errors: &[Verdict]) -> Vec<Duration>
where
    C: tower_recourse::Classifier<(), (), Verdict>,
    A: TimeoutOutcome<(), Verdict>,
{
    let calls = RefCell::new(Vec::new());
    let service = service_fn(|()| {
        let mut calls = calls.borrow_mut();
        let response = errors.get(calls.len()).map_or(Ok(()), |&error| Err(error));
        calls.push(Instant::now());
        async move { response }
    });
    let _ = RetryLayer::new(config).layer(service).oneshot(()).await;
    let calls = calls.borrow();
    calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn an_exact_delay_replaces_and_restarts_the_backoff() {
    let failure = Verdict::transient();
    let at_least = failure.retry_after(MS(10));
    let exactly = failure.retry_after_exactly(MS(10));
    assert_eq!(waits(config(), &[at_least, failure, failure]).await, [MS(50), MS(100), MS(200)]);
    assert_eq!(waits(config(), &[failure, exactly, failure]).await, [MS(50), MS(10), MS(50)]);
    let too_long = failure.retry_after_exactly(Duration::from_secs(31));
    assert_eq!(waits(config(), &[too_long]).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_pushback_replaces_and_restarts_the_backoff() {
    let failure = Verdict::transient();
    let pushback = failure.retry_after_pushback(MS(10));
    assert_eq!(waits(config(), &[failure, pushback, failure]).await, [MS(50), MS(10), MS(50)]);
    let wait = waits(config().retry_after_jitter(fifth()), &[pushback]).await[0];
    assert!((MS(10)..=MS(21)).contains(&wait), "{wait:?}");
}

fn fifth() -> Ratio {
    Ratio::new(0.2).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_delay_gets_jitter_and_is_never_shortened() {
    for (asked, most) in [(MS(10_000), MS(12_001)), (MS(60), MS(73)), (MS(51), MS(63))] {
        let mut seen = Vec::new();
        for seed in 0..100 {
            let config = config().retry_after_jitter(fifth()).seed(seed);
            seen.push(waits(config, &[Verdict::transient().retry_after(asked)]).await[0]);
        }
        let (first, last) = (*seen.iter().min().unwrap(), *seen.iter().max().unwrap());
        assert!(first >= asked && last <= most, "{first:?} to {last:?}");
        assert!(last - first > (most - asked) / 2, "{first:?} to {last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exact_or_zero_delay_gets_no_jitter() {
    let config = || config().retry_after_jitter(Ratio::new(1.0).unwrap());
    assert_eq!(waits(config(), &[Verdict::transient().retry_after_exactly(MS(70))]).await, [MS(70)]);
    assert_eq!(waits(config(), &[Verdict::transient().retry_after_pushback(MS(0))]).await, [MS(0)]);
    assert_eq!(waits(config(), &[Verdict::transient().retry_after(MS(0))]).await, [MS(50)]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_with_jitter_does_not_cross_the_deadline() {
    let asked = Verdict::transient().retry_after(MS(950));
    for seed in 0..50 {
        let limit = Timeouts::request(MS(1_000)).on_timeout(|_| Err(Verdict::timed_out()));
        let config = config().retry_after_jitter(fifth()).seed(seed).timeouts(limit);
        let wait = waits(config, &[asked]).await[0];
        assert!((MS(950)..=MS(976)).contains(&wait), "{wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_maximum_is_compared_with_the_delay_without_jitter() {
    let config = config().retry_after_jitter(fifth());
    let thirty = Verdict::transient().retry_after(Duration::from_secs(30));
    assert!(waits(config, &[thirty]).await[0] >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_failure_is_retried_after_a_second_or_so() {
    let throttled = Verdict::throttled();
    let gaps = waits(config(), &[throttled, throttled, Verdict::transient()]).await;
    assert!((MS(500)..=MS(1_001)).contains(&gaps[0]), "{gaps:?}");
    assert!((MS(1_000)..=MS(2_001)).contains(&gaps[1]), "{gaps:?}");
    assert_eq!(gaps[2], MS(200), "another kind of failure");

    let fixed = config().throttled_backoff(Backoff::fixed(MS(400)));
    assert_eq!(waits(fixed, &[throttled]).await, [MS(400)]);
    let longer = config().backoff(Backoff::fixed(MS(5_000)));
    assert_eq!(waits(longer, &[throttled]).await, [MS(5_000)], "the backoff is longer");
    let off = config().throttled_backoff(Backoff::none());
    assert_eq!(waits(off, &[throttled]).await, [MS(50)]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_names_a_delay_overrides_the_throttled_backoff() {
    let asked = Verdict::failure(FailureKind::Throttled).retry_after(MS(100));
    assert_eq!(waits(config(), &[asked]).await, [MS(100)]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_marked_never_retry_keeps_its_kind() {
    let throttle = Arc::new(RetryThrottle::default());
    let config = config().shared_budget(throttle.clone());
    assert_eq!(waits(config, &[Verdict::throttled().never_retry()]).await, []);
    assert_eq!(throttle.tokens(), 9.0);
}

#[tokio::test(start_paused = true)]
async fn an_unprocessed_request_is_retried_transparently() {
    let (refused, failure) = (Verdict::unprocessed(), Verdict::transient());
    let budget = Arc::new(RetryThrottle::default());
    let tight = config().retries(1).shared_budget(budget.clone());
    assert_eq!(waits(tight, &[refused, failure]).await, [MS(0), MS(50)]);
    let stats = budget.stats();
    assert_eq!((budget.tokens(), stats.granted), (9.1, 1));
    assert_eq!(waits(config().retries(0), &[refused]).await, [MS(0)]);
    assert_eq!(waits(config().retries(1), &[failure, refused]).await, [MS(50), MS(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_transparent_retry_happens_only_once() {
    let refused = Verdict::unprocessed();
    assert_eq!(waits(config().retries(0), &[refused, refused]).await, [MS(0)]);
    assert_eq!(waits(config().retries(1), &[refused, refused]).await, [MS(0), MS(50)]);
}

#[tokio::test(start_paused = true)]
async fn the_switch_stops_transparent_retries_too() {
    let switch = RetrySwitch::off();
    assert_eq!(waits(config().switch(&switch), &[Verdict::unprocessed()]).await, []);
}

#[test]
fn a_blocking_run_has_transparent_retries() {
    let mut attempts = Vec::new();
    let retry = RetryLayer::new(config().retries(1).backoff(Backoff::none()));
    let response = retry.run_blocking(|attempt| {
        attempts.push(attempt.number());
        match attempts.len() {
            1 => Err(Verdict::unprocessed()),
            2 => Err(Verdict::transient()),
            _ => Ok(()),
        }
    });
    assert_eq!((response, attempts), (Ok(()), vec![1, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_conflicting_transaction_is_repeated_up_to_20_times() {
    let conflict = |code: &u32| *code == 40_001;
    let failing = |times: u32, code: u32| {
        let calls = RefCell::new(0);
        let layer = RetryLayer::new(RetryConfig::transactions(conflict).without_observers());
        async move {
            let begun = Instant::now();
            let transaction = |_| {
                *calls.borrow_mut() += 1;
                let response = if *calls.borrow() <= times { Err(code) } else { Ok(()) };
                async move { response }
            };
            let response = layer.run(transaction).await;
            (response, *calls.borrow(), begun.elapsed())
        }
    };
    let (response, calls, waited) = failing(20, 40_001).await;
    assert_eq!((response, calls), (Ok(()), 21));
    assert!(waited < Duration::from_secs(8), "{waited:?}");
    assert_eq!(failing(21, 40_001).await.0, Err(40_001));
    assert_eq!((failing(1, 23_505).await.0, failing(1, 23_505).await.1), (Err(23_505), 1));
}
