//! Time limits, and delays that the server requests.

use std::{io, time::Duration};

use tokio::time::Instant;
use tower::{BoxError, Layer};
use tower_recourse::{
    Attempt, Cause, Outcome, Ratio, RetryConfig, RetryLayer, Verdict,
    retry::{Backoff, Decision, DecisionReason, Elapsed, Policy, TimeLimits, Timeouts},
};

use crate::scripted::*;

const TIMED_OUT: Oops = Oops(408);

fn limited(
    limits: Timeouts,
    backoff: Duration,
) -> RetryConfig<
    tower_recourse::classify::ErrorClassifier,
    impl tower_recourse::retry::TimeoutOutcome<&'static str, Oops>,
> {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(backoff)).timeouts(limits.on_timeout(|_| Err(TIMED_OUT)))
}

/// reqwest-retry: the total limit was checked without the next wait. linkerd#2369: retries outlived
/// the deadline.
#[tokio::test(start_paused = true)]
async fn a_wait_that_would_cross_the_deadline_is_not_started() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), fail(Oops(2)), fail(Oops(3))]);
    let events = EventLog::default();
    let config = limited(Timeouts::request(secs(5)), secs(3)).observe(events.observer());
    let before = Instant::now();
    assert_eq!(
        ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await,
        Err(Oops(2)),
        "the outcome in hand"
    );
    assert_eq!((before.elapsed(), inner.calls()), (secs(3), 2), "at once");
    assert!(events.last_has(&["RetryStopped", "Deadline", "attempt: 2"]));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_with_the_deadline_crosses_it() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let events = EventLog::default();
    let before = Instant::now();
    let layer = RetryLayer::new(limited(Timeouts::request(secs(3)), secs(3)).observe(events.observer()));
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Err(Oops(1)));
    assert_eq!((before.elapsed(), inner.calls()), (secs(0), 1));
    assert_eq!(events.count("RetryScheduled"), 0, "no event for a retry that isn't made");
}

/// The layer enforces the deadline whatever the policy decides, also if the sum of the current time
/// and the wait overflows.
#[tokio::test(start_paused = true)]
async fn a_custom_policy_cannot_wait_past_the_deadline() {
    struct IgnoresDeadline(Duration);
    impl Policy<(), &'static str, Oops> for IgnoresDeadline {
        type State = Option<Cause>;
        fn start(&self, (): &()) -> Option<Cause> {
            None
        }
        fn decide(&self, _: &mut Option<Cause>, _: &Attempt, _: Outcome<'_, &'static str, Oops>) -> Decision {
            Decision::Retry { delay: self.0, reason: DecisionReason::Transient }
        }
        fn not_retried(
            &self,
            _: &mut Option<Cause>,
            attempt: &Attempt,
            _: Outcome<'_, &'static str, Oops>,
            cause: Cause,
        ) {
            assert_eq!((attempt.number(), cause), (1, Cause::Deadline));
        }
        fn limits(&self) -> TimeLimits {
            TimeLimits { attempt: None, total: Some(secs(5)) }
        }
        fn timed_out(&self, _: Elapsed) -> Option<Result<&'static str, Oops>> {
            Some(Err(TIMED_OUT))
        }
    }
    for delay in [secs(5), Duration::MAX] {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
        let before = Instant::now();
        let mut retry = RetryLayer::with(IgnoresDeadline(delay)).layer(inner.clone());
        assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
        assert_eq!((before.elapsed(), inner.calls()), (secs(0), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_an_outcome_that_is_retried() {
    let inner = Script::new([hang(), succeed("yes").after(ms(900))]);
    let before = Instant::now();
    let layer = RetryLayer::new(limited(Timeouts::attempt(secs(1)), secs(2)));
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Ok("yes"));
    assert_eq!((before.elapsed(), inner.calls()), (ms(3900), 2));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_classified() {
    let inner = Script::<_, &str, Oops>::new([hang()]);
    let config = limited(Timeouts::attempt(secs(1)), secs(2)).classify(|outcome: Result<&&str, &Oops>| match outcome {
        Err(&TIMED_OUT) => Verdict::permanent(),
        _ => Verdict::Success,
    });
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Err(TIMED_OUT));
    assert_eq!(inner.calls(), 1);
}

/// An attempt ends at its own limit or at the limit of the request, whichever is earlier.
#[tokio::test(start_paused = true)]
async fn the_last_attempt_has_the_remaining_time() {
    let inner = Script::<_, &str, Elapsed>::new([hang()]);
    let before = Instant::now();
    let limits = Timeouts::attempt(secs(4)).total(secs(11)).on_timeout(Err::<&str, _>);
    let config = RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1))).timeouts(limits);
    let elapsed = ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await.unwrap_err();
    assert_eq!((elapsed.is_deadline(), elapsed.limit()), (true, secs(11)));
    assert_eq!((inner.calls(), before.elapsed()), (3, secs(11)), "4 + 1 + 4 + 1, and 1 is left");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_names_its_limit() {
    let limits = Timeouts::attempt(secs(4)).total(secs(10)).on_timeout(Err::<&str, _>);
    let mut retry =
        RetryLayer::new(RetryConfig::default().idempotent().retries(0).timeouts(limits)).layer(Script::<
            _,
            &str,
            Elapsed,
        >::new([hang()]));
    let elapsed = ready_and_call(&mut retry, ()).await.unwrap_err();
    assert_eq!((elapsed.is_deadline(), elapsed.limit()), (false, secs(4)));
    assert_eq!(elapsed.to_string(), "the attempt didn't finish within 4s");
}

