//! When the fallback calls the backup, what the backup receives, and what the caller gets when the
//! backup fails too.

use std::{
    convert::Infallible,
    error::Error,
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use tokio_test::{assert_pending, assert_ready, task::spawn};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, FallbackError, FallbackLayer, RetryConfig, RetryLayer,
    Verdict,
    breaker::TripRule,
    fallback::PrimaryFailure,
    report::ReportLayer,
    retry::{Backoff, Timeouts, TokenBucket},
};
use tower_test::mock;

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

/// A request that isn't `Clone`.
#[derive(Debug, PartialEq)]
struct Upload(&'static str);

#[tokio::test]
async fn a_success_passes_through_without_the_backup() {
    let (primary, backup) =
        (Script::<_, _, Oops>::new([succeed("primary")]), Script::<_, _, Oops>::new([succeed("backup")]));
    let events = EventLog::default();
    let layer = FallbackLayer::new(backup.clone()).observe(events.observer());
    assert_eq!(ready_and_call(&mut layer.layer(primary), ()).await, Ok("primary"));
    assert_eq!((backup.calls(), events.count("")), (0, 0));
}

#[tokio::test]
async fn a_neutral_outcome_passes_through_unchanged() {
    let primary = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let neutral = FallbackLayer::value("backup").classify(|_: Result<&&str, &Oops>| Verdict::Neutral);
    let error = ready_and_call(&mut neutral.layer(primary), ()).await.unwrap_err();
    assert_eq!(error, FallbackError::Primary(Oops(1)));
    assert_eq!((error.primary(), error.backup()), (&Oops(1), None));
}

#[tokio::test]
async fn a_failure_calls_the_backup_with_the_same_request() {
    let primary = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let backup = service_fn(|request: &'static str| async move { Ok::<_, Infallible>(request) });
    let events = EventLog::default();
    let layer = FallbackLayer::new(backup).name("prices").observe(events.observer());
    assert_eq!(ready_and_call(&mut layer.layer(primary.clone()), "hello").await, Ok("hello"));
    assert_eq!(primary.calls(), 1);
    assert!(events.last_has(&["FallbackSucceeded", "prices", "Failure"]));
}

/// tower-fallback: a readiness error of the primary didn't cause a fallback.
#[tokio::test]
async fn a_readiness_error_calls_the_backup() {
    let primary = Script::new([readiness_error(Oops(1)), succeed("primary")]);
    let mut service = FallbackLayer::value("backup").layer(primary.clone());
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("backup"));
    assert_eq!(primary.calls(), 0);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("primary"), "the error affected one call");
}

#[tokio::test]
async fn it_is_ready_when_the_primary_is() {
    let (mut service, mut handle) = mock::spawn_layer::<(), &str, _>(FallbackLayer::value("backup"));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready().is_ready());
}

/// tower-resilience: the request was cloned on every success. The request of this test isn't
/// `Clone`.
#[tokio::test]
async fn values_and_functions_need_no_copy_of_the_request() {
    let primary = || Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let mut value = FallbackLayer::value("value").layer(primary());
    assert_eq!(ready_and_call(&mut value, Upload("file")).await, Ok("value"));
    let function = |_: PrimaryFailure<'_, &'static str, Oops>| async { Ok::<_, Infallible>("function") };
    let mut function = FallbackLayer::from_fn(function).layer(primary());
    assert_eq!(ready_and_call(&mut function, Upload("file")).await, Ok("function"));
}

