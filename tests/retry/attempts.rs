//! Which outcomes are retried, how often, after which wait, and why a request isn't retried.

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicU32, Ordering},
};

use tokio::time::Instant;
use tower::{Layer, service_fn};
use tower_recourse::{
    Attempt, Cause, Classifier, Delivery, Outcome, Ratio, RetryConfig, RetryLayer, Verdict,
    classify::DrainFuture,
    observe::Event,
    retry::{Backoff, Budget, Decision, DecisionReason, Jitter, Policy, Timeouts, TokenBucket},
};

use crate::scripted::*;

fn judged_by(verdict: Verdict) -> RetryConfig<impl Classifier<(), &'static str, Oops> + Clone> {
    RetryConfig::default().classify(move |outcome: Result<&&str, &Oops>| match outcome {
        Ok(_) => Verdict::Success,
        Err(_) => verdict,
    })
}

#[tokio::test(start_paused = true)]
async fn a_success_passes_through_with_one_call() {
    let inner = Script::<_, _, Oops>::new([succeed("yes")]);
    let events = EventLog::default();
    let config = RetryConfig::default().idempotent().observe(events.observer());
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    let before = Instant::now();
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok("yes"));
    assert_eq!((inner.calls(), before.elapsed()), (1, ms(0)));
    assert_eq!(events.count(""), 0, "without failures there are no events");
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_attempts() {
    let inner = Script::new([fail(Oops(1)), fail(Oops(2)), succeed("yes")]);
    let events = EventLog::default();
    let config = RetryConfig::default().idempotent().observe(events.observer());
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok("yes"));
    assert_eq!((inner.calls(), events.count("RetryScheduled")), (3, 2));
    assert!(events.last_has(&["RetrySucceeded", "attempt: 3"]));
}

#[tokio::test(start_paused = true)]
async fn the_last_error_comes_back_unchanged() {
    let inner =
        Script::<_, &str, Oops>::new([fail(Oops(1)), fail(Oops(2)), fail(Oops(3)), fail(Oops(4)), fail(Oops(5))]);
    let events = EventLog::default();
    let config = RetryConfig::default().idempotent().observe(events.observer());
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(4)));
    assert_eq!(inner.calls(), 4, "three retries are four attempts");
    assert!(events.last_has(&["RetryStopped", "AttemptsExhausted { attempts: 4 }"]));
}

#[tokio::test(start_paused = true)]
async fn no_retries_are_one_attempt() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let mut retry = RetryLayer::new(RetryConfig::default().idempotent().retries(0)).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn permanent_failures_are_not_retried() {
    let cases = [
        (Verdict::permanent(), Some("Permanent")),
        (Verdict::rejected(Some(secs(7))), Some("Rejected { retry_in: Some(7s) }")),
        (Verdict::Neutral, None),
        (Verdict::Success, None),
    ];
    for (verdict, cause) in cases {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), succeed("not called")]);
        let events = EventLog::default();
        let mut retry = RetryLayer::new(judged_by(verdict).observe(events.observer())).layer(inner.clone());
        assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)), "{verdict:?}");
        assert_eq!(inner.calls(), 1, "{verdict:?}");
        match cause {
            Some(cause) => assert!(events.last_has(&["RetryStopped", cause]), "{events:?}"),
            None => assert_eq!(events.count(""), 0),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_and_timed_out_attempts_are_retried() {
    for verdict in [Verdict::transient(), Verdict::throttled(), Verdict::timed_out()] {
        let inner = Script::new([fail(Oops(1)), succeed("yes")]);
        let mut retry = RetryLayer::new(judged_by(verdict)).layer(inner.clone());
        assert_eq!(ready_and_call(&mut retry, ()).await, Ok("yes"), "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_can_be_a_failure() {
    let inner = Script::<_, u16, Oops>::new([succeed(503), succeed(200)]);
    let config = RetryConfig::default().classify(|outcome: Result<&u16, &Oops>| match outcome {
        Ok(503) => Verdict::transient(),
        _ => Verdict::Success,
    });
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok(200));
    assert_eq!(inner.calls(), 2);
}

/// At first, every check stops the retry. The test then lets one check after the other pass, and
/// the next check gives the reason. The retry withdraws no token while any other check fails.
#[tokio::test(start_paused = true)]
async fn the_checks_are_ordered_and_the_budget_is_last() {
    let failing = |verdict: Verdict, retries: u32, kept: bool, left: u64| {
        let bucket = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0));
        async move {
            let events = EventLog::default();
            let budget = Counting::around(bucket);
            let config = judged_by(verdict)
                .retries(retries)
                .shared_budget(budget.clone())
                .timeouts(Timeouts::request(ms(left)).on_timeout(|_| Err(Oops(0))))
                .observe(events.observer());
            let layer = RetryLayer::new(config).copy_request_with(move |(): &()| kept.then_some(()));
            let mut retry = layer.layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
            assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
            let stopped =
                ["Permanent", "AttemptsExhausted", "RetryAfterTooLong", "NotReplayable", "Deadline", "Budget"]
                    .into_iter()
                    .find(|cause| events.last_has(&["RetryStopped", cause]));
            (stopped.unwrap(), budget.asked.load(Ordering::Relaxed))
        }
    };
    let slow = |verdict: Verdict| verdict.retry_after(secs(31));
    assert_eq!(failing(slow(Verdict::permanent()), 0, false, 1).await, ("Permanent", 0));
    assert_eq!(failing(slow(Verdict::transient()), 0, false, 1).await, ("AttemptsExhausted", 0));
    assert_eq!(failing(slow(Verdict::transient()), 3, false, 1).await, ("RetryAfterTooLong", 0));
    assert_eq!(failing(Verdict::transient(), 3, false, 1).await, ("NotReplayable", 0));
    assert_eq!(failing(Verdict::transient(), 3, true, 1).await, ("Deadline", 0));
    assert_eq!(failing(Verdict::transient(), 3, true, 10_000).await, ("Budget", 1));
}