#[tokio::test(start_paused = true)]
async fn limits_on_and_off_have_one_type() {
    let minute = secs(60);
    let limits = |attempt| Timeouts::from(TimeLimits { attempt, total: None });
    for (limits, expected) in [
        (limits(Some(secs(1))), Err(TIMED_OUT)),
        (limits(None), Ok("late")),
        (Timeouts::none(), Ok("late")),
        (Timeouts::default(), Ok("late")),
        (Timeouts::none().total(secs(2)), Err(TIMED_OUT)),
        (TimeLimits { attempt: None, total: Some(secs(2)) }.into(), Err(TIMED_OUT)),
    ] {
        let layer = RetryLayer::new(limited(limits, secs(1)).retries(0));
        let late = |_| async move {
            tokio::time::sleep(minute).await;
            Ok("late")
        };
        assert_eq!(layer.run(late).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_can_become_a_response() {
    let limits = Timeouts::attempt(secs(1)).on_timeout(|_| Ok::<_, Oops>("too slow"));
    let inner = Script::new([hang()]);
    let mut retry = RetryLayer::new(RetryConfig::default().idempotent().timeouts(limits)).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok("too slow"));
    assert_eq!(inner.calls(), 1, "a response is a success unless the classifier knows better");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_converts_to_a_boxed_error() {
    #[derive(Clone)]
    struct Never;
    impl tower::Service<()> for Never {
        type Response = ();
        type Error = BoxError;
        type Future = std::future::Pending<Result<(), BoxError>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, (): ()) -> Self::Future {
            std::future::pending()
        }
    }
    let events = EventLog::default();
    let config =
        RetryConfig::default().idempotent().retries(1).timeouts(Timeouts::attempt(secs(1))).observe(events.observer());
    let error = ready_and_call(&mut RetryLayer::new(config).layer(Never), ()).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Elapsed>().map(Elapsed::limit), Some(secs(1)));
    assert!(events.last_has(&["AttemptsExhausted { attempts: 2 }"]));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_readiness_counts_towards_the_time_limit() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), not_ready()]);
    let before = Instant::now();
    let layer = RetryLayer::new(limited(Timeouts::attempt(secs(1)), secs(2)).retries(1));
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Err(TIMED_OUT));
    assert_eq!((before.elapsed(), inner.calls()), (secs(3), 1));
}

#[tokio::test(start_paused = true)]
async fn the_policy_receives_the_duration_of_an_attempt() {
    struct Watch(tokio::sync::mpsc::UnboundedSender<(u32, Option<Duration>)>);
    impl Policy<(), &'static str, Oops> for Watch {
        type State = ();
        fn start(&self, (): &()) {}
        fn decide(&self, (): &mut (), attempt: &Attempt, outcome: Outcome<'_, &'static str, Oops>) -> Decision {
            self.0.send((attempt.number(), outcome.elapsed())).unwrap();
            match attempt.number() {
                1 => Decision::Retry { delay: secs(1), reason: DecisionReason::Transient },
                _ => Decision::Return(DecisionReason::Transient),
            }
        }
        fn limits(&self) -> TimeLimits {
            TimeLimits { attempt: Some(secs(60)), total: None }
        }
    }
    let (tell, mut events) = tokio::sync::mpsc::unbounded_channel();
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)).after(ms(300)), fail(Oops(2)).after(ms(70))]);
    let _ = ready_and_call(&mut RetryLayer::with(Watch(tell)).layer(inner), ()).await;
    assert_eq!(events.recv().await, Some((1, Some(ms(300)))));
    assert_eq!(events.recv().await, Some((2, Some(ms(70)))));
}

fn throttled(asked: Duration) -> RetryConfig<impl tower_recourse::Classifier<(), &'static str, Oops>> {
    let exact = RetryConfig::default().backoff(Backoff::fixed(secs(2))).retry_after_jitter(Ratio::new(0.0).unwrap());
    exact.classify(move |outcome: Result<&&str, &Oops>| match outcome {
        Ok(_) => Verdict::Success.retry_after(asked),
        Err(_) => Verdict::throttled().retry_after(asked),
    })
}

