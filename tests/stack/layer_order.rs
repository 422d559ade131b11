//! Nested layers in the recommended order and in others: how each layer recognises the results of
//! the others.

use std::{convert::Infallible, io};

use tokio_test::{assert_pending, task::spawn};
use tower::{
    BoxError, Layer, ServiceBuilder, ServiceExt,
    buffer::Buffer,
    util::{BoxCloneService, MapErr},
};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerError, BreakerLayer, Circuit, FallbackError, FallbackLayer, Outcome, RetryConfig,
    RetryLayer, State, Verdict,
    breaker::TripRule,
    classify::{ErrorClassifier, FollowSources},
    fallback::PrimaryFailure,
    retry::{Backoff, Budget, Decision, DecisionReason, Policy, Timeouts, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

/// Opens after this many consecutive failures.
fn circuit(failures: u32) -> Circuit {
    Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(failures).unwrap()))
}

fn open() -> Circuit {
    let circuit = circuit(1);
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.state(), State::Open);
    circuit
}

/// A budget with one token and no deposits.
fn one_token() -> std::sync::Arc<TokenBucket> {
    std::sync::Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1))
}

/// A classifier that doesn't know breakers.
fn ignorant<Err>() -> impl Fn(Result<&&'static str, &Err>) -> Verdict + Clone {
    |outcome: Result<&&str, &Err>| match outcome {
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::transient(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_recommended_order() {
    let circuit = circuit(5);
    let inner = Script::<_, &str, _>::new([fail(Oops(1))]);
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("from the fallback"))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::on(&circuit))
        .service(inner.clone());
    assert_eq!(ready_and_call(&mut service, "hello").await, Ok("from the fallback"));
    assert_eq!(inner.calls(), 4, "all attempts");
    assert_eq!(ready_and_call(&mut service, "hello").await, Ok("from the fallback"));
    assert_eq!((inner.calls(), circuit.state()), (5, State::Open), "the fifth failure opens");
    assert_eq!(ready_and_call(&mut service, "hello").await, Ok("from the fallback"));
    assert_eq!(inner.calls(), 5, "not called any more");
    tokio::time::advance(secs(30)).await;
    assert_eq!(circuit.state(), State::HalfOpen);
}

/// tower-resilience: an outer retry repeated the breaker's rejection and used budget for it.
#[tokio::test(start_paused = true)]
async fn a_rejection_is_not_retried_and_costs_no_budget() {
    let (circuit, budget, events) = (open(), one_token(), EventLog::default());
    let inner = Script::<_, _, Oops>::new([succeed("not called")]);
    let config = || RetryConfig::default().idempotent().shared_budget(budget.clone()).observe(events.observer());
    let breaker = BreakerLayer::on(&circuit).layer(inner.clone());

    let by_default = ready_and_call(&mut RetryLayer::new(config()).layer(breaker.clone()), ()).await;
    let by_closure = ready_and_call(
        &mut RetryLayer::new(config().classify(ignorant::<BreakerError<Oops>>())).layer(breaker.clone()),
        (),
    )
    .await;
    for result in [by_default, by_closure] {
        assert!(matches!(result, Err(BreakerError::Rejected(_))), "{result:?}");
    }
    assert_eq!((inner.calls(), budget.balance()), (0, 1));
    assert_eq!((events.count("RetryScheduled"), events.count("RetryStopped")), (0, 2));
    assert!(events.last_has(&["Rejected { retry_in: Some(30s) }"]));
    assert_eq!(circuit.stats().total_rejected, 2);
}

/// A custom policy may do anything with a rejection. The outer layers still recognise it.
#[tokio::test(start_paused = true)]
async fn a_policy_that_ignores_rejections_does_not_hide_them() {
    struct Once;
    impl<Req, Res, Err> Policy<Req, Res, Err> for Once {
        type State = ();
        fn start(&self, _: &Req) {}
        fn decide(&self, (): &mut (), _: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
            assert!(outcome.is_rejected());
            Decision::Return(DecisionReason::AttemptsExhausted { attempts: 1 })
        }
    }
    let (circuit, events) = (open(), EventLog::default());
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("backup").observe(events.observer()))
        .layer(RetryLayer::with(Once))
        .layer(BreakerLayer::on(&circuit))
        .service(Script::<_, _, Oops>::new([succeed("not called")]));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("backup"));
    assert!(events.last_has(&["FallbackSucceeded", "Rejected"]));
}

