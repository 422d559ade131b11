//! Retries of functions, changes of a request before each resend, and call reports.

use std::{
    io,
    sync::{Arc, Mutex},
    thread,
};

use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerLayer, CallReport, Cause, Circuit, Elapsed, FallbackLayer, RetryConfig, RetryLayer,
    State,
    breaker::TripRule,
    report::{ReportLayer, with_report},
    retry::{Backoff, Budget, Timeouts, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(ms(100))).without_budget().without_observers()
}

fn down() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

#[tokio::test(start_paused = true)]
async fn a_function_receives_its_attempt() {
    let begun = Instant::now();
    let layer = RetryLayer::new(config().timeouts(Timeouts::request(secs(10))));
    let run = layer.run(|attempt: Attempt| async move {
        if attempt.number() < 3 { Err(down()) } else { Ok((attempt.number(), attempt.deadline().unwrap() - begun)) }
    });
    // The run continues without the layer.
    drop(layer);
    assert_eq!(run.await.unwrap(), (3, secs(10)));
    assert_eq!(begun.elapsed(), ms(200));
}

/// If no setting needs the start time, the retry doesn't read the clock.
#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_start_time_if_a_setting_needs_it() {
    let second =
        |attempt: Attempt| async move { if attempt.number() < 2 { Err(down()) } else { Ok(attempt.started()) } };
    assert_eq!(RetryLayer::new(config()).run(second).await.unwrap(), None);
    let limited = config().timeouts(Timeouts::request(secs(10)));
    assert_eq!(RetryLayer::new(limited).run(second).await.unwrap(), Some(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn a_run_may_be_spawned_with_any_error_type() {
    let layer = RetryLayer::new(config());
    let run = layer.run(|_| async { Err::<(), Box<dyn std::error::Error + Send + Sync>>("down".into()) });
    assert_eq!(tokio::spawn(run).await.unwrap().unwrap_err().to_string(), "down");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_a_function_times_out() {
    let layer = RetryLayer::new(config().retries(1).timeouts(Timeouts::attempt(secs(1))));
    let begun = Instant::now();
    let run = layer.run(|_| std::future::pending::<io::Result<()>>());
    let error = run.await.unwrap_err();
    assert!(error.get_ref().unwrap().is::<Elapsed>());
    assert_eq!(begun.elapsed(), ms(2_100));
}

#[tokio::test(start_paused = true)]
async fn a_run_shares_the_layers_budget_and_returns_its_token() {
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let layer = RetryLayer::new(config().shared_budget(budget.clone()));
    let fails = || layer.run(|_| async { Err::<(), _>(down()) });
    assert!(timeout(ms(50), fails()).await.is_err(), "it waits");
    assert_eq!((budget.balance(), budget.stats().granted), (1, 0));
    fails().await.unwrap_err();
    assert_eq!((budget.balance(), budget.stats().granted, budget.stats().refused), (0, 1, 1));
    let mut service = layer.layer(service_fn(|()| async { Err::<(), _>(down()) }));
    let failed = with_report(ready_and_call(&mut service, ())).await.unwrap_err();
    assert_eq!(failed.report.cause(), Some(Cause::Budget));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_of_a_circuit_inside_a_run_is_not_retried() {
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(3).unwrap()).without_observers());
    let layer = RetryLayer::new(config().retries(7));
    let run = with_report(layer.run(|_| circuit.call(|| async { Err::<(), _>(Oops(1)) })));
    let failed = run.await.unwrap_err();
    assert_eq!((circuit.state(), circuit.stats().total_rejected), (State::Open, 1));
    assert!(failed.report.cause().unwrap().is_rejection());
    assert_eq!(failed.report.attempts(), 4);
}

#[test]
fn a_blocking_function_is_retried_after_a_sleep() {
    let layer = RetryLayer::new(config().retries(2).backoff(Backoff::fixed(ms(1))));
    let mut seen = Vec::new();
    let error = layer.run_blocking(|attempt| {
        seen.push(attempt.number());
        Err::<(), _>(Oops(attempt.number()))
    });
    assert_eq!((error, seen), (Err(Oops(3)), vec![1, 2, 3]));
    assert_eq!(layer.run_blocking(|_| Ok::<_, Oops>(7)), Ok(7));
}

#[test]
fn a_blocking_run_starts_no_attempt_after_the_deadline() {
    let events = EventLog::default();
    let limits = Timeouts::request(ms(30)).on_timeout(|_| Err::<(), _>(Oops(99)));
    let layer = RetryLayer::new(config().backoff(Backoff::fixed(ms(1))).timeouts(limits).observe(events.observer()));
    let mut attempts = 0;
    let error = layer.run_blocking(|attempt| {
        attempts += 1;
        thread::sleep(attempt.remaining(Instant::now()).unwrap() + ms(1));
        Err(Oops(1))
    });
    assert_eq!((error, attempts), (Err(Oops(1)), 1));
    assert!(events.last_has(&["RetryStopped", "Deadline"]));
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    token: &'static str,
    attempt: u32,
}

#[tokio::test(start_paused = true)]
async fn a_request_is_changed_before_a_resend_only() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = sent.clone();
    let inner = service_fn(move |request: Request| {
        log.lock().unwrap().push((request, Instant::now()));
        async { Err::<(), _>(Oops(1)) }
    });
    let layer = RetryLayer::new(config().retries(2)).before_resend(|_: Request, attempt: Attempt| async move {
        sleep(ms(30)).await;
        Request { token: "fresh", attempt: attempt.number() }
    });
    let begun = Instant::now();
    ready_and_call(&mut layer.layer(inner), Request { token: "old", attempt: 1 }).await.unwrap_err();
    let sent: Vec<_> = sent.lock().unwrap().iter().map(|(r, at)| (r.token, r.attempt, *at - begun)).collect();
    assert_eq!(sent, [("old", 1, ms(0)), ("fresh", 2, ms(130)), ("fresh", 3, ms(260))], "after the wait");
}

#[tokio::test(start_paused = true)]
async fn changing_a_request_counts_towards_the_time_limit() {
    let limits =
        Timeouts::attempt(secs(1)).on_timeout(|elapsed: Elapsed| Err::<(), _>(Oops(elapsed.limit().as_secs() as u32)));
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let layer = RetryLayer::new(config().retries(2).timeouts(limits).shared_budget(budget.clone())).before_resend(
        |request: u8, _| async move {
            std::future::pending::<()>().await;
            request
        },
    );
    let inner = Script::new([fail(Oops(7))]);
    let begun = Instant::now();
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), 1).await, Err(Oops(1)));
    assert_eq!((inner.calls(), begun.elapsed()), (1, ms(100) + secs(1) + ms(100) + secs(1)));
    assert_eq!(budget.balance(), 1, "no retry was made");

    assert!(
        timeout(ms(500), ready_and_call(&mut layer.layer(inner), 1)).await.is_err(),
        "cancelled while the request is changed"
    );
    tokio::time::advance(secs(1)).await;
    assert_eq!(budget.balance(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_resent_is_reported_once() {
    let events = EventLog::default();
    let layer = RetryLayer::new(config().observe(events.observer())).copy_request_with(|_: &u8| None);
    let mut service = layer.layer(Script::new([fail::<(), _>(Oops(1))]));
    for _ in 0..3 {
        assert_eq!(ready_and_call(&mut service, 1).await, Err(Oops(1)));
    }
    assert_eq!((events.count("RequestNotReplayable"), events.count("cause: NotReplayable")), (1, 3));
}

async fn how(
    inner: Script<(), &'static str, Oops>,
    replica: Script<(), &'static str, Oops>,
) -> (&'static str, CallReport) {
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(9).unwrap()).without_observers());
    let mut service = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(FallbackLayer::value("degraded").name("degraded").without_observers())
        .layer(
            FallbackLayer::new(RetryLayer::new(config().retries(1)).layer(replica)).name("replica").without_observers(),
        )
        .layer(RetryLayer::new(config().retries(2)))
        .layer(BreakerLayer::on(&circuit))
        .service(inner);
    let answered = ready_and_call(&mut service, ()).await.unwrap();
    (answered.response, answered.report)
}