/// A budget that counts the withdrawals.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn Budget>,
    asked: AtomicU32,
}

impl Counting {
    fn around(inner: Arc<dyn Budget>) -> Arc<Self> {
        Arc::new(Self { inner, asked: AtomicU32::new(0) })
    }
}

impl Budget for Counting {
    fn deposit(&self) {
        self.inner.deposit();
    }

    fn withdraw(&self, kind: tower_recourse::FailureKind) -> Option<tower_recourse::retry::budget::Token> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.withdraw(kind)
    }

    fn refund(&self, token: tower_recourse::retry::budget::Token) {
        self.inner.refund(token);
    }

    fn stats(&self) -> tower_recourse::retry::budget::BudgetStats {
        self.inner.stats()
    }
}

#[tokio::test(start_paused = true)]
async fn the_classifier_remembers_the_request() {
    struct ReadsOnly;
    impl Classifier<&'static str, &'static str, Oops> for ReadsOnly {
        type Memo = bool;
        fn memo(&self, request: &&'static str) -> bool {
            *request == "read"
        }
        fn classify(&self, read: &bool, outcome: Result<&&'static str, &Oops>) -> Verdict {
            match outcome {
                Ok(_) => Verdict::Success,
                Err(_) if *read => Verdict::transient(),
                Err(_) => Verdict::permanent(),
            }
        }
    }
    let inner = Script::new([fail(Oops(1)), fail(Oops(2)), succeed("read")]);
    let mut retry = RetryLayer::new(RetryConfig::default().classifier(ReadsOnly)).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, "write").await, Err(Oops(1)));
    assert_eq!(ready_and_call(&mut retry, "read").await, Ok("read"));
    assert_eq!(inner.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_custom_policy_decides() {
    /// Retries as often as the request says, and waits as many seconds as the number of the error.
    struct WaitsErrorSeconds(Arc<Mutex<Vec<u32>>>);
    impl Policy<u32, &'static str, Oops> for WaitsErrorSeconds {
        type State = u32;
        fn start(&self, request: &u32) -> u32 {
            *request
        }
        fn attempt(&self, _: &mut u32, attempt: &Attempt) {
            self.0.lock().unwrap().push(attempt.number());
        }
        fn decide(&self, left: &mut u32, _: &Attempt, outcome: Outcome<'_, &'static str, Oops>) -> Decision {
            match outcome.result() {
                Err(Oops(wait)) if *left > 0 => {
                    *left -= 1;
                    Decision::Retry { delay: secs((*wait).into()), reason: DecisionReason::Transient }
                }
                _ => Decision::Return(DecisionReason::Permanent),
            }
        }
    }
    let attempts = Arc::default();
    let inner = Script::<_, &str, Oops>::new([fail(Oops(3)), fail(Oops(5)), fail(Oops(7))]);
    let mut retry = RetryLayer::with(WaitsErrorSeconds(Arc::clone(&attempts))).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, 2).await, Err(Oops(7)));
    assert_eq!(*attempts.lock().unwrap(), [1, 2, 3]);
    assert_eq!(inner.gaps(), [secs(3), secs(5)]);
}

