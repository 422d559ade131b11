//! Failsafe for Java: a retry around a service that rejects. Google's gax: the timeout of an
//! attempt, and the deadline.

use std::{
    convert::Infallible,
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerError, BreakerLayer, Outcome, RetryConfig, RetryLayer, State,
    breaker::TripRule,
    retry::{
        Backoff, Decision, DecisionReason, Elapsed, Policy, TimeLimits, TimeoutFromElapsed, TimeoutOutcome, Timeouts,
    },
};

use crate::fixed_numbers::FixedNumbers as _;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Failsafe, `PolicyCompositionTest`: 7 attempts, of which 3 are executed and the others rejected
/// (in Failsafe, by a rate limiter of 3). Failsafe tries four more times. Here the first rejection
/// ends the request, because another attempt can't succeed. The executions and the caller's result
/// are the same.
#[tokio::test(start_paused = true)]
async fn a_retry_of_7_around_a_breaker_of_3() {
    let executions = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&executions);
    let layer = BreakerLayer::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(3).unwrap()));
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::default().idempotent().retries(6).without_budget()))
        .layer(layer.clone())
        .service(service_fn(move |()| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Err::<Infallible, _>(io::Error::from(io::ErrorKind::ConnectionReset)) }
        }));
    let ended = service.oneshot(()).await;
    assert!(matches!(ended, Err(BreakerError::Rejected(_))), "it should end rejected, but: {ended:?}");
    assert_eq!(executions.load(Ordering::Relaxed), 3, "executions");
    assert_eq!(layer.circuit().state(), State::Open);
    assert_eq!(layer.circuit().stats().total_rejected, 1, "the breaker is called once more");
}

/// (timeout of an attempt, remaining time) → the effective timeout.
#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_limit_or_the_remaining_time() {
    for (attempt, remaining, effective) in [(s(4), s(2), s(2)), (s(2), s(4), s(2)), (s(2), s(2), s(2))] {
        let limits = Timeouts::attempt(attempt).total(remaining);
        let config = RetryConfig::default().idempotent().retries(0).timeouts(limits);
        let began = Instant::now();
        let elapsed = never_answers(config).await;
        assert_eq!(began.elapsed(), effective, "({attempt:?}, {remaining:?})");
        assert_eq!(elapsed.limit(), effective, "({attempt:?}, {remaining:?}): the caller's error");
        assert_eq!(elapsed.is_deadline(), remaining <= attempt, "({attempt:?}, {remaining:?}): the limit");
    }
}

/// The remaining time shrinks: of 10 s in total, the attempts get 4 s, 4 s, and the rest after two
/// waits of half a second.
#[tokio::test(start_paused = true)]
async fn the_last_attempt_gets_the_remaining_time() {
    let limits = Timeouts::attempt(s(4)).total(s(10));
    let config =
        RetryConfig::default().idempotent().backoff(Backoff::fixed(Duration::from_millis(500))).timeouts(limits);
    let began = Instant::now();
    let elapsed = never_answers(config).await;
    assert_eq!(began.elapsed(), s(10));
    assert!(elapsed.is_deadline());
}

#[tokio::test(start_paused = true)]
async fn a_delay_longer_than_the_remaining_time_stops_at_once() {
    // (delay, total) → the time until the failure is returned, and the number of attempts.
    for (delay, total, takes, attempts) in [
        (s(4), s(2), s(0), 1),
        // After the wait, no time would be left for the attempt.
        (s(2), s(2), s(0), 1),
        (s(2), s(3), s(2), 2),
        (Duration::MAX, s(2), s(0), 1),
    ] {
        let config = RetryConfig::default()
            .idempotent()
            .retries(5)
            .backoff(Backoff::fixed(delay))
            .timeouts(Timeouts::request(total));
        assert_eq!(fails_at_once(config).await, (takes, attempts), "({delay:?}, {total:?})");
        assert_eq!(
            fails_at_once(Always { delay, total }).await,
            (takes, attempts),
            "({delay:?}, {total:?}), any policy"
        );
    }
}

/// A policy that ignores the deadline.
struct Always {
    delay: Duration,
    total: Duration,
}

impl<Req, Res> Policy<Req, Res, BoxError> for Always {
    type State = ();

    fn start(&self, _: &Req) {}

    fn decide(&self, (): &mut (), _: &Attempt, _: Outcome<'_, Res, BoxError>) -> Decision {
        Decision::Retry { delay: self.delay, reason: DecisionReason::Transient }
    }

    fn limits(&self) -> TimeLimits {
        TimeLimits { attempt: None, total: Some(self.total) }
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, BoxError>> {
        TimeoutFromElapsed.outcome(elapsed)
    }
}

/// The timeout that a caller gets from a service that never responds.
async fn never_answers(policy: impl Policy<(), (), BoxError>) -> Elapsed {
    let service = service_fn(|()| pending::<Result<(), BoxError>>());
    let error = ServiceBuilder::new().layer(RetryLayer::with(policy)).service(service).oneshot(()).await.unwrap_err();
    *error.downcast().expect("a timeout")
}

/// How long a caller waits for a service that fails at once, and how often it calls the service.
async fn fails_at_once(policy: impl Policy<(), (), BoxError>) -> (Duration, u32) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let service = ServiceBuilder::new().layer(RetryLayer::with(policy)).service(service_fn(move |()| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err::<(), BoxError>("at once".into()) }
    }));
    let began = Instant::now();
    let error = service.oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "at once", "the outcome in hand is returned");
    (began.elapsed(), calls.load(Ordering::Relaxed))
}
