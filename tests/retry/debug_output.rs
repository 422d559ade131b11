//! What logs and debuggers show of a retry: reasons are sentences, and settings show their values.

use std::future::ready;

use tower::Layer;
use tower_recourse::{
    Cause, Elapsed, Name, Outcome, RetryConfig, RetryLayer,
    retry::{Ledger, Reason, Spent, Timeouts},
};

use crate::scripted::{Oops, Scripted, Step::Answer, secs};

#[test]
fn a_reason_is_a_sentence() {
    let ledger = Ledger::new().per_key(2);
    (0..2).for_each(|_| ledger.take("key").unwrap().spend());
    let spent = ledger.take("key").unwrap_err();
    assert_eq!(spent.to_string(), "the limit of 2 retries for this key is reached");
    for (reason, sentence) in [
        (Reason::Success, "the attempt succeeded"),
        (Reason::Neutral, "the outcome is neither a success nor a failure"),
        (Reason::Transient, "the call failed"),
        (Reason::AttemptsSpent { attempts: 4 }, "all 4 attempts failed"),
        (Reason::Ledger(spent), "the limit of 2 retries for this key is reached"),
        (Reason::Ledger(Spent::InAll { limit: 50 }), "the limit of 50 retries over all keys is reached"),
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
    let limits = Timeouts::request(secs(9)).answer(|_: Elapsed| Err::<&str, _>(Oops(1)));
    has(&limits, &["total: Some(9s)", "answer: a function"]);
    let ledger = Ledger::new().per_key(7);
    has(&ledger, &["Ledger", "per_key: Some(7)", "in_all: 0"]);
    let config =
        RetryConfig::default().idempotent().name("orders").retries(5).timeouts(limits).ledger(&ledger, |(): &()| "key");
    let parts = ["RetryConfig", "orders", "retries: 5", "TokenBucket", "total: Some(9s)", "Errors", "per_key: Some(7)"];
    has(&config, &parts);
    let layer = RetryLayer::new(config).keep(|(): &()| Some(()));
    has(&layer, &["RetryLayer", "orders", "keep: a function"]);
    let layer = layer.before_resend(|(), _| ready(()));
    has(&layer, &["Prepared", "keep: a function"]);
    has(&layer.layer(Scripted::<_>::new([Answer("yes")])), &["Retry", "inner: Scripted", "orders"]);
}

#[test]
fn an_outcome_is_a_rejection_only_if_marked() {
    let outcome = || Outcome::new(Err::<&(), _>(&Oops(1)));
    assert!(!outcome().is_rejected() && !outcome().with_cause(Some(Cause::Failure)).is_rejected());
    assert!(outcome().with_cause(Some(Cause::Rejected { retry_in: None })).is_rejected());
    assert_ne!(Name::from("a"), Name::from("b"));
    assert_eq!(Name::from("a"), Name::from("a".to_owned()), "for every source");
}