/// An error whose source is the breaker's error. Only `FollowSources` looks for it there.
#[derive(Debug)]
struct Opaque(BreakerError<Oops>);

impl std::fmt::Display for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opaque")
    }
}

impl std::error::Error for Opaque {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// A layer changes the type of the error and keeps the rejection in its source chain.
#[tokio::test(start_paused = true)]
async fn a_rejection_is_recognised_in_a_changed_error_type() {
    let (circuit, budget) = (open(), one_token());
    let inner = Script::<_, _, Oops>::new([succeed("not called")]);
    let config = || RetryConfig::default().idempotent().shared_budget(budget.clone());
    let breaker = BreakerLayer::on(&circuit).layer(inner.clone());

    let opaque = MapErr::new(breaker.clone(), Opaque);
    let error =
        ready_and_call(&mut RetryLayer::new(config().classifier(FollowSources(ErrorClassifier))).layer(opaque), ())
            .await
            .unwrap_err();
    assert!(error.0.rejection().is_some());
    assert_eq!(circuit.stats().total_rejected, 1);

    let boxed = BoxCloneService::new(MapErr::new(breaker, BoxError::from));
    assert!(ready_and_call(&mut RetryLayer::new(config()).layer(boxed.clone()), ()).await.is_err());
    assert!(ready_and_call(&mut RetryLayer::new(config().classify(ignorant())).layer(boxed), ()).await.is_err());
    assert_eq!((circuit.stats().total_rejected, inner.calls(), budget.balance()), (3, 0, 1));
}

/// The breaker runs on another task, so only the error's source chain shows the rejection.
#[tokio::test(start_paused = true)]
async fn a_rejection_of_another_task_is_recognised_by_its_chain() {
    let (circuit, budget, events) = (open(), one_token(), EventLog::default());
    let breaker = BreakerLayer::on(&circuit).layer(Script::<_, u16, Oops>::new([succeed(200)]));
    let spawned = tower::service_fn(move |()| {
        let mut breaker = breaker.clone();
        async move {
            tokio::spawn(async move { ready_and_call(&mut breaker, ()).await }).await.unwrap().map_err(BoxError::from)
        }
    });
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value(304).observe(events.observer()))
        .layer(RetryLayer::new(RetryConfig::default().idempotent().shared_budget(budget.clone())))
        .service(spawned);
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), 304);
    assert_eq!((circuit.stats().total_rejected, budget.balance()), (1, 1));
    assert!(events.last_has(&["FallbackSucceeded", "Rejected { retry_in: Some(30s) }"]));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_of_a_breaker_in_a_buffer_is_recognised() {
    let (circuit, budget) = (open(), one_token());
    let config = || RetryConfig::default().idempotent().shared_budget(budget.clone());
    let breaker = BreakerLayer::on(&circuit).layer(Script::<_, _, Oops>::new([succeed("not called")]));
    let buffer: Buffer<(), _> = Buffer::new(breaker, 8);
    assert!(ready_and_call(&mut RetryLayer::new(config()).layer(buffer.clone()), ()).await.is_err());
    assert!(ready_and_call(&mut RetryLayer::new(config().classify(ignorant())).layer(buffer), ()).await.is_err());
    assert_eq!((circuit.stats().total_rejected, budget.balance()), (2, 1));
}

/// A breaker around a buffer. The buffer changes the error type to `BoxError`.
#[tokio::test(start_paused = true)]
async fn a_breaker_around_a_buffer_counts_and_rejects() {
    let circuit = circuit(2);
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let buffer: Buffer<(), _> = Buffer::new(inner.clone(), 8);
    let mut service =
        RetryLayer::new(RetryConfig::default().idempotent()).layer(BreakerLayer::on(&circuit).layer(buffer));
    assert!(matches!(ready_and_call(&mut service, ()).await, Err(BreakerError::Rejected(_))));
    assert_eq!((inner.calls(), circuit.state()), (2, State::Open));
}

