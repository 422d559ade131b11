//! The retry worker: its classifier and its schedule. `tower-recourse-defer` has the durable part.

use std::{io, sync::Mutex};

use tokio::time::Instant;
use tower_recourse::{
    Classifier, Health, RetryConfig, RetryLayer, Verdict,
    classify::{self, ErrorClassifier, ErrorMessages},
    retry::Backoff,
};

use crate::scripted::secs;

fn schedule() -> Backoff {
    Backoff::schedule([10, 30, 90].map(secs)).unwrap()
}

fn judge(text: &str) -> Verdict {
    Classifier::<(), (), String>::classify(&ErrorMessages::node_jobs(), &(), Err(&text.to_owned()))
}

fn config() -> RetryConfig<ErrorMessages> {
    RetryConfig::default()
        .idempotent()
        .without_observers()
        .retries(3)
        .backoff(schedule())
        .classifier(ErrorMessages::node_jobs())
}

#[tokio::test(start_paused = true)]
async fn point_1_at_most_three_retries_after_10_30_and_90_s() {
    let made = Mutex::new(Vec::new());
    let failing = |_| {
        made.lock().unwrap().push(Instant::now());
        async { Err::<(), _>("node offline".to_owned()) }
    };
    RetryLayer::new(config()).run(failing).await.unwrap_err();
    let gaps: Vec<_> = made.into_inner().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [10, 30, 90].map(secs));
}

#[test]
fn point_1_the_schedule_is_available_as_numbers() {
    assert_eq!(schedule().delays(0).take(3).collect::<Vec<_>>(), [10, 30, 90].map(secs));
}

#[test]
fn point_2_kinds_by_text() {
    let permanent =
        ["validation failed", "invalid id", "key not found", "Unauthorized", "forbidden", "400 Bad Request"];
    for text in permanent.into_iter().chain(["malformed json", "missing required field"]) {
        assert_eq!(judge(text), Verdict::permanent(), "{text}");
    }
    for unknown in ["who knows", ""] {
        assert_eq!(judge(unknown), Verdict::permanent().health(Health::Unhealthy), "{unknown}");
    }
    let transient =
        ["connection lost", "unavailable", "temporary", "network", "refused", "host unreachable", "no route to host"];
    for text in transient.into_iter().chain(["connection reset by peer", "broken pipe", "node offline"]) {
        assert_eq!(judge(text), Verdict::transient().idempotency_unknown(), "{text}");
    }
    assert_eq!(judge("timeout"), Verdict::timed_out().idempotency_unknown());
}

#[test]
fn point_2_the_permanent_list_comes_first() {
    for text in ["connection refused: unauthorized", "timeout while reading invalid header", "forbidden by the network"]
    {
        assert_eq!(judge(text), Verdict::permanent(), "{text}");
    }
}

/// The fault: the permanent list comes first and contains `not found`, so "node not found" was
/// permanent by mistake.
#[tokio::test(start_paused = true)]
async fn corrected_node_not_found_is_transient() {
    assert_eq!(judge("Node not found: b-7"), Verdict::transient().idempotency_unknown());
    assert_eq!(judge("file not found"), Verdict::permanent());
    let layer = RetryLayer::new(config());
    let joined = |attempt: tower_recourse::Attempt| async move {
        if attempt.number() < 3 { Err("node not found: b-7".to_owned()) } else { Ok(attempt.number()) }
    };
    assert_eq!(layer.run(joined).await, Ok(3));
}

/// A known error type counts before the text, as in the function wrapper.
#[test]
fn corrected_the_type_comes_before_the_text() {
    let judge = classify::first(ErrorClassifier).or(ErrorMessages::node_jobs());
    let judge = |error: io::Error| Classifier::<(), (), io::Error>::classify(&judge, &((), ()), Err(&error));
    assert_eq!(
        judge(io::Error::new(io::ErrorKind::ConnectionReset, "invalid state")),
        Verdict::transient().idempotency_unknown()
    );
    assert_eq!(judge(io::Error::other("validation failed")), Verdict::permanent());
}