#[tokio::test]
async fn a_function_receives_the_request_and_the_failure() {
    let layer = FallbackLayer::with_request(|request: &'static str, failed: PrimaryFailure<'_, String, Oops>| {
        let answer = format!("{request}: {}, {:?}", failed.cause, failed.outcome);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut service = layer.layer(Script::<_, String, Oops>::new([fail(Oops(1))]));
    assert_eq!(ready_and_call(&mut service, "hello").await.unwrap(), "hello: the call failed, Err(Oops(1))");
}

/// This stack has no breaker. The classifier reports a rejection.
#[tokio::test]
async fn a_classifier_can_report_a_rejection_of_the_primary() {
    let verdict = Verdict::rejected(Some(secs(3)));
    let events = FallbackLayer::from_fn(|failed: PrimaryFailure<'_, Cause, Oops>| {
        let cause = failed.cause;
        async move { Ok::<_, Infallible>(cause) }
    });
    let layer = events.classify(move |_: Result<&Cause, &Oops>| verdict);
    let answer = ready_and_call(&mut layer.layer(Script::<_, Cause, Oops>::new([fail(Oops(1))])), ()).await;
    assert_eq!(answer, Ok(Cause::Rejected { retry_in: Some(secs(3)) }));
}

/// The cause that the fallback receives from each inner layer.
#[tokio::test(start_paused = true)]
async fn the_backup_receives_the_cause() {
    let causes = Arc::new(Mutex::new(Vec::new()));
    let recorder = causes.clone();
    let fallback = FallbackLayer::from_fn(move |failed: PrimaryFailure<'_, &'static str, Oops>| {
        recorder.lock().unwrap().push(failed.cause);
        async { Ok::<_, Infallible>("backup") }
    });
    let failing = || Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let retry = || RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1)));

    let _ = ready_and_call(&mut fallback.layer(failing()), ()).await;
    let _ = ready_and_call(&mut fallback.layer(Script::<_, &str, Oops>::new([readiness_error(Oops(1))])), ()).await;
    let permanent = |_: Result<&&'static str, &Oops>| Verdict::permanent();
    let _ = ready_and_call(&mut fallback.clone().classify(permanent).layer(failing()), ()).await;
    let _ = ready_and_call(&mut fallback.layer(RetryLayer::new(retry()).layer(failing())), ()).await;
    let _ = ready_and_call(&mut fallback.layer(RetryLayer::new(retry().retries(1)).layer(failing())), ()).await;
    let _ =
        ready_and_call(&mut fallback.layer(RetryLayer::new(retry().classify(permanent)).layer(failing())), ()).await;
    let broke = retry().budget(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0));
    let _ = ready_and_call(&mut fallback.layer(RetryLayer::new(broke).layer(failing())), ()).await;
    let late = retry().timeouts(Timeouts::request(secs(1)).on_timeout(|_| Err(Oops(408))));
    let _ = ready_and_call(&mut fallback.layer(RetryLayer::new(late.clone()).layer(failing())), ()).await;
    let _ =
        ready_and_call(&mut fallback.layer(RetryLayer::new(late).layer(Script::<_, &str, Oops>::new([hang()]))), ())
            .await;
    let once = RetryLayer::new(retry()).copy_request_with(|(): &()| None);
    let _ = ready_and_call(&mut fallback.layer(once.layer(failing())), ()).await;

    assert_eq!(
        *causes.lock().unwrap(),
        [
            Cause::Failure,
            Cause::Failure,
            Cause::Permanent,
            Cause::AttemptsExhausted { attempts: 4 },
            Cause::AttemptsExhausted { attempts: 2 },
            Cause::Permanent,
            Cause::Budget,
            Cause::Deadline,
            Cause::Deadline,
            Cause::NotReplayable,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_backup_receives_a_rejection_with_its_time() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()));
    circuit.try_acquire().unwrap().failure();
    tokio::time::advance(secs(10)).await;
    let events = EventLog::default();
    // The predicate returns false for everything, but a rejection is recognised before any
    // classifier is called.
    let layer = FallbackLayer::value("backup").when(|_: Result<&&str, &Oops>| false).observe(events.observer());
    let mut service = layer.layer(BreakerLayer::on(&circuit).layer(Script::<_, _, Oops>::new([succeed("primary")])));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("backup"));
    assert!(events.last_has(&["FallbackSucceeded", "Rejected { retry_in: Some(20s) }"]), "{events:?}");
}

#[tokio::test]
async fn a_predicate_decides_when_the_backup_is_called() {
    let primary = Script::<_, u16, Oops>::new([succeed(404), succeed(503), fail(Oops(1)), fail(Oops(2))]);
    let layer = FallbackLayer::value(0).when(|outcome: Result<&u16, &Oops>| matches!(outcome, Ok(503) | Err(Oops(2))));
    let mut service = layer.layer(primary);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok(404));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok(0));
    assert_eq!(ready_and_call(&mut service, ()).await, Err(FallbackError::Primary(Oops(1))));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok(0));
}

#[tokio::test]
async fn the_backup_is_called_when_it_is_ready() {
    let (backup, mut handle) = mock::pair::<&str, &str>();
    handle.allow(0);
    let mut service = FallbackLayer::new(backup).layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let mut call = spawn(ready_and_call(&mut service, "hello"));
    assert_pending!(call.poll());
    let mut cx = Context::from_waker(Waker::noop());
    assert_pending!(pin!(handle.next_request()).as_mut().poll(&mut cx), "not called before it is ready");
    handle.allow(1);
    assert!(call.is_woken());
    assert_pending!(call.poll());
    let (request, respond) = handle.next_request().await.unwrap();
    assert_eq!(request, "hello");
    respond.send_response("backup");
    assert_eq!(assert_ready!(call.poll()).unwrap(), "backup");
}

