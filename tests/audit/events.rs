//! The line of each event.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tower_recourse::{
    Cause, FailureKind, Name,
    observe::{
        Audit, ErrorText, Event, FailureInfo, Observer, QuotaUsage, RequestOutcome, ResponseStatus, audit::AuditConfig,
    },
};

use crate::{lines, without_time};

const SECOND: Duration = Duration::from_secs(1);

fn refused() -> FailureInfo<'static> {
    FailureInfo::new(FailureKind::Transient)
        .with_error(Some(ErrorText::text("connection \"refused\"\n")))
        .with_duration(Some(Duration::from_millis(12)))
}

fn unavailable() -> FailureInfo<'static> {
    FailureInfo::new(FailureKind::Throttled).with_status(Some(ResponseStatus::Http(503)))
}

fn resource_exhausted() -> FailureInfo<'static> {
    FailureInfo::new(FailureKind::Throttled).with_status(Some(ResponseStatus::Grpc(8)))
}

/// An event with every field, and the parts of its line besides the name and the labels.
fn events(name: &Name) -> Vec<(Event<'_>, Value)> {
    let quota = Some(QuotaUsage::new("customer-7", 2, 31));
    let (elapsed, failing_for) = (Some(SECOND * 2), Some(SECOND * 95));
    let cause = Cause::AttemptsExhausted { attempts: 4 };
    let (reason, message) = ("attempts_exhausted", "all 4 attempts failed");
    let failed = json!({ "kind": "transient", "error": "connection \"refused\"\n" });
    let (open_for, slow) = (SECOND * 30, 2);
    vec![
        (
            Event::RetryScheduled {
                name,
                attempt: 1,
                max_attempts: Some(4),
                failure: refused(),
                delay: SECOND,
                elapsed,
                reason: Some("locked"),
                quota,
            },
            json!({
                "kind": "retry_scheduled", "key": "customer-7", "reason": "locked", "failure": failed,
                "counts": {
                    "attempt": 1, "max_attempts": 4, "delay_ms": 1000, "duration_ms": 12, "elapsed_ms": 2000,
                    "retries": 2, "total_retries": 31,
                },
            }),
        ),
        (
            Event::TransparentRetry { name, attempt: 1, failure: refused(), elapsed },
            json!({
                "kind": "transparent_retry", "failure": failed,
                "counts": { "attempt": 1, "duration_ms": 12, "elapsed_ms": 2000 },
            }),
        ),
        (
            Event::RejectionWait { name, attempt: 1, delay: SECOND, elapsed },
            json!({ "kind": "rejection_wait", "counts": { "attempt": 1, "delay_ms": 1000, "elapsed_ms": 2000 } }),
        ),
        (
            Event::RetryStopped {
                name,
                attempt: 4,
                max_attempts: Some(4),
                cause,
                failure: Some(unavailable()),
                elapsed,
                quota: None,
            },
            json!({
                "kind": "retry_stopped", "reason": reason, "message": message,
                "counts": { "attempt": 4, "max_attempts": 4, "elapsed_ms": 2000 },
                "failure": { "kind": "throttled", "http_status": 503 },
            }),
        ),
        (Event::RequestNotReplayable { name }, json!({ "kind": "request_not_replayable" })),
        (Event::IdempotencyUnknown { name }, json!({ "kind": "idempotency_unknown" })),
        (
            Event::RetrySucceeded { name, attempt: 2, max_attempts: Some(4), duration: Some(SECOND), elapsed },
            json!({
                "kind": "retry_succeeded",
                "counts": { "attempt": 2, "max_attempts": 4, "duration_ms": 1000, "elapsed_ms": 2000 },
            }),
        ),
        (
            Event::RequestFinished {
                name,
                attempts: 4,
                outcome: RequestOutcome::Failure,
                cause: Some(cause),
                failure: Some(resource_exhausted()),
                elapsed,
            },
            json!({
                "kind": "request_finished", "outcome": "failure", "reason": reason, "message": message,
                "counts": { "attempts": 4, "elapsed_ms": 2000 },
                "failure": { "kind": "throttled", "grpc_status": 8 },
            }),
        ),
        (
            Event::CircuitOpened {
                name,
                open_for,
                openings_in_a_row: 2,
                failures_in_a_row: 5,
                calls: 20,
                failures: 11,
                slow,
                failure: Some(refused()),
                failing_for,
            },
            json!({
                "kind": "circuit_opened", "failure": failed,
                "counts": {
                    "open_for_ms": 30_000, "openings_in_a_row": 2, "failures_in_a_row": 5, "calls": 20, "failures": 11,
                    "slow": 2, "failing_for_ms": 95_000, "duration_ms": 12,
                },
            }),
        ),
        (
            Event::CircuitWouldOpen {
                name,
                failures_in_a_row: 5,
                calls: 20,
                failures: 11,
                slow,
                failure: Some(refused()),
            },
            json!({
                "kind": "circuit_would_open", "failure": failed,
                "counts": { "failures_in_a_row": 5, "calls": 20, "failures": 11, "slow": 2, "duration_ms": 12 },
            }),
        ),
        (
            Event::CircuitModeChanged { name, mode: "forced open" },
            json!({ "kind": "circuit_mode_changed", "reason": "forced open" }),
        ),
        (
            Event::CircuitHalfOpened { name, failing_for },
            json!({ "kind": "circuit_half_opened", "counts": { "failing_for_ms": 95_000 } }),
        ),
        (
            Event::CircuitClosed { name, failing_for },
            json!({ "kind": "circuit_closed", "counts": { "failing_for_ms": 95_000 } }),
        ),
        (
            Event::CallFailed { name, failure: Some(refused()) },
            json!({ "kind": "call_failed", "failure": failed, "counts": { "duration_ms": 12 } }),
        ),
        (
            Event::CallRejected { name, retry_in: Some(SECOND * 17), failing_for },
            json!({ "kind": "call_rejected", "counts": { "retry_in_ms": 17_000, "failing_for_ms": 95_000 } }),
        ),
        (
            Event::FallbackCalled { name, cause, failure: Some(refused()) },
            json!({
                "kind": "fallback_called", "reason": reason, "message": message, "failure": failed,
                "counts": { "duration_ms": 12 },
            }),
        ),
        (
            Event::FallbackSucceeded { name, cause, duration: Some(SECOND) },
            json!({
                "kind": "fallback_succeeded", "reason": reason, "message": message, "counts": { "duration_ms": 1000 },
            }),
        ),
        (
            Event::FallbackFailed { name, cause, failure: Some(unavailable()) },
            json!({
                "kind": "fallback_failed", "reason": reason, "message": message,
                "failure": { "kind": "throttled", "http_status": 503 },
            }),
        ),
    ]
}