/// A classifier also recognises errors that a breaker returns in its own error type.
#[tokio::test(start_paused = true)]
async fn a_permanent_error_is_not_retried_through_a_breaker() {
    let circuit = circuit(100);
    let failing = |kind: io::ErrorKind| tower::service_fn(move |()| async move { Err::<(), _>(io::Error::from(kind)) });
    let retry = || RetryLayer::new(RetryConfig::default().idempotent());
    let breaker = || BreakerLayer::on(&circuit);

    let _ = ready_and_call(&mut retry().layer(breaker().layer(failing(io::ErrorKind::StorageFull))), ()).await;
    assert_eq!(circuit.stats().total_failures, 1);
    let boxed = failing(io::ErrorKind::StorageFull).map_err(BoxError::from);
    let _ = ready_and_call(&mut retry().layer(breaker().layer(boxed)), ()).await;
    assert_eq!(circuit.stats().total_failures, 2);
    let _ = ready_and_call(&mut retry().layer(breaker().layer(failing(io::ErrorKind::ConnectionReset))), ()).await;
    assert_eq!(circuit.stats().total_failures, 6, "which is transient");
    assert!(ready_and_call(&mut retry().layer(breaker().layer(failing(io::ErrorKind::NotFound))), ()).await.is_err());
    let stats = circuit.stats();
    assert_eq!((stats.total_failures, stats.failures_in_a_row), (6, 0), "a healthy answer, after one attempt");
}

/// A breaker counts an attempt that timed out as a failure.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_times_out_fails_in_the_inner_breaker() {
    let circuit = circuit(2);
    let config = RetryConfig::default()
        .timeouts(Timeouts::attempt(secs(1)).on_timeout(|_| Err(Opaque(BreakerError::Inner(Oops(408))))))
        .classifier(FollowSources(ErrorClassifier))
        .idempotent()
        .retries(3);
    let breaker = BreakerLayer::on(&circuit).layer(Script::<_, &str, Oops>::new([hang()]));
    let mut service = RetryLayer::new(config).layer(MapErr::new(breaker, Opaque));
    let error = ready_and_call(&mut service, ()).await.unwrap_err();
    assert!(error.0.rejection().is_some(), "two attempts time out, the third is rejected");
    let stats = circuit.stats();
    assert_eq!((stats.total_failures, stats.total_dropped, stats.total_rejected), (2, 0, 1));
}

/// A breaker doesn't count an attempt that the caller dropped as a failure.
#[tokio::test(start_paused = true)]
async fn an_attempt_dropped_by_its_caller_counts_as_nothing() {
    let circuit = circuit(1);
    let config = RetryConfig::default()
        .idempotent()
        .timeouts(Timeouts::attempt(secs(5)).on_timeout(|_| Err(BreakerError::Inner(Oops(408)))));
    let mut service =
        RetryLayer::new(config).layer(BreakerLayer::on(&circuit).layer(Script::<_, &str, Oops>::new([hang()])));
    let mut call = spawn(ready_and_call(&mut service, ()));
    assert_pending!(call.poll());
    drop(call);
    let stats = circuit.stats();
    assert_eq!((stats.total_failures, stats.total_dropped, stats.state), (0, 1, State::Closed));
}

/// A breaker around a retry counts each request once, whatever the number of attempts.
#[tokio::test(start_paused = true)]
async fn a_breaker_outside_a_retry_counts_the_final_outcome() {
    let circuit = circuit(2);
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), succeed("yes"), fail(Oops(2))]);
    let mut service =
        BreakerLayer::on(&circuit).layer(RetryLayer::new(RetryConfig::default().idempotent()).layer(inner.clone()));
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("yes"));
    assert_eq!(circuit.stats().total_failures, 0);
    for _ in 0..2 {
        assert_eq!(ready_and_call(&mut service, ()).await, Err(BreakerError::Inner(Oops(2))));
    }
    assert_eq!((inner.calls(), circuit.state()), (10, State::Open));
    assert!(matches!(ready_and_call(&mut service, ()).await, Err(BreakerError::Rejected(_))));
    assert_eq!(inner.calls(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_does_not_count_another_breakers_rejection() {
    let (outer, inner) = (circuit(1), open());
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::on(&outer))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::on(&inner))
        .service(Script::<_, _, Oops>::new([succeed("not called")]));
    let error = ready_and_call(&mut service, ()).await.unwrap_err();
    assert!(matches!(error, BreakerError::Inner(BreakerError::Rejected(_))));
    let stats = outer.stats();
    assert_eq!((stats.total_failures, stats.total_neutral, stats.state), (0, 1, State::Closed));
}