/// tower-resilience: callers queued behind a mutex until the backup was ready.
#[tokio::test]
async fn two_callers_do_not_queue_for_the_backup() {
    let backup = Script::<_, _, Oops>::new([succeed("backup")]);
    let primary = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let layer = FallbackLayer::new(FirstStuck { inner: backup, stuck: Arc::new(Mutex::new(true)) });
    let (mut one, mut other) = (layer.layer(primary.clone()), layer.layer(primary));
    let mut first = spawn(ready_and_call(&mut one, ()));
    assert_pending!(first.poll());
    assert_eq!(ready_and_call(&mut other, ()).await, Ok("backup"));
    assert_pending!(first.poll());
}

/// The instance that is polled first never gets ready. All others are ready when the inner service
/// is.
#[derive(Clone)]
struct FirstStuck<S> {
    inner: S,
    stuck: Arc<Mutex<bool>>,
}

impl<S: Service<()>> Service<()> for FirstStuck<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if std::mem::replace(&mut *self.stuck.lock().unwrap(), false) {
            self.stuck = Arc::new(Mutex::new(true));
            return Poll::Pending;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: ()) -> S::Future {
        self.inner.call(request)
    }
}

/// tower-fallback: the primary's error was lost if the backup failed too.
#[tokio::test]
async fn both_errors_are_accessible() {
    let events = EventLog::default();
    for backup in
        [Script::<_, &str, Oops>::new([fail(Oops(2))]), Script::<_, &str, Oops>::new([readiness_error(Oops(2))])]
    {
        let layer = FallbackLayer::new(backup).observe(events.observer());
        let error =
            ready_and_call(&mut layer.layer(Script::<_, &str, Oops>::new([fail(Oops(1))])), ()).await.unwrap_err();
        assert_eq!((error.primary(), error.backup()), (&Oops(1), Some(&Oops(2))));
        assert_eq!(error.to_string(), "oops 1, and the fallback failed: oops 2");
        assert_eq!(error.source().unwrap().to_string(), "oops 1");
        assert_eq!(error.into_primary(), Oops(1));
        assert!(events.last_has(&["FallbackFailed", "Failure"]));
    }
}

#[tokio::test]
async fn a_failed_response_comes_back_when_the_backup_fails() {
    let layer =
        FallbackLayer::new(Script::<_, u16, Oops>::new([fail(Oops(2))])).when(|r: Result<&u16, &Oops>| r == Ok(&503));
    let mut service = layer.layer(Script::<_, u16, Oops>::new([succeed(503)]));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok(503), "the text has more than the backup's error");
}

/// The primary's resources are free when the backup is called.
#[tokio::test]
async fn the_primary_is_dropped_before_the_backup_is_called() {
    let held = Arc::new(());
    let seen = Arc::downgrade(&held);
    let primary = service_fn(Held);
    let backup = move |_: PrimaryFailure<'_, usize, Oops>| {
        let holders = seen.strong_count();
        async move { Ok::<_, Infallible>(holders) }
    };
    assert_eq!(ready_and_call(&mut FallbackLayer::from_fn(backup).layer(primary), held).await, Ok(0));
}

/// A future that fails at once, and holds something until it is dropped.
struct Held(#[allow(dead_code, reason = "held")] Arc<()>);

impl Future for Held {
    type Output = Result<usize, Oops>;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(Oops(1)))
    }
}

#[tokio::test]
async fn three_backups_return_the_first_success() {
    let failing = || Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let events = EventLog::default();
    let ladder = |second: Script<(), &'static str, Oops>| {
        ServiceBuilder::new()
            .layer(FallbackLayer::value("third").name("outer").observe(events.observer()))
            .layer(FallbackLayer::new(second))
            .service(failing())
    };
    assert_eq!(ready_and_call(&mut ladder(Script::new([succeed("second")])), ()).await, Ok("second"));
    assert_eq!(events.count(""), 0);
    assert_eq!(ready_and_call(&mut ladder(failing()), ()).await, Ok("third"));
    assert!(events.last_has(&["FallbackSucceeded", "outer"]));
}

