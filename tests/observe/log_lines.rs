//! The line of each event: complete by itself, with its default level.

use std::{collections::BTreeSet, time::Duration};

use tower_recourse::{
    Cause, FailureKind, Name,
    observe::{ErrorText, Event, FailureInfo, Observer, QuotaUsage, RequestOutcome, ResponseStatus, TracingObserver},
};

use crate::written::lines_of;

const MILLI: Duration = Duration::from_millis(1);

/// The line of an event, as the default observer writes it.
fn line(event: &Event<'_>) -> String {
    let lines = lines_of(|| TracingObserver::new().on_event(event));
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().unwrap()
}

fn refused() -> FailureInfo<'static> {
    FailureInfo::new(FailureKind::Transient)
        .with_error(Some(ErrorText::text("connection refused")))
        .with_duration(Some(Duration::from_nanos(12_345_678)))
}

fn unavailable() -> FailureInfo<'static> {
    FailureInfo::new(FailureKind::Transient)
        .with_status(Some(ResponseStatus::Http(503)))
        .with_duration(Some(Duration::from_nanos(1_204_381_729)))
}

fn grpc_unavailable() -> FailureInfo<'static> {
    FailureInfo::new(FailureKind::Throttled)
        .with_status(Some(ResponseStatus::Grpc(14)))
        .with_error(Some(ErrorText::text("no backend")))
}