#[tokio::test(start_paused = true)]
async fn the_caller_receives_a_report_with_the_response() {
    let (yes, no) = (|| Script::new([succeed("yes")]), || Script::new([fail(Oops(1))]));
    let spent = Some(Cause::AttemptsExhausted { attempts: 3 });

    let (answer, primary) = how(yes(), no()).await;
    assert_eq!((answer, primary), ("yes", CallReport::default()));
    assert_eq!((primary.fallback_depth(), primary.attempts(), primary.fallback(), primary.cause()), (0, 1, None, None));
    assert_eq!(primary.to_string(), "the first attempt succeeded");

    let (answer, third) = how(Script::new([fail(Oops(1)), fail(Oops(2)), succeed("late")]), no()).await;
    assert_eq!((answer, third.fallback_depth(), third.attempts(), third.cause()), ("late", 0, 3, None));
    assert_eq!(third.to_string(), "attempt 3 succeeded");

    let (answer, replica) = how(no(), Script::new([fail(Oops(1)), succeed("replica's")])).await;
    assert_eq!((answer, replica.fallback_depth(), replica.attempts(), replica.cause()), ("replica's", 1, 3, spent));
    assert_eq!((replica.fallback(), replica.failed_fallbacks()), (Some("replica"), 0));

    let (answer, degraded) = how(no(), no()).await;
    assert_eq!(
        (answer, degraded.fallback_depth(), degraded.fallback(), degraded.failed_fallbacks()),
        ("degraded", 2, Some("degraded"), 1)
    );
    assert_eq!((degraded.attempts(), degraded.cause()), (3, spent));
}

