//! Call reports where the report of one call could be attributed to another.

use std::{convert::Infallible, sync::Arc};

use tokio::{join, select};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, CallReport, Cause, Circuit, FallbackError, FallbackLayer, RetryConfig,
    RetryLayer,
    fallback::PrimaryFailure,
    report::{ReportLayer, with_report, with_report_blocking},
    retry::{Backoff, Budget, RetrySwitch, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::none()).without_budget().without_observers()
}

fn open() -> Circuit {
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers());
    circuit.force_open();
    circuit
}

fn failing(retries: u32) -> impl Service<(), Response = &'static str, Error = Oops, Future: Send> + Clone {
    RetryLayer::new(config().retries(retries)).layer(Script::new([fail(Oops(1))]))
}

#[tokio::test(start_paused = true)]
async fn two_stacks_in_one_task_have_separate_reports() {
    let (mut one, mut two) = (failing(1), failing(2));
    let (one, two) = join!(with_report(ready_and_call(&mut one, ())), with_report(ready_and_call(&mut two, ())));
    let causes = [one, two].map(|failed| failed.unwrap_err().report.cause().unwrap());
    assert_eq!(causes, [Cause::AttemptsExhausted { attempts: 2 }, Cause::AttemptsExhausted { attempts: 3 }]);
}

#[tokio::test(start_paused = true)]
async fn the_loser_of_a_race_does_not_affect_the_winners_report() {
    let mut slow = RetryLayer::new(config()).layer(Script::new([fail::<&str, _>(Oops(1)).after(ms(9))]));
    let mut fast = RetryLayer::new(config()).layer(Script::new([fail(Oops(1)), succeed("won").after(ms(5))]));
    let raced = async {
        select! {
            biased;
            slow = ready_and_call(&mut slow, ()) => slow,
            fast = ready_and_call(&mut fast, ()) => fast,
        }
    };
    let won = with_report(raced).await.unwrap();
    assert_eq!((won.response, won.report.attempts(), won.report.cause()), ("won", 2, None));
}

#[tokio::test(start_paused = true)]
async fn a_report_does_not_leak_into_the_next_request() {
    let mut failing = failing(3);
    ready_and_call(&mut failing, ()).await.unwrap_err();
    let next = with_report(std::future::ready(Err::<(), _>(Oops(2)))).await.unwrap_err();
    assert_eq!((next.report.attempts(), next.report.cause()), (1, Some(Cause::Failure)));
    ready_and_call(&mut failing, ()).await.unwrap_err();
    let next = with_report_blocking(|| Err::<(), _>(Oops(2))).unwrap_err();
    assert_eq!((next.report.attempts(), next.report.cause()), (1, Some(Cause::Failure)));
    ready_and_call(&mut failing, ()).await.unwrap_err();
    let mut plain = ReportLayer.layer(Script::<_, _, Oops>::new([succeed("yes")]));
    assert_eq!(ready_and_call(&mut plain, ()).await.unwrap().report, CallReport::default());
}

#[tokio::test(start_paused = true)]
async fn a_call_on_another_task_does_not_affect_the_report() {
    let spawning = service_fn(|()| async {
        let mut inner = failing(2);
        tokio::spawn(async move { ready_and_call(&mut inner, ()).await }).await.unwrap()
    });
    let failed = with_report(ready_and_call(&mut { spawning }, ())).await.unwrap_err();
    assert_eq!((failed.report.attempts(), failed.report.cause()), (1, Some(Cause::Failure)));
}

/// A handler yields after its inner retry has given up, and then fails with its own error.
#[tokio::test(start_paused = true)]
async fn an_inner_stack_does_not_mark_a_handlers_later_response() {
    let handler = service_fn(|()| async {
        let mut inner = failing(2);
        ready_and_call(&mut inner, ()).await.unwrap_err();
        tokio::task::yield_now().await;
        Err::<&str, _>(Oops(7))
    });
    let mut outer =
        ServiceBuilder::new().layer(ReportLayer).layer(RetryLayer::new(config().retries(0))).service(handler);
    let failed = ready_and_call(&mut outer, ()).await.unwrap_err();
    assert_eq!((failed.error, failed.report.cause()), (Oops(7), Some(Cause::AttemptsExhausted { attempts: 1 })));
}