/// An event with every field, and its line.
fn events(name: &Name) -> Vec<(Event<'_>, &'static str)> {
    let quota = Some(QuotaUsage::new("customer-7", 2, 31));
    let elapsed = Some(MILLI * 2_500);
    let all_failed = Cause::AttemptsExhausted { attempts: 4 };
    vec![
        (
            Event::RetryScheduled {
                name,
                attempt: 1,
                max_attempts: Some(4),
                failure: refused(),
                delay: MILLI * 1_500,
                elapsed,
                reason: Some("locked"),
                quota,
            },
            r#"WARN tower_recourse::retry: attempt failed, retrying after the delay name="payments" attempt=1 max_attempts=4 delay=1.5s reason="locked" error.type="transient" error="connection refused" attempt_duration=12.3ms elapsed=2.5s key="customer-7" retries=2 total=31 labels="team=billing region=eu""#,
        ),
        (
            Event::TransparentRetry { name, attempt: 2, failure: refused(), elapsed },
            r#"INFO tower_recourse::retry: the server didn't process the request, sending it again at once name="payments" attempt=2 error.type="transient" error="connection refused" attempt_duration=12.3ms elapsed=2.5s labels="team=billing region=eu""#,
        ),
        (
            Event::RejectionWait { name, attempt: 1, delay: MILLI * 120, elapsed },
            r#"DEBUG tower_recourse::retry: a circuit rejected the attempt, making it again after the delay name="payments" attempt=1 delay=120ms elapsed=2.5s labels="team=billing region=eu""#,
        ),
        (
            Event::RetryStopped {
                name,
                attempt: 4,
                max_attempts: Some(4),
                cause: all_failed,
                failure: Some(unavailable()),
                elapsed,
                quota,
            },
            r#"WARN tower_recourse::retry: request failed, no further attempt name="payments" attempt=4 max_attempts=4 cause="all 4 attempts failed" reason="attempts_exhausted" error.type="transient" http.response.status_code=503 attempt_duration=1.204s elapsed=2.5s key="customer-7" retries=2 total=31 labels="team=billing region=eu""#,
        ),
        (
            Event::RequestNotReplayable { name },
            r#"WARN tower_recourse::retry: a request failed and can't be sent again, because the retry kept no complete copy of it; logged once name="payments" labels="team=billing region=eu""#,
        ),
        (
            Event::IdempotencyUnknown { name },
            r#"WARN tower_recourse::retry: a request failed and isn't sent again, because it may have been processed, and the classifier doesn't know whether it is idempotent; if every request is, use RetryConfig::idempotent, otherwise classify::IdempotencyCheck; logged once name="payments" labels="team=billing region=eu""#,
        ),
        (
            Event::RetrySucceeded { name, attempt: 2, max_attempts: Some(4), duration: Some(MILLI * 80), elapsed },
            r#"INFO tower_recourse::retry: request succeeded after retrying name="payments" attempt=2 max_attempts=4 attempt_duration=80ms elapsed=2.5s labels="team=billing region=eu""#,
        ),
        (
            Event::RequestFinished {
                name,
                attempts: 4,
                outcome: RequestOutcome::Failure,
                cause: Some(all_failed),
                failure: Some(grpc_unavailable()),
                elapsed,
            },
            r#"DEBUG tower_recourse::retry: request finished with a failure name="payments" attempts=4 outcome="failure" cause="all 4 attempts failed" reason="attempts_exhausted" error.type="throttled" error="no backend" rpc.status_code="UNAVAILABLE" elapsed=2.5s labels="team=billing region=eu""#,
        ),
        (
            opened(name, 1, Duration::from_secs(30), Some(Duration::ZERO)),
            r#"ERROR tower_recourse::breaker: circuit opened, rejecting calls name="payments" stays_open_for=30s failures_in_a_row=5 calls=20 failures=11 slow=2 error.type="transient" error="connection refused" call_duration=12.3ms labels="team=billing region=eu""#,
        ),
        (
            opened(name, 2, Duration::from_secs(90), Some(Duration::from_millis(30_041))),
            r#"DEBUG tower_recourse::breaker: circuit opened again after probing, still rejecting calls name="payments" stays_open_for=1m30s openings_in_a_row=2 calls=20 failures=11 slow=2 failing_for=30.041s error.type="transient" error="connection refused" call_duration=12.3ms labels="team=billing region=eu""#,
        ),
        (
            opened(name, 0, Duration::MAX, None),
            r#"WARN tower_recourse::breaker: circuit was forced open by the program, rejecting calls name="payments" stays_open_for=until_reset labels="team=billing region=eu""#,
        ),
        (
            Event::CircuitWouldOpen {
                name,
                failures_in_a_row: 5,
                calls: 20,
                failures: 11,
                slow: 2,
                failure: Some(unavailable()),
            },
            r#"WARN tower_recourse::breaker: circuit would have opened, but its mode or group keeps it closed; logged once name="payments" failures_in_a_row=5 calls=20 failures=11 slow=2 error.type="transient" http.response.status_code=503 call_duration=1.204s labels="team=billing region=eu""#,
        ),
        (
            Event::CircuitModeChanged { name, mode: "forced open" },
            r#"INFO tower_recourse::breaker: circuit mode was changed by the program name="payments" mode="forced open" labels="team=billing region=eu""#,
        ),
        (
            Event::CircuitHalfOpened { name, failing_for: Some(Duration::from_secs(7_384)) },
            r#"DEBUG tower_recourse::breaker: circuit half-open, probing the service name="payments" failing_for=2h3m4s labels="team=billing region=eu""#,
        ),
        (
            Event::CircuitClosed { name, failing_for: Some(Duration::from_secs(95)) },
            r#"INFO tower_recourse::breaker: circuit closed, admitting calls again name="payments" failed_for=1m35s labels="team=billing region=eu""#,
        ),
        (
            Event::CallFailed { name, failure: Some(grpc_unavailable()) },
            r#"DEBUG tower_recourse::breaker: circuit counted a failed call name="payments" error.type="throttled" error="no backend" rpc.status_code="UNAVAILABLE" labels="team=billing region=eu""#,
        ),
        (
            Event::CallRejected {
                name,
                retry_in: Some(Duration::from_micros(17_654_321)),
                failing_for: Some(Duration::from_secs(13)),
            },
            r#"DEBUG tower_recourse::breaker: circuit rejected a call name="payments" may_admit_in=17.654s failing_for=13s labels="team=billing region=eu""#,
        ),
        (
            Event::FallbackCalled {
                name,
                cause: Cause::Rejected { retry_in: Some(Duration::from_secs(20)) },
                failure: Some(refused()),
            },
            r#"INFO tower_recourse::fallback: primary failed, the fallback calls its backup name="payments" cause="the circuit rejected the call, and may admit one in 20s" reason="rejected" error.type="transient" error="connection refused" backup_duration=12.3ms labels="team=billing region=eu""#,
        ),
        (
            Event::FallbackSucceeded { name, cause: all_failed, duration: Some(MILLI * 3) },
            r#"DEBUG tower_recourse::fallback: the fallback's backup succeeded after the primary had failed name="payments" cause="all 4 attempts failed" reason="attempts_exhausted" backup_duration=3ms labels="team=billing region=eu""#,
        ),
        (
            Event::FallbackFailed { name, cause: all_failed, failure: Some(refused()) },
            r#"WARN tower_recourse::fallback: the fallback's backup failed after the primary had failed name="payments" cause="all 4 attempts failed" reason="attempts_exhausted" error.type="transient" error="connection refused" backup_duration=12.3ms labels="team=billing region=eu""#,
        ),
    ]
}