#[tokio::test(start_paused = true)]
async fn a_server_delay_lengthens_the_wait_and_never_shortens_it() {
    for (asked, waits) in [(secs(1), secs(2)), (secs(7), secs(7)), (secs(30), secs(30))] {
        let inner = Script::new([fail(Oops(429)), succeed("yes")]);
        assert_eq!(ready_and_call(&mut RetryLayer::new(throttled(asked)).layer(inner.clone()), ()).await, Ok("yes"));
        assert_eq!(inner.gaps(), [waits]);
    }
}

/// kube, go-retryablehttp: a delay from the server had no limit.
#[tokio::test(start_paused = true)]
async fn a_server_delay_above_the_maximum_stops_the_retry() {
    let inner = Script::new([fail(Oops(429)), succeed("second")]);
    let before = Instant::now();
    assert_eq!(
        ready_and_call(&mut RetryLayer::new(throttled(secs(31))).layer(inner.clone()), ()).await,
        Err(Oops(429))
    );
    assert_eq!((before.elapsed(), inner.calls()), (secs(0), 1));
    let config = throttled(secs(31)).max_retry_after(secs(31));
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Ok("second"));
}

/// Kevlar#217: the retry returns the 429 if the wait would cross the deadline.
#[tokio::test(start_paused = true)]
async fn a_server_delay_is_checked_against_the_deadline() {
    let inner = Script::new([fail(Oops(429)), succeed("not called")]);
    let config = throttled(secs(10)).timeouts(Timeouts::request(secs(10)).on_timeout(|_| Err(TIMED_OUT)));
    let before = Instant::now();
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Err(Oops(429)));
    assert_eq!((before.elapsed(), inner.calls()), (secs(0), 1));
}

#[tokio::test(start_paused = true)]
async fn an_io_timeout_is_retried_and_a_missing_file_is_not() {
    for (kind, calls) in [(io::ErrorKind::TimedOut, 4), (io::ErrorKind::NotFound, 1), (io::ErrorKind::Other, 4)] {
        let count = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let seen = count.clone();
        let mut retry = RetryLayer::new(RetryConfig::default().idempotent()).layer(tower::service_fn(move |()| {
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move { Err::<(), _>(io::Error::from(kind)) }
        }));
        assert_eq!(ready_and_call(&mut retry, ()).await.unwrap_err().kind(), kind);
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), calls, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_ends_what_is_not_ready_at_once() {
    for limits in [Timeouts::attempt(Duration::ZERO), Timeouts::request(Duration::ZERO)] {
        let retry = RetryLayer::new(RetryConfig::default().retries(0).timeouts(limits));
        assert_eq!(retry.run(|_| async { Ok::<_, io::Error>(1) }).await.unwrap(), 1);
        let pending = retry.run(|_| async {
            tokio::time::sleep(secs(1)).await;
            Ok::<_, io::Error>(1)
        });
        assert_eq!(pending.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}

#[test]
fn validate_rejects_zero_limits_and_contradictory_delays() {
    let (zero, second) = (Duration::ZERO, secs(1));
    let invalid = |config: RetryConfig<tower_recourse::classify::ErrorClassifier, _>| {
        config.validate().map(drop).map_err(|invalid| (invalid.field().to_owned(), invalid.value().to_owned()))
    };
    let limits = |attempt, total| RetryConfig::default().timeouts(TimeLimits { attempt, total }.into());
    let rejected = |field: &str, value: &str| Err((field.to_owned(), value.to_owned()));
    assert_eq!(invalid(limits(Some(zero), None)), rejected("timeouts.attempt", "0ns"));
    assert_eq!(invalid(limits(Some(second), Some(zero))), rejected("timeouts.total", "0ns"));
    assert_eq!(invalid(limits(Some(second), Some(second))), Ok(()));
    assert_eq!(invalid(limits(None, None)), Ok(()));

    let backoff = |backoff| limits(None, None).backoff(backoff);
    let exponential = Backoff::exponential(secs(5));
    assert_eq!(invalid(backoff(exponential.clone().max(second))), rejected("backoff.max", "1s"));
    assert_eq!(invalid(backoff(exponential.clone().max(secs(5)))), Ok(()));
    assert_eq!(invalid(backoff(Backoff::fixed(second).max(zero))), rejected("backoff.max", "0ns"));
    assert_eq!(invalid(backoff(Backoff::linear(second, second).max(zero))), rejected("backoff.max", "0ns"));
    assert_eq!(invalid(backoff(Backoff::schedule([second, zero]).unwrap().max(zero))), rejected("backoff.max", "0ns"));
    assert_eq!(invalid(backoff(Backoff::none())), Ok(()));
    let throttled = limits(None, None).throttled_backoff(exponential.max(second));
    assert_eq!(invalid(throttled), rejected("throttled_backoff.max", "1s"));
}