#[tokio::test(start_paused = true)]
async fn the_waits_are_those_of_the_backoff() {
    let backoff = Backoff::exponential(ms(100)).max(ms(300)).jitter(Jitter::None);
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let mut retry =
        RetryLayer::new(RetryConfig::default().idempotent().retries(4).backoff(backoff)).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
    assert_eq!(inner.gaps(), [ms(100), ms(200), ms(300), ms(300)]);
}

/// The retry uses no timer if there is no wait: a timer would delay it until the next tick, by up
/// to a millisecond.
#[tokio::test(start_paused = true)]
async fn a_retry_without_a_wait_is_made_at_once() {
    tokio::time::advance(std::time::Duration::from_micros(500)).await;
    let mut retry = RetryLayer::new(RetryConfig::default().idempotent().backoff(Backoff::none())).layer(Script::new([
        fail(Oops(1)),
        fail(Oops(2)),
        succeed("yes"),
    ]));
    let mut call = tokio_test::task::spawn(ready_and_call(&mut retry, ()));
    assert_eq!(tokio_test::assert_ready!(call.poll()), Ok("yes"));
}

/// Decorrelated jitter depends on the previous wait, so this test fails if the retry doesn't store
/// that wait.
#[tokio::test(start_paused = true)]
async fn the_waits_are_those_that_the_backoff_computes() {
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Bounded(Ratio::HALF), Jitter::Decorrelated] {
        let backoff = Backoff::exponential(secs(1)).jitter(jitter);
        for seed in 0..20 {
            let waits = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&waits);
            let config =
                RetryConfig::default().idempotent().retries(5).backoff(backoff.clone()).seed(seed).without_budget();
            let config = config.observe(move |event: &Event<'_>| {
                if let Event::RetryScheduled { delay, .. } = event {
                    log.lock().unwrap().push(*delay);
                }
            });
            let _ =
                ready_and_call(&mut RetryLayer::new(config).layer(Script::<_, &str, Oops>::new([fail(Oops(1))])), ())
                    .await;
            let expected: Vec<_> = backoff.delays(seed).take(5).collect();
            assert_eq!(*waits.lock().unwrap(), expected, "{jitter:?}, seed {seed}");
        }
    }
}

async fn gaps_of(requests: usize, config: RetryConfig) -> Vec<Vec<std::time::Duration>> {
    let layer = RetryLayer::new(config.without_budget());
    let mut all = Vec::new();
    for _ in 0..requests {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
        let _ = ready_and_call(&mut layer.layer(inner.clone()), ()).await;
        all.push(inner.gaps());
    }
    all
}

/// tower 0.5: the jitter was the same for every request.
#[tokio::test(start_paused = true)]
async fn two_requests_have_different_jitter() {
    let spread = Backoff::exponential(secs(100)).max(secs(1000)).jitter(Jitter::Bounded(Ratio::HALF));
    let all = gaps_of(20, RetryConfig::default().idempotent().backoff(spread).seed(1)).await;
    let mut firsts: Vec<_> = all.iter().map(|gaps| gaps[0]).collect();
    assert!(firsts.iter().all(|first| (secs(50)..=secs(150)).contains(first)), "{firsts:?}");
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts.len(), 20, "all waits differ");
}

#[tokio::test(start_paused = true)]
async fn a_seed_makes_the_jitter_repeatable() {
    let config = || RetryConfig::default().idempotent().seed(7);
    assert_eq!(gaps_of(3, config()).await, gaps_of(3, config()).await);
    assert_ne!(gaps_of(3, config()).await, gaps_of(3, config().seed(8)).await);
    let used = RetryConfig::default().idempotent();
    let unseeded = gaps_of(3, used.clone()).await;
    assert_eq!(gaps_of(3, used.seed(7)).await, gaps_of(3, config()).await, "it starts again");
    assert_ne!(unseeded, gaps_of(3, RetryConfig::default().idempotent()).await);
}