/// Nested fallbacks form a ladder of backups. Each of them receives the cause of the primary's
/// failure.
#[tokio::test(start_paused = true)]
async fn the_last_backup_receives_the_first_failure() {
    let failing = || Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let events = EventLog::default();
    let mut ladder = ServiceBuilder::new()
        .layer(FallbackLayer::value("third").observe(events.observer()))
        .layer(FallbackLayer::new(failing()))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .service(failing());
    assert_eq!(ready_and_call(&mut ladder, ()).await, Ok("third"));
    assert!(events.last_has(&["FallbackSucceeded", "AttemptsExhausted { attempts: 4 }"]));
}

#[tokio::test]
async fn merged_errors_keep_the_services_error_type() {
    let failing = |n| Script::<_, &str, Oops>::new([fail(Oops(n))]);
    let events = EventLog::default();
    let mut ladder = ServiceBuilder::new()
        .layer(FallbackLayer::new(failing(3)).name("outer").observe(events.observer()).merge_errors(|_, last| last))
        .layer(
            FallbackLayer::new(failing(2)).merge_errors(|primary: Oops, backup: Oops| Oops(primary.0 * 10 + backup.0)),
        )
        .service(failing(1));
    let error: Result<&str, Oops> = ready_and_call(&mut ladder, ()).await;
    assert_eq!(error, Err(Oops(3)));
    assert!(events.last_has(&["FallbackFailed", "outer"]));
    let joined =
        FallbackLayer::new(failing(2)).merge_errors(|primary: Oops, backup: Oops| Oops(primary.0 * 10 + backup.0));
    assert_eq!(ready_and_call(&mut joined.layer(failing(1)), ()).await, Err(Oops(12)), "the primary's comes first");
}

#[tokio::test]
async fn an_error_excluded_by_the_predicate_is_passed_on() {
    let replica = Script::<_, &str, Oops>::new([succeed("replica")]);
    let layer =
        FallbackLayer::new(replica.clone()).when(|_: Result<&_, &Oops>| false).merge_errors(|_, _: Oops| Oops(99));
    let ladder = ServiceBuilder::new().layer(ReportLayer).layer(FallbackLayer::value("last").name("last")).layer(layer);
    let answered =
        ready_and_call(&mut ladder.service(Script::<_, &str, Oops>::new([fail(Oops(1))])), ()).await.unwrap();
    assert_eq!((answered.response, replica.calls()), ("last", 0));
    assert_eq!(
        (answered.report.fallback_depth(), answered.report.failed_fallbacks()),
        (2, 0),
        "the skipped step counts"
    );
}

/// After a rejection, the fallback calls the backup whatever its predicate returns. If an inner
/// backup has failed since, the outcome is no longer only a rejection, and the predicate decides.
#[tokio::test]
async fn the_outcome_of_a_backup_after_a_rejection_is_classified() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()));
    circuit.try_acquire().unwrap().failure();
    let replica = Script::<_, &str, Oops>::new([fail(Oops(1)), fail(Oops(2))]);
    let rejected = BreakerLayer::on(&circuit).layer(Script::<_, _, Oops>::new([succeed("primary")]));
    let hopeful = |outcome: Result<&_, &BreakerError<Oops>>| outcome != Err(&BreakerError::Inner(Oops(2)));
    let mut ladder = ServiceBuilder::new()
        .layer(FallbackLayer::value("last").when(hopeful).merge_errors(|primary, _: Infallible| primary))
        .layer(
            FallbackLayer::new(replica)
                .when(|_: Result<&&str, &Oops>| false)
                .merge_errors(|_, replica| BreakerError::Inner(replica)),
        )
        .service(rejected);
    assert_eq!(ready_and_call(&mut ladder, ()).await, Ok("last"));
    assert_eq!(ready_and_call(&mut ladder, ()).await, Err(BreakerError::Inner(Oops(2))));
}

/// axum's services can't fail: their error type is `Infallible`, and a fallback must keep it.
#[tokio::test]
async fn an_infallible_service_stays_infallible() {
    let primary = service_fn(|()| async { Ok::<_, Infallible>(503) });
    let backup = service_fn(|()| async { Err::<u16, _>(Oops(2)) });
    let layer = FallbackLayer::new(backup).when(|outcome: Result<&u16, &Infallible>| outcome == Ok(&503));
    let mut service = layer.layer(primary).map_err(Infallible::from);
    let answer: Result<u16, Infallible> = ready_and_call(&mut service, ()).await;
    assert_eq!(answer, Ok(503));
}

