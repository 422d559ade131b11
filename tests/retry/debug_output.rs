//! The `Debug` and `Display` output of a retry: reasons are sentences, and settings show their
//! values.

use std::future::ready;

use tower::Layer;
use tower_recourse::{
    Cause, Elapsed, Name, Outcome, RetryConfig, RetryLayer,
    retry::{DecisionReason, QuotaExceeded, RetryQuota, Timeouts},
};

use crate::scripted::{Oops, Script, secs, succeed};

#[test]
fn a_reason_is_a_sentence() {
    let quota = RetryQuota::new().max_per_key(2);
    (0..2).for_each(|_| quota.try_acquire("key").unwrap().consume());
    let spent = quota.try_acquire("key").unwrap_err();
    assert_eq!(spent.to_string(), "the limit of 2 retries for this key is reached");
    for (reason, sentence) in [
        (DecisionReason::Success, "the attempt succeeded"),
        (DecisionReason::Neutral, "the outcome is neither a success nor a failure"),
        (DecisionReason::Transient, "the call failed"),
        (DecisionReason::AttemptsExhausted { attempts: 4 }, "all 4 attempts failed"),
        (DecisionReason::Quota(spent), "the limit of 2 retries for this key is reached"),
        (DecisionReason::Quota(QuotaExceeded::Total { limit: 50 }), "the limit of 50 retries over all keys is reached"),
    ] {
        assert_eq!(reason.to_string(), sentence);
    }
}

fn has<T: std::fmt::Debug>(shown: &T, parts: &[&str]) {
    let shown = format!("{shown:?}");
    for part in parts {
        assert!(shown.contains(part), "no `{part}` in {shown}");
    }
}

#[test]
fn debug_output_shows_settings_and_names_functions() {
    let limits = Timeouts::request(secs(9)).on_timeout(|_: Elapsed| Err::<&str, _>(Oops(1)));
    has(&limits, &["total: Some(9s)", "on_timeout: a function"]);
    let quota = RetryQuota::new().max_per_key(7);
    has(&quota, &["RetryQuota", "per_key: Some(7)", "total: 0"]);
    let config =
        RetryConfig::default().idempotent().name("orders").retries(5).timeouts(limits).quota(&quota, |(): &()| "key");
    let parts = [
        "RetryConfig",
        "orders",
        "retries: 5",
        "TokenBucket",
        "total: Some(9s)",
        "ErrorClassifier",
        "per_key: Some(7)",
    ];
    has(&config, &parts);
    let layer = RetryLayer::new(config).copy_request_with(|(): &()| Some(()));
    has(&layer, &["RetryLayer", "orders", "replay: a function"]);
    let layer = layer.before_resend(|(), _| ready(()));
    has(&layer, &["PrepareResend", "replay: a function"]);
    has(&layer.layer(Script::<(), _, Oops>::new([succeed("yes")])), &["Retry", "inner: Script", "orders"]);
}

#[test]
fn an_outcome_is_a_rejection_only_if_marked() {
    let outcome = || Outcome::new(Err::<&(), _>(&Oops(1)));
    assert!(!outcome().is_rejected() && !outcome().with_cause(Some(Cause::Failure)).is_rejected());
    assert!(outcome().with_cause(Some(Cause::Rejected { retry_in: None })).is_rejected());
    assert_ne!(Name::from("a"), Name::from("b"));
    assert_eq!(Name::from("a"), Name::from("a".to_owned()), "for every source");
}
