//! A retry that has a timeout error to return sends no request after its deadline. Also: changes of
//! a request before it is resent.

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
    Attempt, Cause, Classifier, Delivery, Elapsed, RetryConfig, RetryLayer, Verdict,
    classify::ErrorClassifier,
    report::with_report,
    retry::{Backoff, Budget, RequestReplay, RetryQuota, TimeoutWith, Timeouts, TokenBucket},
};

use crate::scripted::*;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(ms(100))).without_budget().without_observers()
}

fn late() -> Timeouts<TimeoutWith<impl Fn(Elapsed) -> Result<&'static str, Oops>>> {
    Timeouts::request(secs(3)).on_timeout(|_| Err(Oops(99)))
}

#[tokio::test(start_paused = true)]
async fn a_request_ready_after_its_deadline_is_not_sent() {
    let quota = RetryQuota::new();
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let events = EventLog::default();
    let config = config().shared_budget(budget.clone()).observe(events.observer()).quota(&quota, |(): &()| "key");
    // `advance` moves the clock past the deadline at once, as if the change of the request blocked
    // the thread.
    let layer = RetryLayer::new(config.timeouts(late())).before_resend(|(): (), _| async { advance(secs(10)).await });
    let inner = Script::new([fail(Oops(1)), succeed("too late")]);
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Err(Oops(99)));
    assert_eq!((inner.calls(), quota.total_retries(), budget.balance()), (1, 0, 1));
    assert!(events.last_has(&["RetryStopped", "Deadline"]));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_follows_a_wait_that_took_too_long() {
    let layer = RetryLayer::new(config().timeouts(late()));
    let inner = Script::new([fail(Oops(1)), succeed("too late")]);
    let mut service = layer.layer(inner.clone());
    let mut request = tokio_test::task::spawn(service.call_when_ready(()));
    assert!(request.poll().is_pending());
    // The time passes between two polls of the task.
    advance(secs(10)).await;
    assert_eq!(request.poll(), Poll::Ready(Err(Oops(99))));
    assert_eq!(inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_ready_after_the_deadline_is_not_called() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), not_ready()]);
    let layer = RetryLayer::new(config().timeouts(late()));
    let mut service = layer.layer(inner.clone());
    let mut request = tokio_test::task::spawn(service.call_when_ready(()));
    assert!(request.poll().is_pending());
    advance(ms(100)).await;
    assert!(request.poll().is_pending(), "it waits for the service");
    advance(secs(10)).await;
    inner.replace([succeed("too late")]);
    assert_eq!((request.poll(), inner.calls()), (Poll::Ready(Err(Oops(99))), 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_at_the_call_and_its_time_starts_then() {
    let layer = RetryLayer::new(config().timeouts(late()));
    let inner = Script::<_, &str, Oops>::new([hang()]);
    let mut service = layer.layer(inner.clone());
    let mut request = tokio_test::task::spawn(service.call_when_ready(()));
    assert_eq!(inner.calls(), 1);
    advance(secs(2)).await;
    assert!(request.poll().is_pending());
    advance(secs(1)).await;
    assert!(request.is_woken(), "by the limit, which the first attempt didn't use");
    assert_eq!(request.poll(), Poll::Ready(Err(Oops(99))));

    let asked = AtomicU32::new(0);
    let run = layer.run(|_| ready(Err::<&str, _>(Oops(asked.fetch_add(1, Ordering::Relaxed)))));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    advance(secs(3)).await;
    assert_eq!(run.await, Err(Oops(0)), "no time is left for another attempt");
}

/// Each instance of the service counts calls in its own state, so the counts show which instance
/// was called.
#[tokio::test(start_paused = true)]
async fn the_ready_instance_is_called_and_a_clone_of_it_retries() {
    for timed in [false, true] {
        let mut calls = 0;
        let counting = service_fn(move |()| {
            calls += 1;
            ready(if calls % 3 == 0 { Ok(calls) } else { Err(Oops(calls)) })
        });
        let limits = Timeouts::request(secs(60)).on_timeout(|_| Err(Oops(99)));
        let layer = RetryLayer::new(config().retries(1).timeouts(limits));
        let untimed = RetryLayer::new(config().retries(1));
        let answers = match timed {
            true => three(layer.layer(counting)).await,
            false => three(untimed.layer(counting)).await,
        };
        // The second call uses the instance that made the first attempt of the first call, so it
        // continues with that count.
        assert_eq!(answers, [Err(Oops(2)), Ok(3), Ok(3)], "timed: {timed}");
    }
}

async fn three<S: Service<(), Response = u32, Error = Oops>>(mut service: S) -> [Result<u32, Oops>; 3] {
    [
        ready_and_call(&mut service, ()).await,
        ready_and_call(&mut service, ()).await,
        ready_and_call(&mut service, ()).await,
    ]
}

/// [`ErrorClassifier`] for requests that have a deadline.
struct Until(Option<Instant>);

impl<Res, Err: 'static> Classifier<(), Res, Err> for Until
where
    ErrorClassifier: Classifier<(), Res, Err, Memo = ()>,
{
    type Memo = ();

    fn memo(&self, (): &()) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        ErrorClassifier.classify(&(), outcome)
    }

    fn deadline(&self, (): &()) -> Option<Instant> {
        self.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_past_its_deadline_is_not_sent() {
    let passed = Instant::now();
    advance(secs(1)).await;
    let limits = Timeouts::attempt(secs(60)).on_timeout(|_| Err::<&str, _>(Oops(99)));
    let inner = Script::new([succeed("too late")]);
    let layer = RetryLayer::new(config().classifier(Until(Some(passed))).timeouts(limits));
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Err(Oops(99)));
    assert_eq!(inner.calls(), 0);
    let run = layer.run(|_| async { unreachable!("this one isn't called either") });
    assert_eq!(run.await, Err(Oops(99)));
    assert_eq!(layer.run_blocking(|_| unreachable!("nor is this one")), Err(Oops(99)));
}

/// A limit of zero stops retries, but not the first attempt.
#[tokio::test(start_paused = true)]
async fn with_a_limit_of_zero_the_first_attempt_is_made() {
    let limits = Timeouts::request(ms(0)).on_timeout(|_| Err::<&str, _>(Oops(99)));
    let inner = Script::new([succeed("at once")]);
    let layer = RetryLayer::new(config().timeouts(limits));
    assert_eq!(ready_and_call(&mut layer.layer(inner), ()).await, Ok("at once"));
    assert_eq!(layer.run(|_| async { Ok("at once") }).await, Ok("at once"));
    assert_eq!(layer.run_blocking(|_| Ok("at once")), Ok("at once"));
    let inner = Script::new([fail(Oops(1))]);
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_error_a_late_request_is_sent_once() {
    let passed = Instant::now();
    advance(secs(1)).await;
    let inner = Script::new([fail::<(), _>(Oops(1))]);
    let layer = RetryLayer::new(config().classifier(Until(Some(passed))));
    let failed = with_report(ready_and_call(&mut layer.layer(inner.clone()), ())).await.unwrap_err();
    assert_eq!((failed.report.cause(), inner.calls()), (Some(Cause::Deadline), 1));

    // The deadline passes during `before_resend`. The retry still sends the request: it has already
    // discarded the previous failure and has no other outcome to return.
    let soon = Instant::now() + secs(2);
    let inner = Script::new([fail(Oops(1)), succeed("late")]);
    let slow = |(): (), _| sleep(secs(9));
    let layer = RetryLayer::new(config().classifier(Until(Some(soon)))).before_resend(slow);
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Ok("late"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_times_out_while_it_is_changed_was_not_sent() {
    let judge = |outcome: Result<&(), &Oops>| match outcome {
        Ok(()) => Verdict::Success,
        Err(Oops(1)) => Verdict::transient().unsafe_to_resend().delivery(Delivery::NotSent),
        Err(_) => Verdict::timed_out().unsafe_to_resend(),
    };
    let limits = Timeouts::attempt(secs(1)).on_timeout(|_| Err(Oops(99)));
    let slow_at_first = |(): (), attempt: Attempt| sleep(secs(if attempt.number() == 2 { 9 } else { 0 }));
    let layer = RetryLayer::new(config().timeouts(limits).classify(judge)).before_resend(slow_at_first);
    let inner = Script::new([fail(Oops(1)), succeed(())]);
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), ()).await, Ok(()), "so it is safe to send it");
    assert_eq!(inner.gaps(), [ms(100) + secs(1) + ms(100)]);
}

#[tokio::test(start_paused = true)]
async fn the_change_before_a_resend_gets_the_stored_request() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    for layer in [false, true] {
        let (log, config) = (sent.clone(), config().retries(2));
        let inner = service_fn(move |request: String| {
            log.lock().unwrap().push(request);
            async { Err::<(), _>(Oops(1)) }
        });
        let marked = |request: String, attempt: Attempt| async move { format!("{request} {}", attempt.number()) };
        let result = if layer {
            let layer = RetryLayer::new(config)
                .copy_request_with(|request: &String| Some(request.clone()))
                .before_resend(marked);
            ready_and_call(&mut layer.layer(inner), "a".to_owned()).await
        } else {
            ready_and_call(&mut RetryLayer::new(config).before_resend(marked).layer(inner), "a".to_owned()).await
        };
        assert_eq!(result, Err(Oops(1)));
        assert_eq!(std::mem::take(&mut *sent.lock().unwrap()), ["a", "a 2", "a 3"]);
    }
}

/// Writes the attempt's number and its deadline into the request.
#[derive(Clone)]
struct GrpcReplay;

impl RequestReplay<String> for GrpcReplay {
    type Request = String;
    type Stored = String;
    type Prepare = Ready<String>;

    fn store(&self, request: &mut String) -> Option<String> {
        Some(request.clone())
    }

    fn wrap_request(&self, request: String) -> String {
        request
    }

    fn copy(&self, kept: &mut String) -> Option<String> {
        Some(kept.clone())
    }

    fn prepare(&self, request: String, _: &Attempt) -> Ready<String> {
        ready(request)
    }

    fn before_attempt(&self, request: &mut String, attempt: &Attempt, ends_at: Option<Instant>) {
        let has = ends_at.map(|end| end - Instant::now());
        *request = format!("{request} {} {has:?}", attempt.number());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_stamped_after_all_other_changes() {
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
    let layer = RetryLayer::new(config().retries(1).timeouts(late())).replay(GrpcReplay).before_resend(slow);
    assert_eq!(ready_and_call(&mut layer.layer(inner), "a".to_owned()).await, Err(Oops(1)));
    assert_eq!(*sent.lock().unwrap(), ["a 1 Some(3s)", "a changed 2 Some(1.9s)"]);
}