#[test]
fn layers_and_services_implement_debug() {
    let answers = |_: PrimaryFailure<'_, (), Oops>| async { Ok::<_, Infallible>(()) };
    let layer = FallbackLayer::from_fn(answers).when(|_: Result<&(), &Oops>| true);
    let shown = format!("{layer:?}");
    assert!(shown.contains("BackupFn(..)") && shown.contains("OnlyWhen(..)"), "{shown}");
    let joined = FallbackLayer::with_request(|(), _: PrimaryFailure<'_, (), Oops>| async { Err(Oops(2)) });
    let joined = joined.merge_errors(|primary: Oops, _: Oops| primary);
    let shown = format!("{joined:?}");
    assert!(shown.contains("WithRequest(..)") && shown.contains("MergeWith(..)"), "{shown}");
    let shown = format!("{:?}", FallbackLayer::value(7).layer("a service"));
    assert!(shown.contains("a service") && shown.contains('7'), "{shown}");
}

/// A backup whose `Clone` runs this function.
struct Cloning(Arc<dyn Fn() + Send + Sync>);

impl Clone for Cloning {
    fn clone(&self) -> Self {
        (self.0)();
        Self(Arc::clone(&self.0))
    }
}

impl Service<()> for Cloning {
    type Response = &'static str;
    type Error = Oops;
    type Future = Ready<Result<&'static str, Oops>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Oops>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok("backup"))
    }
}

/// A slow `Clone` of the backup delays the calls that need a clone, but blocks no thread.
#[tokio::test]
async fn a_call_waits_as_a_task_while_another_clones_the_backup() {
    let (entered, begun) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let left = Mutex::new(left);
    let is_slow = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&is_slow);
    let backup = Cloning(Arc::new(move || {
        if slow.swap(false, SeqCst) {
            entered.send(()).unwrap();
            left.lock().unwrap().recv().unwrap();
        }
    }));
    let primary = Script::<_, &str, Oops>::new([fail(Oops(1)), fail(Oops(2))]);
    let mut service = FallbackLayer::new(backup).layer(primary);
    let mut other = service.clone();
    is_slow.store(true, SeqCst);
    let first = service.call_when_ready(());
    let cloning = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(first)
    });
    begun.recv().unwrap();
    let mut waits = spawn(other.call_when_ready(()));
    assert!(waits.poll().is_pending(), "the call doesn't block");
    leave.send(()).unwrap();
    assert_eq!(cloning.join().unwrap(), Ok("backup"));
    assert!(waits.is_woken());
    assert_eq!(waits.await, Ok("backup"));
}

/// Panics when it is woken.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("by design");
    }
}

#[tokio::test]
async fn a_waker_that_panics_leaves_no_other_call_asleep() {
    let (entered, begun) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let left = Mutex::new(left);
    let is_slow = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&is_slow);
    let backup = Cloning(Arc::new(move || {
        if slow.swap(false, SeqCst) {
            entered.send(()).unwrap();
            left.lock().unwrap().recv().unwrap();
        }
    }));
    let primary = Script::<_, &str, Oops>::new([fail(Oops(1)), fail(Oops(2)), fail(Oops(3))]);
    let mut service = FallbackLayer::new(backup).layer(primary);
    let (mut other, mut third) = (service.clone(), service.clone());
    is_slow.store(true, SeqCst);
    let mut first = Box::pin(service.call_when_ready(()));
    let cloning = thread::spawn(move || first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    begun.recv().unwrap();
    let mut panics = pin!(other.call_when_ready(()));
    let waker = Waker::from(Arc::new(Panics));
    assert!(panics.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let mut waits = spawn(third.call_when_ready(()));
    assert!(waits.poll().is_pending());
    leave.send(()).unwrap();
    assert!(cloning.join().unwrap(), "the call that cloned gets its response");
    assert!(waits.is_woken());
    assert_eq!((panics.await, waits.await), (Ok("backup"), Ok("backup")));
}

#[tokio::test]
async fn a_panic_while_the_backup_is_cloned_costs_one_call() {
    let panics = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&panics);
    let backup = Cloning(Arc::new(move || assert!(!asked.load(SeqCst), "panic for the test")));
    let primary = Script::<_, &str, Oops>::new([fail(Oops(1)), fail(Oops(2))]);
    let mut service = FallbackLayer::new(backup).layer(primary);
    panics.store(true, SeqCst);
    let mut call = spawn(service.call_when_ready(()));
    assert!(catch_unwind(AssertUnwindSafe(|| call.poll())).is_err());
    panics.store(false, SeqCst);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("backup"));
}