fn opened(name: &Name, openings_in_a_row: u32, open_for: Duration, failing_for: Option<Duration>) -> Event<'_> {
    let failure = (openings_in_a_row > 0).then(refused);
    // Failures of probes aren't failures in a row.
    let failures_in_a_row = if openings_in_a_row == 1 { 5 } else { 0 };
    let (calls, failures, slow) = (20, 11, 2);
    Event::CircuitOpened {
        name,
        open_for,
        openings_in_a_row,
        failures_in_a_row,
        calls,
        failures,
        slow,
        failure,
        failing_for,
    }
}

fn payments() -> Name {
    Name::from("payments").with_label("team", "billing").with_label("region", "eu")
}

#[test]
fn each_line_shows_every_field_of_its_event() {
    let name = payments();
    for (event, expected) in events(&name) {
        assert_eq!(line(&event), expected);
    }
}

/// A new variant of `Event` fails this test until the table of lines has it.
#[test]
fn the_table_of_lines_has_every_event() {
    let source = include_str!("../../src/observe/event.rs");
    let (_, variants) = source.split_once("pub enum Event<'a> {\n").unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let variants: BTreeSet<_> =
        variants.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {")).collect();
    let name = payments();
    let tested: BTreeSet<_> = events(&name).iter().map(|(event, _)| event.label()).collect();
    assert!(variants.len() >= 18, "{variants:?}");
    assert_eq!(tested, variants);
}

/// The cheat sheet explains each line by the start of its message.
#[test]
fn the_cheat_sheet_explains_every_line() {
    let (_, section) = include_str!("../../src/cheat_sheet.md").split_once("## What the log lines mean").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let starts: Vec<_> = rows.flat_map(|(cell, _)| cell.split("; ")).collect();
    let name = payments();
    for (_, line) in events(&name) {
        let (_, message) = line.split_once(": ").unwrap();
        assert!(starts.iter().any(|start| message.starts_with(start)), "{message}");
    }
}

#[test]
fn unknown_fields_are_left_out() {
    let name = "db".into();
    let cases = [
        (
            Event::RetryStopped {
                name: &name,
                attempt: 1,
                max_attempts: None,
                cause: Cause::Budget,
                failure: None,
                elapsed: None,
                quota: None,
            },
            r#"WARN tower_recourse::retry: request failed, no further attempt name="db" attempt=1 cause="the retry budget is empty" reason="budget""#,
        ),
        (
            Event::CallFailed { name: &name, failure: None },
            r#"DEBUG tower_recourse::breaker: circuit counted a failed call name="db""#,
        ),
        (
            Event::CircuitClosed { name: &name, failing_for: None },
            r#"INFO tower_recourse::breaker: circuit closed, admitting calls again name="db""#,
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(line(&event), expected);
    }
}

#[test]
fn only_stops_that_no_rule_explains_are_warnings() {
    let second = Duration::from_secs(1);
    let name = "db".into();
    for (cause, level) in [
        (Cause::AttemptsExhausted { attempts: 2 }, "WARN"),
        (Cause::Budget, "WARN"),
        (Cause::Deadline, "WARN"),
        (Cause::RetryAfterTooLong { requested: second }, "WARN"),
        (Cause::TotalQuota { limit: 10 }, "WARN"),
        (Cause::KeyQuota { limit: 10 }, "WARN"),
        (Cause::AttemptsExhausted { attempts: 1 }, "DEBUG"),
        (Cause::Permanent, "DEBUG"),
        (Cause::Failure, "DEBUG"),
        (Cause::Rejected { retry_in: None }, "DEBUG"),
        (Cause::RetryRejected { retry_in: None }, "DEBUG"),
        (Cause::NotReplayable, "DEBUG"),
        (Cause::UnsafeToResend, "DEBUG"),
        (Cause::RetriesDisabled, "DEBUG"),
        (Cause::Custom("locked"), "DEBUG"),
    ] {
        let (attempt, max_attempts) = (1, Some(4));
        let event = Event::RetryStopped {
            name: &name,
            attempt,
            max_attempts,
            cause,
            failure: None,
            elapsed: None,
            quota: None,
        };
        let shown = line(&event);
        assert!(shown.starts_with(&format!("{level} ")), "{shown}");
        assert!(shown.contains(&format!(r#" cause="{cause}" reason="{}""#, cause.label())), "{shown}");
    }
}

#[cfg(feature = "keyed")]
#[test]
fn the_line_of_a_keyed_circuit_has_its_key() {
    use tower_recourse::{BreakerConfig, breaker::keyed::CircuitRegistry};

    let circuits = CircuitRegistry::new(BreakerConfig::default().name("hosts").label("team", "crawl")).named();
    let lines = lines_of(|| circuits.get(&"example.org").force_open());
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert!(line.contains(r#" name="hosts/example.org" circuit_key="example.org" "#), "{line}");
        assert!(line.ends_with(r#" labels="team=crawl""#), "{line}");
    }
}
