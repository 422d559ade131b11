//! Nothing is sent after its time, and what is changed before it is sent again.

use std::{
    future::{Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
};

use tokio::time::{Instant, advance, sleep};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    Attempt, Cause, Classifier, Elapsed, RetryConfig, RetryLayer, Sent, Verdict,
    answered::answered,
    classify::Errors,
    retry::{AnswerWith, Backoff, Budget, Keep, Ledger, Timeouts, TokenBucket},
};

use crate::scripted::{CallWhenReady, Oops, Scripted, Step::*, Told, ask, ms, secs};

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(ms(100))).without_budget().unobserved()
}

fn late() -> Timeouts<AnswerWith<impl Fn(Elapsed) -> Result<&'static str, Oops>>> {
    Timeouts::request(secs(3)).answer(|_| Err(Oops(99)))
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_ready_after_its_deadline_is_not_sent() {
    let ledger = Ledger::new();
    let budget = Arc::new(TokenBucket::share(0.0).unwrap().reserve(1));
    let told = Told::default();
    let config = config().shared_budget(budget.clone()).observe(told.observer()).ledger(&ledger, |(): &()| "key");
    // It doesn't let the timer have its turn.
    let layer = RetryLayer::new(config.timeouts(late())).before_resend(|(): (), _| async { advance(secs(10)).await });
    let inner = Scripted::new([Fail(Oops(1)), Answer("too late")]);
    assert_eq!(ask(&mut layer.layer(inner.clone()), ()).await, Err(Oops(99)));
    assert_eq!((inner.calls(), ledger.retries_in_all(), budget.balance()), (1, 0, 1));
    assert!(told.last_has(&["RetryStopped", "Deadline"]));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_took_longer_than_it_should_have_is_followed_by_no_attempt() {
    let layer = RetryLayer::new(config().timeouts(late()));
    let inner = Scripted::new([Fail(Oops(1)), Answer("too late")]);
    let mut service = layer.layer(inner.clone());
    let mut request = tokio_test::task::spawn(service.call_when_ready(()));
    assert!(request.poll().is_pending());
    // The task gets no turn meanwhile.
    advance(secs(10)).await;
    assert_eq!(request.poll(), Poll::Ready(Err(Oops(99))));
    assert_eq!(inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_gets_ready_after_the_deadline_is_not_called() {
    let inner = Scripted::<&str>::new([Fail(Oops(1)), Stuck]);
    let layer = RetryLayer::new(config().timeouts(late()));
    let mut service = layer.layer(inner.clone());
    let mut request = tokio_test::task::spawn(service.call_when_ready(()));
    assert!(request.poll().is_pending());
    advance(ms(100)).await;
    assert!(request.poll().is_pending(), "it waits for the service");
    advance(secs(10)).await;
    inner.unstick(Answer("too late"));
    assert_eq!((request.poll(), inner.calls()), (Poll::Ready(Err(Oops(99))), 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_at_once_and_its_time_runs_from_then_on_whoever_polls_it_when() {
    let layer = RetryLayer::new(config().timeouts(late()));
    let inner = Scripted::<&str>::new([Hang]);
    let mut service = layer.layer(inner.clone());
    let mut request = tokio_test::task::spawn(service.call_when_ready(()));
    assert_eq!(inner.calls(), 1);
    advance(secs(2)).await;
    assert!(request.poll().is_pending());
    advance(secs(1)).await;
    assert!(request.is_woken(), "by the limit, which nobody had asked for at first");
    assert_eq!(request.poll(), Poll::Ready(Err(Oops(99))));

    let asked = AtomicU32::new(0);
    let run = layer.run(|_| ready(Err::<&str, _>(Oops(asked.fetch_add(1, Ordering::Relaxed)))));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    advance(secs(3)).await;
    assert_eq!(run.await, Err(Oops(0)), "there is no time left for another attempt");
}

/// Which has a state of its own, as no service of a server has: here it tells the instances apart.
#[tokio::test(start_paused = true)]
async fn the_instance_that_was_ready_is_called_where_it_is_and_a_clone_of_it_tries_again() {
    for timed in [false, true] {
        let mut calls = 0;
        let counting = service_fn(move |()| {
            calls += 1;
            ready(if calls % 3 == 0 { Ok(calls) } else { Err(Oops(calls)) })
        });
        let limits = Timeouts::request(secs(60)).answer(|_| Err(Oops(99)));
        let layer = RetryLayer::new(config().retries(1).timeouts(limits));
        let untimed = RetryLayer::new(config().retries(1));
        let answers = match timed {
            true => three(layer.layer(counting)).await,
            false => three(untimed.layer(counting)).await,
        };
        // The second call begins where the first one's first attempt had left it.
        assert_eq!(answers, [Err(Oops(2)), Ok(3), Ok(3)], "timed: {timed}");
    }
}

async fn three<S: Service<(), Response = u32, Error = Oops>>(mut service: S) -> [Result<u32, Oops>; 3] {
    [ask(&mut service, ()).await, ask(&mut service, ()).await, ask(&mut service, ()).await]
}

/// [`Errors`], of requests that say when they must be answered.
struct Until(Option<Instant>);

impl<Res, Err: 'static> Classifier<(), Res, Err> for Until
where
    Errors: Classifier<(), Res, Err, Memo = ()>,
{
    type Memo = ();

    fn memo(&self, (): &()) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        Errors.classify(&(), outcome)
    }

    fn deadline(&self, (): &()) -> Option<Instant> {
        self.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_after_its_deadline_is_not_sent() {
    let passed = Instant::now();
    advance(secs(1)).await;
    let limits = Timeouts::attempt(secs(60)).answer(|_| Err::<&str, _>(Oops(99)));
    let inner = Scripted::new([Answer("too late")]);
    let layer = RetryLayer::new(config().classifier(Until(Some(passed))).timeouts(limits));
    assert_eq!(ask(&mut layer.layer(inner.clone()), ()).await, Err(Oops(99)));
    assert_eq!(inner.calls(), 0);
    let run = layer.run(|_| async { unreachable!("it isn't called either") });
    assert_eq!(run.await, Err(Oops(99)));
    assert_eq!(layer.run_blocking(|_| unreachable!("nor is this")), Err(Oops(99)));
}

/// It is the retries that have no time.
#[tokio::test(start_paused = true)]
async fn with_a_limit_of_no_time_at_all_the_first_attempt_is_made() {
    let limits = Timeouts::request(ms(0)).answer(|_| Err::<&str, _>(Oops(99)));
    let inner = Scripted::new([Answer("at once")]);
    let layer = RetryLayer::new(config().timeouts(limits));
    assert_eq!(ask(&mut layer.layer(inner), ()).await, Ok("at once"));
    assert_eq!(layer.run(|_| async { Ok("at once") }).await, Ok("at once"));
    assert_eq!(layer.run_blocking(|_| Ok("at once")), Ok("at once"));
    let inner = Scripted::new([Fail(Oops(1))]);
    assert_eq!(ask(&mut layer.layer(inner.clone()), ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_for_it_a_request_is_sent_after_its_deadline_once() {
    let passed = Instant::now();
    advance(secs(1)).await;
    let inner = Scripted::new([Fail::<(), _>(Oops(1))]);
    let layer = RetryLayer::new(config().classifier(Until(Some(passed))));
    let failed = answered(ask(&mut layer.layer(inner.clone()), ())).await.unwrap_err();
    assert_eq!((failed.how.cause(), inner.calls()), (Some(Cause::Deadline), 1));

    // And what takes too long to be changed is sent, as its failure was let go.
    let soon = Instant::now() + secs(2);
    let inner = Scripted::new([Fail(Oops(1)), Answer("late")]);
    let slow = |(): (), _| sleep(secs(9));
    let layer = RetryLayer::new(config().classifier(Until(Some(soon)))).before_resend(slow);
    assert_eq!(ask(&mut layer.layer(inner.clone()), ()).await, Ok("late"));
}

#[tokio::test(start_paused = true)]
async fn a_request_cut_off_while_it_is_changed_was_not_sent() {
    let judge = |outcome: Result<&(), &Oops>| match outcome {
        Ok(()) => Verdict::Success,
        Err(Oops(1)) => Verdict::transient().unsafe_to_resend().sent(Sent::No),
        Err(_) => Verdict::timed_out().unsafe_to_resend(),
    };
    let limits = Timeouts::attempt(secs(1)).answer(|_| Err(Oops(99)));
    let slow_at_first = |(): (), attempt: Attempt| sleep(secs(if attempt.number() == 2 { 9 } else { 0 }));
    let layer = RetryLayer::new(config().timeouts(limits).classify(judge)).before_resend(slow_at_first);
    let inner = Scripted::new([Fail(Oops(1)), Answer(())]);
    assert_eq!(ask(&mut layer.layer(inner.clone()), ()).await, Ok(()), "so it is safe to send it");
    assert_eq!(inner.gaps(), [ms(100) + secs(1) + ms(100)]);
}

#[tokio::test(start_paused = true)]
async fn the_change_before_a_resend_works_on_what_was_kept_in_either_order() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    for layer in [false, true] {
        let (log, config) = (sent.clone(), config().retries(2));
        let inner = service_fn(move |request: String| {
            log.lock().unwrap().push(request);
            async { Err::<(), _>(Oops(1)) }
        });
        let marked = |request: String, attempt: Attempt| async move { format!("{request} {}", attempt.number()) };
        let result = if layer {
            let layer = RetryLayer::new(config).keep(|request: &String| Some(request.clone())).before_resend(marked);
            ask(&mut layer.layer(inner), "a".to_owned()).await
        } else {
            ask(&mut RetryLayer::new(config).before_resend(marked).layer(inner), "a".to_owned()).await
        };
        assert_eq!(result, Err(Oops(1)));
        assert_eq!(std::mem::take(&mut *sent.lock().unwrap()), ["a", "a 2", "a 3"]);
    }
}

/// Writes into a request which attempt it is, and how long that has.
#[derive(Clone)]
struct Stamped;

impl Keep<String> for Stamped {
    type Request = String;
    type Kept = String;
    type Prepared = Ready<String>;

    fn keep(&self, request: &mut String) -> Option<String> {
        Some(request.clone())
    }

    fn sent(&self, request: String) -> String {
        request
    }

    fn again(&self, kept: &mut String) -> Option<String> {
        Some(kept.clone())
    }

    fn prepare(&self, request: String, _: &Attempt) -> Ready<String> {
        ready(request)
    }

    fn stamp(&self, request: &mut String, attempt: &Attempt, ends_at: Option<Instant>) {
        let has = ends_at.map(|end| end - Instant::now());
        *request = format!("{request} {} {has:?}", attempt.number());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_stamped_last_whatever_has_changed_it_before() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = sent.clone();
    let inner = service_fn(move |request: String| {
        log.lock().unwrap().push(request);
        async { Err::<&str, _>(Oops(1)) }
    });
    let slow = |request: String, _| async move {
        sleep(secs(1)).await;
        request + " changed"
    };
    let layer = RetryLayer::new(config().retries(1).timeouts(late())).keeping(Stamped).before_resend(slow);
    assert_eq!(ask(&mut layer.layer(inner), "a".to_owned()).await, Err(Oops(1)));
    assert_eq!(*sent.lock().unwrap(), ["a 1 Some(3s)", "a changed 2 Some(1.9s)"]);
}
