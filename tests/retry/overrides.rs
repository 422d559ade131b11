//! Overrides of the default policy's decisions.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use tokio::time::Instant;
use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, FallbackLayer, RetryConfig, RetryLayer,
    Verdict,
    classify::ErrorClassifierFn,
    fallback::PrimaryFailure,
    report::with_report,
    retry::{
        Backoff, BoxPolicy, Budget, Decision, DecisionReason, Override, OverrideDecision, Policy, Proposal, RetryQuota,
        RetrySwitch, Timeouts, TokenBucket,
    },
    testing::EventRecorder,
};

use crate::scripted::*;

/// [`Oops`] 1 is transient and safe to resend, 2 is permanent, and 3 is transient and unsafe to
/// resend.
fn verdict(error: &Oops) -> Verdict {
    match error.0 {
        1 => Verdict::transient(),
        2 => Verdict::permanent(),
        _ => Verdict::transient().unsafe_to_resend(),
    }
}

type Config = RetryConfig<ErrorClassifierFn<fn(&Oops) -> Verdict, Oops>>;

fn config() -> Config {
    let config = RetryConfig::default().backoff(Backoff::fixed(secs(1))).without_budget().without_observers();
    config.classify_errors(verdict as fn(&Oops) -> Verdict)
}

const LOCKED: Override = Override::Retry { delay: secs(5), reason: "locked" };

/// Waits 5 s after a permanent error, once.
fn wait_once(proposal: &Proposal<'_>, error: &Oops) -> Option<Override> {
    (error.0 == 2 && proposal.retries() == 0).then_some(LOCKED)
}

fn wait_always(_: &Proposal<'_>, _: &Oops) -> Option<Override> {
    Some(LOCKED)
}