#[tokio::test(start_paused = true)]
async fn the_report_layer_works_inside_and_outside() {
    let mut both = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(FallbackLayer::from_fn(|_: PrimaryFailure<'_, _, _>| async {
            Err::<tower_recourse::report::Reported<&str>, _>(Oops(2))
        }))
        .layer(ReportLayer)
        .service(failing(1));
    let failed = ready_and_call(&mut both, ()).await.unwrap_err();
    assert_eq!((failed.report.failed_fallbacks(), failed.report.attempts()), (1, 2));
    assert_eq!(failed.report.cause(), Some(Cause::AttemptsExhausted { attempts: 2 }));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_response_is_recognised() {
    let stack = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&open()).respond_when_open(|_| "come back later"))
        .service(Script::<_, _, Oops>::new([succeed("not called")]));
    let answered = ready_and_call(&mut { stack }, ()).await.unwrap();
    assert_eq!((answered.response, answered.report.attempts()), ("come back later", 1));
    assert!(answered.report.cause().unwrap().is_rejection());
}

#[tokio::test(start_paused = true)]
async fn nested_runs_with_one_budget_deposit_once() {
    let budget = Arc::new(TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0));
    let layer = RetryLayer::new(config().without_budget().shared_budget(budget.clone()));
    let inner = layer.clone();
    layer.run(|_| inner.run(|_| async { Ok::<_, Oops>(()) })).await.unwrap();
    assert_eq!(budget.balance(), 1);
    layer.run(|_| async { inner.run(|_| async { Ok::<_, Oops>(()) }).await }).await.unwrap();
    assert_eq!(budget.balance(), 2);
    layer.run_blocking(|_| inner.run_blocking(|_| Ok::<_, Oops>(()))).unwrap();
    assert_eq!(budget.balance(), 3);
    let mut service = layer.layer(service_fn(|()| inner.run(|_| async { Ok::<_, Oops>(()) })));
    ready_and_call(&mut service, ()).await.unwrap();
    assert_eq!(budget.balance(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_function_may_change_what_it_borrows() {
    let mut seen = Vec::new();
    let text = String::from("borrowed");
    let layer = RetryLayer::new(config().retries(1));
    let run = layer.run(|attempt| {
        seen.push((attempt.number(), text.as_str()));
        async { Err::<(), _>(Oops(1)) }
    });
    run.await.unwrap_err();
    assert_eq!(seen, [(1, "borrowed"), (2, "borrowed")]);
}

/// A retry that can't resend the request keeps the report of the inner layers.
#[tokio::test(start_paused = true)]
async fn an_inner_fallback_is_reported_though_the_request_is_lost() {
    let copies = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let once = move |(): &()| (copies.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0).then_some(());
    let mut stack = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(RetryLayer::new(config()).copy_request_with(once))
        .layer(
            FallbackLayer::from_fn(|_: PrimaryFailure<'_, &str, Oops>| async { Err::<&str, _>(Oops(2)) })
                .merge_errors(|_, fallback| fallback),
        )
        .service(Script::new([fail(Oops(1))]));
    let failed = ready_and_call(&mut stack, ()).await.unwrap_err();
    assert_eq!((failed.error, failed.report.cause()), (Oops(2), Some(Cause::NotReplayable)));
    assert_eq!(failed.report.failed_fallbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_retry_a_rejection_is_an_error_of_the_breaker() {
    let mut stack = BreakerLayer::on(&open()).layer(Script::<_, _, Oops>::new([succeed("not called")]));
    assert!(matches!(ready_and_call(&mut stack, ()).await, Err(BreakerError::<Oops>::Rejected(_))));
}

/// A backup may have fallbacks too. The outer report counts them.
#[tokio::test(start_paused = true)]
async fn the_depths_of_nested_fallbacks_add_up() {
    let failing = || Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let fails = |name: &'static str| FallbackLayer::new(failing()).name(name).merge_errors(|_, last: Oops| last);
    let not_asked = || fails("not called").when(|_: Result<&&str, &Oops>| false);
    let inner = ServiceBuilder::new().layer(FallbackLayer::value("got it").name("last"));
    let inner = inner.layer(fails("inner")).layer(not_asked()).service(failing());
    let outer = FallbackLayer::new(inner).name("ladder").merge_errors(|_, _: FallbackError<Oops, Infallible>| Oops(9));
    let outer = ServiceBuilder::new().layer(ReportLayer).layer(outer).layer(fails("outer")).layer(not_asked());
    let answered = ready_and_call(&mut outer.service(failing()), ()).await.unwrap();
    let how = answered.report;
    assert_eq!((answered.response, how.fallback()), ("got it", Some("last")));
    assert_eq!(how.failed_fallbacks(), 3, "`outer`, the service of `ladder`, and `inner`");
    assert_eq!(how.fallback_depth(), 6, "two weren't called");
}

/// The report's cause is the reason why the request wasn't retried. The fallback still recognises
/// the rejection: it calls its backup although its predicate returns false.
#[tokio::test(start_paused = true)]
async fn a_rejection_is_reported_with_retries_disabled() {
    let retry = RetryLayer::new(config().switch(&RetrySwitch::off()));
    let mut stack = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(FallbackLayer::value("backup").when(|_: Result<&&str, &Oops>| false))
        .layer(retry)
        .layer(BreakerLayer::on(&open()))
        .service(Script::<_, &str, Oops>::new([succeed("not called")]));
    let answered = ready_and_call(&mut stack, ()).await.unwrap();
    assert_eq!((answered.response, answered.report.cause()), ("backup", Some(Cause::RetriesDisabled)));
}

/// An error that the layers can't inspect.
#[derive(Debug)]
struct Opaque;

#[tokio::test(start_paused = true)]
async fn a_rejection_is_reported_behind_map_err() {
    let retry = || RetryLayer::new(config());
    let rejecting = || BreakerLayer::on(&open()).layer(Script::<_, &str, Oops>::new([succeed("not called")]));
    let boxed = ServiceBuilder::new().map_err(BreakerError::into_boxed);
    let alone = with_report(ready_and_call(&mut boxed.clone().service(rejecting()), ())).await.unwrap_err().report;
    let retried = boxed.layer(retry()).service(rejecting());
    let mut layer = ServiceBuilder::new().layer(ReportLayer).service(retried.clone());
    let layer = ready_and_call(&mut layer, ()).await.unwrap_err().report;
    let retried = with_report(ready_and_call(&mut { retried }, ())).await.unwrap_err().report;
    let circuit = open();
    let blocking = with_report_blocking(|| {
        let rejected = retry().run_blocking(|_| circuit.call_blocking(|| Ok::<(), Oops>(())));
        rejected.map_err(BreakerError::into_boxed)
    });
    for report in [alone, layer, retried, blocking.unwrap_err().report] {
        assert!(report.cause().is_some_and(|cause| cause.is_rejection()), "{report}");
        assert_eq!(report.attempts(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_attempts_before_a_rejection_are_kept_behind_map_err() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers());
    let (opened, calls) = (circuit.clone(), Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let inner = BreakerLayer::on(&circuit).layer(calls.clone());
    let mut stack = ServiceBuilder::new()
        .map_err(BreakerError::into_boxed)
        .layer(RetryLayer::new(config()))
        .map_err(move |error: BreakerError<Oops>| {
            opened.force_open();
            error
        })
        .service(inner);
    let failed = with_report(ready_and_call(&mut stack, ())).await.unwrap_err();
    assert_eq!((calls.calls(), failed.report.attempts()), (1, 2));
    assert!(failed.report.cause().is_some_and(|cause| cause.is_rejection()), "{}", failed.report);
}

/// The rejection can't be read from the new error. An `Err` is still no success.
#[tokio::test(start_paused = true)]
async fn the_report_of_an_opaque_error_is_a_failure() {
    let rejecting = BreakerLayer::on(&open()).layer(Script::<_, &str, Oops>::new([succeed("not called")]));
    let opaque = ServiceBuilder::new().map_err(|_: BreakerError<Oops>| Opaque);
    let mut mapped = opaque.layer(RetryLayer::new(config())).service(rejecting);
    let failed = with_report(ready_and_call(&mut mapped, ())).await.unwrap_err();
    assert_eq!((failed.report.cause(), failed.report.attempts()), (Some(Cause::Failure), 1));
    assert_eq!(failed.report.to_string(), "the call failed");

    let mut mapped = ServiceBuilder::new().map_err(|_: Oops| Opaque).service(failing(2));
    let failed = with_report(ready_and_call(&mut mapped, ())).await.unwrap_err();
    assert_eq!(failed.report.cause(), Some(Cause::AttemptsExhausted { attempts: 3 }));
}

#[tokio::test(start_paused = true)]
async fn a_readiness_error_is_reported_as_a_failure() {
    let mut unready = ReportLayer.layer(Script::<(), &str, Oops>::new([readiness_error(Oops(3))]));
    let failed = ServiceExt::<()>::ready(&mut unready).await.map(|_| ()).unwrap_err();
    assert_eq!((failed.error, failed.report.cause()), (Oops(3), Some(Cause::Failure)));
}

#[tokio::test(start_paused = true)]
async fn a_fallback_receives_a_rejection_behind_map_err() {
    let fallback = FallbackLayer::from_fn(|failed: PrimaryFailure<'_, bool, BoxError>| {
        let is_rejected = failed.cause.is_rejection();
        async move { Ok::<_, BoxError>(is_rejected) }
    });
    let mut stack = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(fallback)
        .map_err(BreakerError::into_boxed)
        .layer(BreakerLayer::on(&open()))
        .service(Script::<_, bool, Oops>::new([succeed(false)]));
    let answered = ready_and_call(&mut stack, ()).await.unwrap();
    assert!(answered.response && answered.report.cause().is_some_and(|cause| cause.is_rejection()));
}