/// A retry around a fallback calls the primary again, and then the backup.
#[tokio::test(start_paused = true)]
async fn a_retry_outside_a_fallback_calls_both_again() {
    let primary = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let backup = Script::new([fail(Oops(2)), succeed("backup")]);
    let pair = FallbackLayer::new(backup.clone()).layer(primary.clone());
    let mut service = RetryLayer::new(RetryConfig::default().idempotent().backoff(Backoff::none())).layer(pair);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("backup"));
    assert_eq!((primary.calls(), backup.calls()), (2, 2));
}

/// The primary's circuit is open and the backup fails, so the outcome is still a rejection.
#[tokio::test(start_paused = true)]
async fn a_retry_outside_a_fallback_does_not_retry_a_rejection() {
    let circuit = open();
    let backup = Script::<_, &str, Oops>::new([fail(Oops(2))]);
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(FallbackLayer::new(backup.clone()))
        .layer(BreakerLayer::on(&circuit))
        .service(Script::<_, _, Oops>::new([succeed("not called")]));
    let error = ready_and_call(&mut service, ()).await.unwrap_err();
    assert!(
        matches!(error, FallbackError::Both { primary: BreakerError::Rejected(_), backup: Oops(2), .. }),
        "{error:?}"
    );
    assert_eq!(backup.calls(), 1);
}

/// The backup has its own circuit.
#[tokio::test(start_paused = true)]
async fn a_backup_may_have_a_breaker_too() {
    let circuit = circuit(1);
    let backup = Script::<_, &str, Oops>::new([fail(Oops(2))]);
    let layer = FallbackLayer::new(BreakerLayer::on(&circuit).layer(backup.clone()));
    let mut service = layer.layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let first = ready_and_call(&mut service, ()).await.unwrap_err();
    assert_eq!(first.backup(), Some(&BreakerError::Inner(Oops(2))));
    let second = ready_and_call(&mut service, ()).await.unwrap_err();
    assert!(second.backup().unwrap().rejection().is_some());
    assert_eq!(backup.calls(), 1);
}

/// The function of a backup is rejected by another service. This doesn't turn the primary's failure
/// into a rejection.
#[tokio::test(start_paused = true)]
async fn a_rejection_of_the_backup_does_not_mark_the_primary() {
    let elsewhere = open();
    let events = EventLog::default();
    let backup = FallbackLayer::from_fn(move |_: PrimaryFailure<'_, &'static str, Oops>| {
        let elsewhere = elsewhere.clone();
        async move { elsewhere.call(|| async { Ok::<_, Infallible>("cache") }).await }
    });
    let config = RetryConfig::default().idempotent().retries(1).observe(events.observer());
    let mut service = RetryLayer::new(config).layer(backup.layer(Script::<_, &str, Oops>::new([fail(Oops(1))])));
    assert!(ready_and_call(&mut service, ()).await.is_err());
    assert_eq!(events.count("RetryScheduled"), 1);
}

/// While the circuit rejects, the breaker doesn't poll the service's readiness.
#[tokio::test(start_paused = true)]
async fn a_rejection_does_not_wait_for_readiness() {
    let circuit = open();
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("backup"))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::on(&circuit))
        .service(Script::<_, &str, Oops>::new([not_ready()]));
    let mut call = spawn(async { ServiceExt::<()>::ready(&mut service).await.unwrap().call(()).await });
    assert_eq!(tokio_test::assert_ready!(call.poll()), Ok("backup"));
}