/// Runs a function that always fails, and returns the number of its calls, the time, and the cause.
async fn run_failing<P: Policy<(), (), Oops>>(layer: RetryLayer<P>, error: Oops) -> (u32, u64, Option<Cause>) {
    let (calls, start) = (AtomicU32::new(0), Instant::now());
    let failing = layer.run(|_| {
        calls.fetch_add(1, Relaxed);
        async move { Err::<(), _>(error) }
    });
    let failed = with_report(failing).await.unwrap_err();
    (calls.load(Relaxed), start.elapsed().as_secs(), failed.report.cause())
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_is_retried_once_after_5_s() {
    let layer = RetryLayer::new(config()).override_on_error(wait_once);
    assert_eq!(run_failing(layer, Oops(2)).await, (2, 5, Some(Cause::Permanent)));
}

#[tokio::test(start_paused = true)]
async fn the_policy_decides_without_an_override() {
    let layer = RetryLayer::new(config()).override_on_error(wait_once);
    assert_eq!(run_failing(layer, Oops(1)).await, (4, 3, Some(Cause::AttemptsExhausted { attempts: 4 })));
}

#[tokio::test(start_paused = true)]
async fn an_override_replaces_the_delay_of_a_retry() {
    let layer = RetryLayer::new(config()).override_on_error(wait_always);
    assert_eq!(run_failing(layer, Oops(1)).await, (4, 15, Some(Cause::AttemptsExhausted { attempts: 4 })));
}

#[tokio::test(start_paused = true)]
async fn an_override_returns_a_failure_with_its_reason() {
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config().observe(events.clone()))
        .override_on_error(|_: &Proposal, _: &Oops| Some(Override::Return { reason: "too_busy" }));
    assert_eq!(run_failing(layer, Oops(1)).await, (1, 0, Some(Cause::Custom("too_busy"))));
    assert_eq!(events.lines(), [r#"RetryStopped attempt=1 cause=too_busy failure=transient error="Oops""#]);
    assert_eq!(Cause::Custom("too_busy").to_string(), "the retry policy's own reason: too_busy");
}

#[tokio::test(start_paused = true)]
async fn the_events_contain_the_reason_of_an_override() {
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config().observe(events.clone())).override_on_error(wait_once);
    run_failing(layer, Oops(2)).await;
    assert_eq!(
        events.lines(),
        [
            r#"RetryScheduled attempt=1 delay=5s reason=locked failure=permanent error="Oops""#,
            r#"RetryStopped attempt=2 cause=permanent failure=permanent error="Oops""#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn no_override_crosses_the_deadline() {
    let limited = config().timeouts(Timeouts::request(secs(4)).on_timeout(|_| Err(Oops(9))));
    let retry = RetryLayer::new(limited).override_on_error(wait_always);
    let start = Instant::now();
    let failed = with_report(retry.run(|_| async { Err::<(), _>(Oops(1)) })).await.unwrap_err();
    assert_eq!((failed.error, failed.report.cause()), (Oops(1), Some(Cause::Deadline)));
    assert_eq!(start.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_shorter_override_fits_before_the_deadline() {
    let limited = config().timeouts(Timeouts::request(secs(1)).on_timeout(|_| Err(Oops(9))));
    let retry = RetryLayer::new(limited.retries(1).backoff(Backoff::fixed(secs(2))))
        .override_on_error(|_: &Proposal, _: &Oops| Some(Override::Retry { delay: ms(10), reason: "soon" }));
    let failed = with_report(retry.run(|_| async { Err::<(), _>(Oops(1)) })).await.unwrap_err();
    assert_eq!(failed.report.cause(), Some(Cause::AttemptsExhausted { attempts: 2 }));
}

#[tokio::test(start_paused = true)]
async fn an_unsafe_request_is_not_resent_by_an_override() {
    let layer = RetryLayer::new(config()).override_on_error(wait_always);
    assert_eq!(run_failing(layer, Oops(3)).await, (1, 0, Some(Cause::UnsafeToResend)));
    let layer = RetryLayer::new(config().idempotent().retries(1)).override_on_error(wait_always);
    assert_eq!(run_failing(layer, Oops(3)).await, (2, 5, Some(Cause::AttemptsExhausted { attempts: 2 })));
}

#[tokio::test(start_paused = true)]
async fn the_switch_and_the_quota_hold_for_overrides() {
    let off = config().switch(&RetrySwitch::off());
    let layer = RetryLayer::new(off).override_on_error(wait_always);
    assert_eq!(run_failing(layer, Oops(2)).await, (1, 0, Some(Cause::RetriesDisabled)));

    let quota = RetryQuota::new().max_per_key(1);
    let retry = RetryLayer::new(config().quota(&quota, |(): &()| "key")).override_on_error(wait_always);
    let failed = with_report(retry.run(|_| async { Err::<(), _>(Oops(2)) })).await.unwrap_err();
    assert_eq!((failed.report.attempts(), failed.report.cause()), (2, Some(Cause::KeyQuota { limit: 1 })));
    assert_eq!(quota.total_retries(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_no_retry_gets_none() {
    let config = config().classify_errors((|_| Verdict::transient().never_retry()) as fn(&Oops) -> Verdict);
    let layer = RetryLayer::new(config).override_on_error(wait_always);
    assert_eq!(run_failing(layer, Oops(1)).await, (1, 0, Some(Cause::Permanent)));
}

#[tokio::test(start_paused = true)]
async fn an_override_retries_after_a_long_retry_after() {
    let config =
        config().retries(1).classify_errors((|_| Verdict::transient().retry_after(secs(60))) as fn(&Oops) -> _);
    let layer = RetryLayer::new(config).override_on_error(wait_always);
    assert_eq!(run_failing(layer, Oops(1)).await, (2, 5, Some(Cause::AttemptsExhausted { attempts: 2 })));
}

/// Two tokens at the start, and none later.
fn two_tokens() -> Arc<TokenBucket> {
    Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0).capacity(2).unwrap().initial(2).unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_charged_only_for_retries_that_are_made() {
    let budget = two_tokens();
    let config = || config().shared_budget(Arc::clone(&budget) as Arc<dyn Budget>);
    let returning =
        RetryLayer::new(config()).override_on_error(|_: &Proposal, _: &Oops| Some(Override::Return { reason: "stop" }));
    assert_eq!(run_failing(returning, Oops(1)).await.0, 1);
    let unsafe_to_resend = RetryLayer::new(config()).override_on_error(wait_always);
    assert_eq!(run_failing(unsafe_to_resend, Oops(3)).await.0, 1);
    let dropped = RetryLayer::new(config()).override_on_error(wait_always);
    let failing = dropped.run(|_| async { Err::<(), _>(Oops(2)) });
    tokio::time::timeout(secs(1), failing).await.unwrap_err();

    // Both tokens are still there.
    let layer = RetryLayer::new(config()).override_on_error(wait_always);
    assert_eq!(run_failing(layer, Oops(2)).await, (3, 10, Some(Cause::Budget)));
}

#[test]
fn a_blocking_run_uses_the_override() {
    let retry = RetryLayer::new(config()).override_on_error(|proposal: &Proposal, _: &Oops| {
        (proposal.retries() < 2).then_some(Override::Retry { delay: ms(1), reason: "locked" })
    });
    let mut calls = 0;
    let failed = retry.run_blocking(|_| {
        calls += 1;
        Err::<(), _>(Oops(2))
    });
    assert_eq!((failed, calls), (Err(Oops(2)), 3));
}

#[tokio::test(start_paused = true)]
async fn an_override_works_around_a_service() {
    let inner = Script::new([fail(Oops(2)), succeed("answer")]);
    let mut service = RetryLayer::new(config()).override_on_error(wait_once).layer(inner.clone());
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("answer"));
    assert_eq!(inner.gaps(), [secs(5)]);
}

#[tokio::test(start_paused = true)]
async fn a_boxed_policy_keeps_its_override() {
    let retry: RetryLayer<BoxPolicy<(), &str, Oops>> =
        RetryLayer::new(config()).override_on_error(wait_once).boxed_policy();
    let inner = Script::new([fail(Oops(2)), succeed("answer")]);
    assert_eq!(ready_and_call(&mut retry.layer(inner.clone()), ()).await, Ok("answer"));
    assert_eq!(inner.gaps(), [secs(5)]);
}

#[tokio::test(start_paused = true)]
async fn the_last_override_is_called_first() {
    let once = |error: u32, seconds, reason| {
        move |proposal: &Proposal<'_>, failed: &Oops| {
            let is_mine = failed.0 == error && proposal.retries() == 0;
            is_mine.then_some(Override::Retry { delay: secs(seconds), reason })
        }
    };
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config().retries(9).observe(events.clone()))
        .override_on_error(once(2, 3, "first"))
        .override_on_error(once(2, 5, "second"));
    // Each counts its own retries.
    assert_eq!(run_failing(layer, Oops(2)).await, (3, 8, Some(Cause::Permanent)));
    assert_eq!(
        events.lines(),
        [
            r#"RetryScheduled attempt=1 delay=5s reason=second failure=permanent error="Oops""#,
            r#"RetryScheduled attempt=2 delay=3s reason=first failure=permanent error="Oops""#,
            r#"RetryStopped attempt=3 cause=permanent failure=permanent error="Oops""#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_closure_over_an_error_fits_around_a_breaker() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    let inner = Script::new([fail(Oops(2)), succeed("answer")]);
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()).override_on_error(wait_once))
        .layer(BreakerLayer::on(&circuit))
        .service(inner.clone());
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), "answer");

    // It isn't called for a rejection.
    circuit.force_open();
    let rejected = ready_and_call(&mut service, ()).await.unwrap_err();
    assert!(matches!(rejected, BreakerError::Rejected(_)));
    assert_eq!(inner.calls(), 2);
}

/// Retries each rejection after 5 s.
struct WaitForCircuit;

impl OverrideDecision<&str, BreakerError<Oops>> for WaitForCircuit {
    fn override_decision(
        &self,
        proposal: &Proposal<'_>,
        outcome: Result<&&str, &BreakerError<Oops>>,
    ) -> Option<Override> {
        let is_rejected = matches!(proposal.decision(), Decision::Return(DecisionReason::Rejected { .. }));
        assert_eq!(is_rejected, matches!(outcome, Err(BreakerError::Rejected(_))));
        is_rejected.then_some(Override::Retry { delay: secs(5), reason: "circuit" })
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_override_retries_a_rejection() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    circuit.force_open();
    let inner = Script::new([succeed("answer")]);
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()).override_with(WaitForCircuit))
        .layer(BreakerLayer::on(&circuit))
        .service(inner.clone());
    let reset = async {
        tokio::time::sleep(secs(7)).await;
        circuit.force_closed();
    };
    let (answered, ()) = tokio::join!(with_report(async { ready_and_call(&mut { service }, ()).await }), reset);
    let answered = answered.unwrap();
    assert_eq!((answered.response, answered.report.attempts(), inner.calls()), ("answer", 3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_after_an_earlier_step_is_not_retried() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    circuit.force_open();
    let steps = AtomicU32::new(0);
    for (config, expected) in [(config(), 1), (config().idempotent().retries(1), 2)] {
        steps.store(0, Relaxed);
        let retry = RetryLayer::new(config).override_with(WaitForCircuit);
        let failed = retry.run(|_| {
            steps.fetch_add(1, Relaxed);
            circuit.call(|| async { Ok::<&str, Oops>("answer") })
        });
        failed.await.unwrap_err();
        assert_eq!(steps.load(Relaxed), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outer_fallback_gets_the_reason() {
    let layer = RetryLayer::new(config())
        .override_decision(|_: &Proposal, _: Result<&Cause, &Oops>| Some(Override::Return { reason: "stop" }));
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::from_fn(|failure: PrimaryFailure<Cause, Oops>| {
            let cause = failure.cause;
            async move { Ok::<_, Oops>(cause) }
        }))
        .layer(layer)
        .service(Script::new([fail(Oops(1))]));
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), Cause::Custom("stop"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_override_costs_only_its_call() {
    let budget = two_tokens();
    let panics = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&panics);
    let retry = RetryLayer::new(config().retries(2).shared_budget(Arc::clone(&budget) as Arc<dyn Budget>))
        .override_on_error(move |proposal: &Proposal, _: &Oops| {
            assert!(counted.fetch_add(1, Relaxed) > 0, "on purpose");
            Some(Override::Retry { delay: ms(proposal.attempt().number().into()), reason: "locked" })
        });
    let (spawned, panicked) = (retry.clone(), retry.clone());
    let panicked = tokio::spawn(async move { panicked.run(|_| async { Err::<(), _>(Oops(2)) }).await });
    assert!(panicked.await.unwrap_err().is_panic());
    let failed = spawned.run(|_| async { Err::<(), _>(Oops(2)) });
    let failed = with_report(failed).await.unwrap_err();
    assert_eq!((failed.report.attempts(), failed.report.cause()), (3, Some(Cause::AttemptsExhausted { attempts: 3 })));
}

#[test]
fn the_description_lists_the_override() {
    let layer = RetryLayer::new(config().name("db")).override_with(WaitForCircuit);
    let description = layer.policy().describe();
    assert_eq!((description.value("name"), description.value("override")), (Some("db"), Some("WaitForCircuit")));
}

#[test]
fn an_override_can_be_tested_alone() {
    let attempt = Attempt::new(1);
    let Verdict::Failure(failure) = Verdict::permanent() else { unreachable!() };
    let proposal = Proposal::new(&attempt, failure, Decision::Return(DecisionReason::Permanent));
    assert_eq!(wait_once(&proposal, &Oops(2)), Some(LOCKED));
    assert_eq!(wait_once(&proposal.with_retries(1), &Oops(2)), None);
}