/// The lines of these events.
fn written(events: &[Event<'_>], config: AuditConfig) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::to_file_with(&path, config).unwrap();
    events.iter().for_each(|event| audit.on_event(event));
    audit.flush().unwrap();
    lines(&path).into_iter().map(without_time).collect()
}

#[test]
fn each_line_shows_every_field_of_its_event() {
    let name = Name::from("payments").with_label("team", "billing").with_label("region", "e\"u");
    let (events, mut expected): (Vec<_>, Vec<_>) = events(&name).into_iter().unzip();
    for line in &mut expected {
        line["name"] = json!("payments");
        line["labels"] = json!({ "team": "billing", "region": "e\"u" });
    }
    assert_eq!(written(&events, AuditConfig::default().include_every_call()), expected);
}

/// A new variant of `Event` fails this test until the table of lines has it.
#[test]
fn the_table_of_lines_has_every_event() {
    let source = include_str!("../../src/observe/event.rs");
    let (_, variants) = source.split_once("pub enum Event<'a> {\n").unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let variants: BTreeSet<_> =
        variants.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {")).collect();
    let name = "payments".into();
    let tested: BTreeSet<_> = events(&name).iter().map(|(event, _)| event.label()).collect();
    assert_eq!(tested, variants);
}

#[test]
fn events_of_every_call_are_left_out_by_default() {
    let name = "payments".into();
    let events: Vec<_> = events(&name).into_iter().map(|(event, _)| event).collect();
    let lines = written(&events, AuditConfig::default());
    let all: BTreeSet<_> = written(&events, AuditConfig::default().include_every_call())
        .iter()
        .map(|line| line["kind"].as_str().unwrap().to_owned())
        .collect();
    let by_default = lines.iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect();
    let left_out: Vec<_> = all.difference(&by_default).collect();
    let expected = ["call_failed", "call_rejected", "fallback_succeeded", "rejection_wait", "request_finished"];
    assert_eq!(left_out, expected);
}

#[test]
fn long_details_are_cut() {
    let long = "x".repeat(1 << 20);
    let name = (0..40).fold(Name::from("payments"), |name, _| name.with_label("team", long.clone()));
    let failure = FailureInfo::new(FailureKind::Transient).with_error(Some(ErrorText::text(&long)));
    let lines = written(
        &[Event::FallbackFailed { name: &name, cause: Cause::Failure, failure: Some(failure) }],
        AuditConfig::default(),
    );
    assert_eq!(lines[0]["cut"], json!(true));
    for text in [&lines[0]["failure"]["error"], &lines[0]["labels"]["team"]] {
        assert_eq!(text, &json!(format!("{}…", "x".repeat(256))));
    }
}

#[cfg(feature = "keyed")]
#[test]
fn the_line_of_a_keyed_circuit_has_its_key() {
    use tower_recourse::{BreakerConfig, breaker::keyed::CircuitRegistry};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::to_file(&path).unwrap();
    let circuits = CircuitRegistry::new(BreakerConfig::default().name("hosts").observe(audit.clone())).named();
    circuits.get(&"example.org").force_open();
    audit.flush().unwrap();
    let lines = lines(&path);
    assert_eq!((&lines[0]["name"], &lines[0]["circuit_key"]), (&json!("hosts/example.org"), &json!("example.org")));
}
