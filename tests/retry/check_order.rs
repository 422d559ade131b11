//! The order of the checks: if two checks stop a retry, the earlier one gives the reason, wherever
//! the reason is reported.

use std::sync::{Arc, Mutex};

use tower::{Layer, Service, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, FallbackLayer, RetryConfig, RetryLayer, Verdict,
    breaker::TripRule,
    fallback::PrimaryFailure,
    report::ReportLayer,
    retry::{Backoff, RetryQuota, RetrySwitch, Timeouts, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

type Error = BreakerError<Oops>;

/// The labels of the causes, in the order of the checks.
const ORDER: [&str; 11] = [
    "retries_disabled",
    "total_quota",
    "rejected",
    "permanent",
    "key_quota",
    "attempts_exhausted",
    "retry_after_too_long",
    "not_replayable",
    "unsafe_to_resend",
    "deadline",
    "budget",
];

/// A retry around a breaker around a service that always fails. Of the checks in [`ORDER`], only
/// those in `saying_no` stop the retry.
fn retry(
    saying_no: &[&str],
    events: &EventLog,
) -> impl Service<(), Response = (), Error = Error, Future: Send + 'static> + Clone + use<> {
    let no: Vec<bool> = ORDER.iter().map(|check| saying_no.contains(check)).collect();
    let says_no = move |check: &str| no[ORDER.iter().position(|&known| known == check).unwrap()];
    let mut quota = RetryQuota::new();
    if says_no("total_quota") {
        quota = quota.max_total(0);
    }
    if says_no("key_quota") {
        quota = quota.max_per_key(0);
    }
    let circuit = Circuit::new(
        BreakerConfig::default().fixed().open_when(TripRule::consecutive(99).unwrap()).without_observers(),
    );
    if says_no("rejected") {
        circuit.force_open();
    }
    let mut config = RetryConfig::default()
        .backoff(Backoff::fixed(secs(5)))
        .retries(if says_no("attempts_exhausted") { 0 } else { 3 })
        .switch(&if says_no("retries_disabled") { RetrySwitch::off() } else { RetrySwitch::on() })
        .quota(&quota, |(): &()| "key")
        .timeouts(Timeouts::request(if says_no("deadline") { secs(3) } else { secs(300) }).on_timeout(|_| Err(late())))
        .without_observers()
        .observe(events.observer());
    if says_no("budget") {
        config = config.budget(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0));
    }
    let is_kept = !says_no("not_replayable");
    let judge = move |outcome: Result<&(), &Error>| {
        let mut verdict = match outcome {
            Ok(()) => return Verdict::Success,
            Err(_) if says_no("permanent") => Verdict::permanent(),
            Err(_) => Verdict::transient(),
        };
        if says_no("retry_after_too_long") {
            verdict = verdict.retry_after(secs(31));
        }
        if says_no("unsafe_to_resend") { verdict.unsafe_to_resend() } else { verdict }
    };
    ServiceBuilder::new()
        .layer(RetryLayer::new(config.classify(judge)).copy_request_with(move |(): &()| is_kept.then_some(())))
        .layer(BreakerLayer::on(&circuit))
        .service(Script::new([fail(Oops(1)).after(ms(1))]))
}

fn late() -> Error {
    BreakerError::Inner(Oops(99))
}

/// The four causes are those of the event, of the call report without a fallback, of the fallback's
/// argument, and of the call report with a fallback.
async fn causes(saying_no: &[&str]) -> [&'static str; 4] {
    let events = EventLog::default();
    let stack = retry(saying_no, &events);
    let alone = ready_and_call(&mut ReportLayer.layer(stack.clone()), ()).await.unwrap_err().report.cause().unwrap();
    let observed = ORDER.into_iter().find(|label| events.last_has(&["RetryStopped", &debug_name(label)]));

    let asked = Arc::new(Mutex::new(None::<Cause>));
    let learned = Arc::clone(&asked);
    let fallback = FallbackLayer::from_fn(move |failed: PrimaryFailure<'_, (), Error>| {
        *learned.lock().unwrap() = Some(failed.cause);
        async { Ok::<_, Oops>(()) }
    });
    let mut with_fallback = ServiceBuilder::new().layer(ReportLayer).layer(fallback).service(stack);
    let answered = ready_and_call(&mut with_fallback, ()).await.unwrap().report.cause().unwrap();
    let asked = asked.lock().unwrap().unwrap();
    [observed.unwrap(), alone.label(), asked.label(), answered.label()]
}

/// Turns `key_quota` into `KeyQuota`.
fn debug_name(label: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    label.split('_').map(capital).collect()
}

#[tokio::test(start_paused = true)]
async fn each_check_gives_its_reason_alone() {
    for check in ORDER {
        assert_eq!(causes(&[check]).await, [check; 4]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_two_failed_checks_gives_the_reason() {
    for (place, earlier) in ORDER.into_iter().enumerate() {
        for later in &ORDER[place + 1..] {
            assert_eq!(causes(&[earlier, later]).await, [earlier; 4], "{earlier}, {later}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_checks_after_the_first_failed_one_may_fail() {
    for (place, earliest) in ORDER.into_iter().enumerate() {
        assert_eq!(causes(&ORDER[place..]).await, [earliest; 4]);
    }
}