#[tokio::test(start_paused = true)]
async fn an_error_with_a_report_shows_the_error_and_the_reason() {
    let layers = (ReportLayer, RetryLayer::new(config().retries(0)));
    let mut service =
        ServiceBuilder::new().layer(layers.0).layer(layers.1).service(Script::new([fail::<(), _>(Oops(5))]));
    let unanswered = ready_and_call(&mut service, ()).await.unwrap_err();
    assert_eq!(
        (unanswered.error, unanswered.report.cause()),
        (Oops(5), Some(Cause::AttemptsExhausted { attempts: 1 }))
    );
    assert_eq!(unanswered.to_string(), "oops 5 (the only attempt failed)");
    assert_eq!(std::error::Error::source(&unanswered).unwrap().to_string(), "oops 5");
    let unretried = with_report(std::future::ready(Err::<(), _>(Oops(6)))).await.unwrap_err();
    assert_eq!(unretried.to_string(), "oops 6", "without a reason");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_response_is_not_a_rejection_to_outer_layers() {
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()).without_observers());
    circuit.try_acquire().unwrap().failure();
    let outer = Circuit::new(BreakerConfig::default().fixed().without_observers().count_all_calls());
    let mut service = ServiceBuilder::new()
        .layer(ReportLayer)
        .layer(BreakerLayer::on(&outer))
        .layer(FallbackLayer::value("cached").name("cache").without_observers())
        .layer(BreakerLayer::on(&circuit))
        .service(Script::<_, _, Oops>::new([succeed("not called")]));
    let answered = ready_and_call(&mut service, ()).await.unwrap();
    assert_eq!((answered.response, answered.report.fallback()), ("cached", Some("cache")));
    assert!(answered.report.cause().unwrap().is_rejection());
    assert_eq!((outer.stats().total_successes, outer.stats().total_neutral), (Some(1), 0));
}
