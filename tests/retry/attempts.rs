//! Retry: what is tried again, how often, why not, and after which wait.

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicU32, Ordering},
};

use tokio::time::Instant;
use tower::{Layer, service_fn};
use tower_recourse::{
    Attempt, Cause, Classifier, Outcome, Ratio, RetryConfig, RetryLayer, Sent, Verdict,
    classify::LetGo,
    observe::Event,
    retry::{Backoff, Budget, Decision, Jitter, Policy, Reason, Timeouts, TokenBucket},
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
    let inner = Scripted::<_>::new([Answer("yes")]);
    let told = Told::default();
    let config = RetryConfig::default().idempotent().observe(told.observer());
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    let before = Instant::now();
    assert_eq!(ask(&mut retry, ()).await, Ok("yes"));
    assert_eq!((inner.calls(), before.elapsed()), (1, ms(0)));
    assert_eq!(told.count(""), 0, "nothing is told while nothing fails");
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_attempts() {
    let inner = Scripted::new([Fail(Oops(1)), Fail(Oops(2)), Answer("yes")]);
    let told = Told::default();
    let config = RetryConfig::default().idempotent().observe(told.observer());
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    assert_eq!(ask(&mut retry, ()).await, Ok("yes"));
    assert_eq!((inner.calls(), told.count("RetryScheduled")), (3, 2));
    assert!(told.last_has(&["RetrySucceeded", "attempt: 3"]));
}

#[tokio::test(start_paused = true)]
async fn the_last_error_comes_back_unchanged() {
    let inner = Scripted::<&str>::new([Fail(Oops(1)), Fail(Oops(2)), Fail(Oops(3)), Fail(Oops(4)), Fail(Oops(5))]);
    let told = Told::default();
    let config = RetryConfig::default().idempotent().observe(told.observer());
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    assert_eq!(ask(&mut retry, ()).await, Err(Oops(4)));
    assert_eq!(inner.calls(), 4, "three retries are four attempts");
    assert!(told.last_has(&["RetryStopped", "AttemptsSpent { attempts: 4 }"]));
}

#[tokio::test(start_paused = true)]
async fn no_retries_are_one_attempt() {
    let inner = Scripted::<&str>::new([Fail(Oops(1))]);
    let mut retry = RetryLayer::new(RetryConfig::default().idempotent().retries(0)).layer(inner.clone());
    assert_eq!(ask(&mut retry, ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_no_other_attempt_mends_is_not_retried() {
    let cases = [
        (Verdict::permanent(), Some("Permanent")),
        (Verdict::rejected(Some(secs(7))), Some("Rejected { retry_in: Some(7s) }")),
        (Verdict::Neutral, None),
        (Verdict::Success, None),
    ];
    for (verdict, cause) in cases {
        let inner = Scripted::<&str>::new([Fail(Oops(1)), Answer("not asked for")]);
        let told = Told::default();
        let mut retry = RetryLayer::new(judged_by(verdict).observe(told.observer())).layer(inner.clone());
        assert_eq!(ask(&mut retry, ()).await, Err(Oops(1)), "{verdict:?}");
        assert_eq!(inner.calls(), 1, "{verdict:?}");
        match cause {
            Some(cause) => assert!(told.last_has(&["RetryStopped", cause]), "{told:?}"),
            None => assert_eq!(told.count(""), 0),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_and_timed_out_are_retried_too() {
    for verdict in [Verdict::transient(), Verdict::throttled(), Verdict::timed_out()] {
        let inner = Scripted::new([Fail(Oops(1)), Answer("yes")]);
        let mut retry = RetryLayer::new(judged_by(verdict)).layer(inner.clone());
        assert_eq!(ask(&mut retry, ()).await, Ok("yes"), "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_can_be_a_failure() {
    let inner = Scripted::<u16>::new([Answer(503), Answer(200)]);
    let config = RetryConfig::default().classify(|outcome: Result<&u16, &Oops>| match outcome {
        Ok(503) => Verdict::transient(),
        _ => Verdict::Success,
    });
    let mut retry = RetryLayer::new(config).layer(inner.clone());
    assert_eq!(ask(&mut retry, ()).await, Ok(200));
    assert_eq!(inner.calls(), 2);
}

/// Everything says no at once; then the first in the order is lifted, and the next one is the reason. The budget is never
/// touched while anything else says no.
#[tokio::test(start_paused = true)]
async fn the_checks_have_one_order_and_the_budget_comes_last() {
    let failing = |verdict: Verdict, retries: u32, kept: bool, left: u64| {
        let bucket = Arc::new(TokenBucket::share(0.0).unwrap().reserve(0));
        async move {
            let told = Told::default();
            let budget = Counting::around(bucket);
            let config = judged_by(verdict)
                .retries(retries)
                .shared_budget(budget.clone())
                .timeouts(Timeouts::request(ms(left)).answer(|_| Err(Oops(0))))
                .observe(told.observer());
            let layer = RetryLayer::new(config).keep(move |(): &()| kept.then_some(()));
            let mut retry = layer.layer(Scripted::<&str>::new([Fail(Oops(1))]));
            assert_eq!(ask(&mut retry, ()).await, Err(Oops(1)));
            let stopped = ["Permanent", "AttemptsSpent", "ServerDelay", "NotReplayable", "Deadline", "Budget"]
                .into_iter()
                .find(|cause| told.last_has(&["RetryStopped", cause]));
            (stopped.unwrap(), budget.asked.load(Ordering::Relaxed))
        }
    };
    let slow = |verdict: Verdict| verdict.retry_after(secs(31));
    assert_eq!(failing(slow(Verdict::permanent()), 0, false, 1).await, ("Permanent", 0));
    assert_eq!(failing(slow(Verdict::transient()), 0, false, 1).await, ("AttemptsSpent", 0));
    assert_eq!(failing(slow(Verdict::transient()), 3, false, 1).await, ("ServerDelay", 0));
    assert_eq!(failing(Verdict::transient(), 3, false, 1).await, ("NotReplayable", 0));
    assert_eq!(failing(Verdict::transient(), 3, true, 1).await, ("Deadline", 0));
    assert_eq!(failing(Verdict::transient(), 3, true, 10_000).await, ("Budget", 1));
}

/// Counts how often it is asked for a token.
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

    fn give_back(&self, token: tower_recourse::retry::budget::Token) {
        self.inner.give_back(token);
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
    let inner = Scripted::new([Fail(Oops(1)), Fail(Oops(2)), Answer("read")]);
    let mut retry = RetryLayer::new(RetryConfig::default().classifier(ReadsOnly)).layer(inner.clone());
    assert_eq!(ask(&mut retry, "write").await, Err(Oops(1)));
    assert_eq!(ask(&mut retry, "read").await, Ok("read"));
    assert_eq!(inner.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_ones_own_decides() {
    /// Tries again for as long as the error's number is what it waits, in seconds.
    struct Mine(Arc<Mutex<Vec<u32>>>);
    impl Policy<u32, &'static str, Oops> for Mine {
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
                    Decision::Retry { delay: secs((*wait).into()), reason: Reason::Transient }
                }
                _ => Decision::Return(Reason::Permanent),
            }
        }
    }
    let attempts = Arc::default();
    let inner = Scripted::<&str>::new([Fail(Oops(3)), Fail(Oops(5)), Fail(Oops(7))]);
    let mut retry = RetryLayer::with(Mine(Arc::clone(&attempts))).layer(inner.clone());
    assert_eq!(ask(&mut retry, 2).await, Err(Oops(7)));
    assert_eq!(*attempts.lock().unwrap(), [1, 2, 3]);
    assert_eq!(inner.gaps(), [secs(3), secs(5)]);
}

#[tokio::test(start_paused = true)]
async fn the_waits_are_those_of_the_backoff() {
    let backoff = Backoff::exponential(ms(100)).max(ms(300)).jitter(Jitter::None);
    let inner = Scripted::<&str>::new([Fail(Oops(1))]);
    let mut retry =
        RetryLayer::new(RetryConfig::default().idempotent().retries(4).backoff(backoff)).layer(inner.clone());
    assert_eq!(ask(&mut retry, ()).await, Err(Oops(1)));
    assert_eq!(inner.gaps(), [ms(100), ms(200), ms(300), ms(300)]);
}

/// Not by the tick of a timer, which is a millisecond.
#[tokio::test(start_paused = true)]
async fn a_retry_without_a_wait_is_made_at_once() {
    tokio::time::advance(std::time::Duration::from_micros(500)).await;
    let mut retry = RetryLayer::new(RetryConfig::default().idempotent().backoff(Backoff::none()))
        .layer(Scripted::new([Fail(Oops(1)), Fail(Oops(2)), Answer("yes")]));
    let mut call = tokio_test::task::spawn(ask(&mut retry, ()));
    assert_eq!(tokio_test::assert_ready!(call.poll()), Ok("yes"));
}

/// Decorrelated jitter goes by the wait before, so it shows whether that is remembered.
#[tokio::test(start_paused = true)]
async fn the_waits_of_a_request_are_those_that_its_backoff_tells_beforehand() {
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
            let _ = ask(&mut RetryLayer::new(config).layer(Scripted::<&str>::new([Fail(Oops(1))])), ()).await;
            let expected: Vec<_> = backoff.delays(seed).take(5).collect();
            assert_eq!(*waits.lock().unwrap(), expected, "{jitter:?}, seed {seed}");
        }
    }
}

async fn gaps_of(requests: usize, config: RetryConfig) -> Vec<Vec<std::time::Duration>> {
    let layer = RetryLayer::new(config.without_budget());
    let mut all = Vec::new();
    for _ in 0..requests {
        let inner = Scripted::<&str>::new([Fail(Oops(1))]);
        let _ = ask(&mut layer.layer(inner.clone()), ()).await;
        all.push(inner.gaps());
    }
    all
}

/// Trap 11 (tower 0.5): every request gets the same "jitter".
#[tokio::test(start_paused = true)]
async fn no_two_requests_share_their_jitter() {
    let spread = Backoff::exponential(secs(100)).max(secs(1000)).jitter(Jitter::Bounded(Ratio::HALF));
    let all = gaps_of(20, RetryConfig::default().idempotent().backoff(spread).seed(1)).await;
    let mut firsts: Vec<_> = all.iter().map(|gaps| gaps[0]).collect();
    assert!(firsts.iter().all(|first| (secs(50)..=secs(150)).contains(first)), "{firsts:?}");
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts.len(), 20, "all differ");
}

#[tokio::test(start_paused = true)]
async fn a_seed_makes_the_jitter_repeatable() {
    let config = || RetryConfig::default().idempotent().seed(7);
    assert_eq!(gaps_of(3, config()).await, gaps_of(3, config()).await);
    assert_ne!(gaps_of(3, config()).await, gaps_of(3, config().seed(8)).await);
    let used = RetryConfig::default().idempotent();
    let unseeded = gaps_of(3, used.clone()).await;
    assert_eq!(gaps_of(3, used.seed(7)).await, gaps_of(3, config()).await, "it begins anew");
    assert_ne!(unseeded, gaps_of(3, RetryConfig::default().idempotent()).await);
}

/// Trap 9 (tower-resilience): the failed response is kept alive during the sleep.
#[tokio::test(start_paused = true)]
async fn a_failed_response_is_let_go_before_the_wait() {
    let connection = Arc::new(Mutex::new(Weak::new()));
    let opened = Arc::clone(&connection);
    let config = RetryConfig::default().classify(|_: Result<&Arc<()>, &Oops>| Verdict::transient());
    let mut retry = RetryLayer::new(config).layer(service_fn(move |()| {
        let response = Arc::new(());
        *opened.lock().unwrap() = Arc::downgrade(&response);
        async move { Ok::<_, Oops>(response) }
    }));
    let mut call = tokio_test::task::spawn(ask(&mut retry, ()));
    assert!(call.poll().is_pending());
    assert_eq!(connection.lock().unwrap().strong_count(), 0, "while it waits, nothing is held");
}

/// Responses that take so many seconds to be read to their end.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_failed_response_is_read_in_the_wait_and_dropped_with_it() {
    struct ReadsOn(Arc<Mutex<Vec<u64>>>);
    impl Classifier<(), u64, Oops> for ReadsOn {
        type Memo = ();
        fn memo(&self, (): &()) {}
        fn classify(&self, (): &(), outcome: Result<&u64, &Oops>) -> Verdict {
            if outcome == Ok(&0) { Verdict::Success } else { Verdict::transient() }
        }
        fn let_go(&self, outcome: Result<u64, Oops>) -> Result<LetGo, Result<u64, Oops>> {
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
    let inner = Scripted::new([Answer(1), Answer(5), Fail(Oops(1)), Answer(0)]);
    assert_eq!(ask(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Ok(0));
    assert_eq!(inner.gaps(), [secs(3); 3], "it makes no wait longer, nor shorter");
    tokio::time::sleep(secs(9)).await;
    assert_eq!(*read.lock().unwrap(), [1]);
}

#[tokio::test]
async fn a_reason_tells_the_fallback_its_cause() {
    let cases = [
        (Reason::Success, None),
        (Reason::Neutral, None),
        (Reason::Transient, Some(Cause::Failure)),
        (Reason::Rejected { retry_in: None }, Some(Cause::Rejected { retry_in: None })),
        (Reason::Permanent, Some(Cause::Permanent)),
        (Reason::AttemptsSpent { attempts: 2 }, Some(Cause::AttemptsSpent { attempts: 2 })),
        (Reason::ServerDelay { asked: secs(99) }, Some(Cause::ServerDelay { asked: secs(99) })),
        (Reason::NotReplayable, Some(Cause::NotReplayable)),
        (Reason::Deadline, Some(Cause::Deadline)),
        (Reason::Budget, Some(Cause::Budget)),
    ];
    for (reason, cause) in cases {
        assert_eq!(reason.cause(), cause, "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_must_not_be_repeated_is_sent_again_only_if_it_provably_was_not_sent() {
    let cases = [
        (Verdict::transient().unsafe_to_resend(), 1),
        (Verdict::transient().unsafe_to_resend().sent(Sent::Yes), 1),
        (Verdict::transient().unsafe_to_resend().sent(Sent::No), 2),
        (Verdict::transient().sent(Sent::Yes), 2),
    ];
    for (verdict, calls) in cases {
        let told = Told::default();
        let config =
            RetryConfig::default().retries(1).classify(move |_: Result<&(), &Oops>| verdict).observe(told.observer());
        let inner = Scripted::new([Fail(Oops(1))]);
        ask(&mut RetryLayer::new(config).layer(inner.clone()), ()).await.unwrap_err();
        assert_eq!((inner.calls(), told.count("UnsafeToResend")), (calls, usize::from(calls == 1)), "{verdict:?}");
    }

    // Whatever the verdict says: it wasn't sent, as the service wasn't ready.
    let config = RetryConfig::default().classify(|result: Result<&&str, &Oops>| match result {
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::transient().unsafe_to_resend(),
    });
    let inner = Scripted::new([Unready(Oops(1)), Answer("yes")]);
    assert_eq!(ask(&mut RetryLayer::new(config).layer(inner), ()).await, Ok("yes"));
}
