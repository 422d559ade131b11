//! Records in a span how its call ended.

use std::fmt;

use tracing::{Span, field::display};

use super::role::Role;
use crate::{
    CallReport, Classifier, FailureKind, Verdict,
    classify::{Origin, evidence, failure_text::failure_info},
    observe::{RequestOutcome, ResponseStatus},
};

/// Records a result. `noted` is the inner layer's report on it.
pub(super) fn result<C, Req, Res, Err>(
    span: &Span,
    role: Role,
    classifier: &C,
    memo: &C::Memo,
    result: &Result<Res, Err>,
    noted: Option<CallReport>,
) where
    C: Classifier<Req, Res, Err>,
    Err: 'static,
{
    let outcome = result.as_ref();
    let seen = outcome.map_or_else(evidence::of_error, |_| Origin::Unknown);
    let report = evidence::correct(noted, seen.or_else(|| classifier.origin(outcome))).unwrap_or_default();
    if role == Role::Request {
        span.record("recourse.attempts", report.attempts());
        if let Some(cause) = report.cause() {
            span.record("recourse.cause", cause.label());
        }
        if let Some(fallback) = report.fallback() {
            span.record("recourse.fallback", fallback);
        }
    }
    let (kind, success) = match classifier.classify(memo, outcome) {
        _ if report.rejection().is_some() => (Some(FailureKind::Rejected), RequestOutcome::Failure),
        Verdict::Failure(failure) => (Some(failure.kind()), RequestOutcome::Failure),
        Verdict::Success => (None, RequestOutcome::Success),
        Verdict::Neutral | Verdict::ClientError => (None, RequestOutcome::Neutral),
    };
    if let Some(kind) = kind {
        let failure = failure_info(classifier, kind, outcome);
        record_status(span, failure.status);
        record_failure(span, kind.label(), failure.error.as_ref().map(|error| error as _));
    } else if let Some(cause) = report.failure_cause() {
        // The retry's classifier treats this response as a failure, and the span's doesn't.
        record_failure(span, cause.label(), Some(&cause));
    } else {
        span.record("recourse.outcome", success.label());
        // A log line of the level ERROR marks its span as failed. A retry may have logged one,
        // before a fallback answered.
        if report.attempts() > 1 || report.fallback().is_some() {
            span.record("otel.status_code", "OK");
        }
    }
}

fn record_status(span: &Span, status: Option<ResponseStatus>) {
    match status {
        Some(ResponseStatus::Http(code)) => _ = span.record("http.response.status_code", code),
        Some(ResponseStatus::Grpc(code)) => match ResponseStatus::Grpc(code).grpc_name() {
            Some(name) => _ = span.record("rpc.status_code", name),
            None => _ = span.record("rpc.status_code", display(code)),
        },
        None => {}
    }
}

fn record_failure(span: &Span, error_type: &str, description: Option<&dyn fmt::Display>) {
    span.record("recourse.outcome", RequestOutcome::Failure.label());
    span.record("error.type", error_type);
    span.record("otel.status_code", "ERROR");
    // A string, which a subscriber puts between quotes. So a text from outside can't forge a field.
    if let Some(description) = description.filter(|_| span.has_field("otel.status_description")) {
        span.record("otel.status_description", description.to_string());
    }
}

/// Records that a call ended without a result. `attempts`: how many attempts a request has made.
pub(super) fn dropped(span: &Span, has_panicked: bool, is_timed_out: bool, attempts: Option<u32>) {
    if let Some(attempts) = attempts.filter(|&attempts| attempts > 0) {
        span.record("recourse.attempts", attempts);
    }
    if has_panicked {
        record_failure(span, "panic", None);
    } else if is_timed_out {
        record_failure(span, FailureKind::TimedOut.label(), None);
    } else {
        span.record("recourse.outcome", "cancelled");
    }
}