/// tower-resilience: the failed response was kept during the wait.
#[tokio::test(start_paused = true)]
async fn a_failed_response_is_dropped_before_the_wait() {
    let connection = Arc::new(Mutex::new(Weak::new()));
    let opened = Arc::clone(&connection);
    let config = RetryConfig::default().classify(|_: Result<&Arc<()>, &Oops>| Verdict::transient());
    let mut retry = RetryLayer::new(config).layer(service_fn(move |()| {
        let response = Arc::new(());
        *opened.lock().unwrap() = Arc::downgrade(&response);
        async move { Ok::<_, Oops>(response) }
    }));
    let mut call = tokio_test::task::spawn(ready_and_call(&mut retry, ()));
    assert!(call.poll().is_pending());
    assert_eq!(connection.lock().unwrap().strong_count(), 0, "during the wait nothing is held");
}

/// The response is a number: the seconds that it takes to read the response to its end.
#[tokio::test(start_paused = true)]
async fn a_failed_response_is_drained_during_the_wait() {
    struct ReadsOn(Arc<Mutex<Vec<u64>>>);
    impl Classifier<(), u64, Oops> for ReadsOn {
        type Memo = ();
        fn memo(&self, (): &()) {}
        fn classify(&self, (): &(), outcome: Result<&u64, &Oops>) -> Verdict {
            if outcome == Ok(&0) { Verdict::Success } else { Verdict::transient() }
        }
        fn discard(&self, outcome: Result<u64, Oops>) -> Result<DrainFuture, Result<u64, Oops>> {
            let length = outcome.map_err(Err)?;
            let read = Arc::clone(&self.0);
            Ok(Box::pin(async move {
                tokio::time::sleep(secs(length)).await;
                read.lock().unwrap().push(length);
            }))
        }
    }
    let read = Arc::default();
    let config = RetryConfig::default().classifier(ReadsOn(Arc::clone(&read))).backoff(Backoff::fixed(secs(3)));
    let inner = Script::new([succeed(1), succeed(5), fail(Oops(1)), succeed(0)]);
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Ok(0));
    assert_eq!(inner.gaps(), [secs(3); 3], "it changes no wait");
    tokio::time::sleep(secs(9)).await;
    assert_eq!(*read.lock().unwrap(), [1]);
}

#[tokio::test]
async fn a_reason_gives_the_fallback_its_cause() {
    let cases = [
        (DecisionReason::Success, None),
        (DecisionReason::Neutral, None),
        (DecisionReason::Transient, Some(Cause::Failure)),
        (DecisionReason::Rejected { retry_in: None }, Some(Cause::Rejected { retry_in: None })),
        (DecisionReason::Permanent, Some(Cause::Permanent)),
        (DecisionReason::AttemptsExhausted { attempts: 2 }, Some(Cause::AttemptsExhausted { attempts: 2 })),
        (
            DecisionReason::RetryAfterTooLong { requested: secs(99) },
            Some(Cause::RetryAfterTooLong { requested: secs(99) }),
        ),
        (DecisionReason::NotReplayable, Some(Cause::NotReplayable)),
        (DecisionReason::Deadline, Some(Cause::Deadline)),
        (DecisionReason::Budget, Some(Cause::Budget)),
    ];
    for (reason, cause) in cases {
        assert_eq!(reason.cause(), cause, "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unsafe_request_is_resent_only_if_provably_not_sent() {
    let cases = [
        (Verdict::transient().unsafe_to_resend(), 1),
        (Verdict::transient().unsafe_to_resend().delivery(Delivery::Sent), 1),
        (Verdict::transient().unsafe_to_resend().delivery(Delivery::NotSent), 2),
        (Verdict::transient().delivery(Delivery::Sent), 2),
    ];
    for (verdict, calls) in cases {
        let events = EventLog::default();
        let config =
            RetryConfig::default().retries(1).classify(move |_: Result<&(), &Oops>| verdict).observe(events.observer());
        let inner = Script::new([fail(Oops(1))]);
        ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await.unwrap_err();
        assert_eq!((inner.calls(), events.count("UnsafeToResend")), (calls, usize::from(calls == 1)), "{verdict:?}");
    }

    // Whatever the verdict, the request wasn't sent, because the service wasn't ready.
    let config = RetryConfig::default().classify(|result: Result<&&str, &Oops>| match result {
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::transient().unsafe_to_resend(),
    });
    let inner = Script::new([readiness_error(Oops(1)), succeed("yes")]);
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner), ()).await, Ok("yes"));
}
