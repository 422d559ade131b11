use tracing::{Span, field::Empty, info_span};

use crate::{Attempt, Name};

/// Makes the span of a request or attempt: the default, or a closure `|request: &Req| Span`.
///
/// The layer records the [fields](crate::spans#fields) that the span declares. The span's parent is
/// the current span, unless the closure sets another.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't make a span for requests `{Req}`",
    note = "a closure needs the type of its argument: `.make_span(|request: &{Req}| …)`"
)]
pub trait MakeSpan<Req> {
    /// Makes the span, before the service is called.
    fn make_span(&self, request: &Req) -> Span;
}

impl<F, Req> MakeSpan<Req> for F
where
    F: Fn(&Req) -> Span,
{
    fn make_span(&self, request: &Req) -> Span {
        self(request)
    }
}

/// Makes the default span of a request: [`request_span`].
#[derive(Debug, Clone)]
pub struct DefaultRequestSpan(pub(super) Name);

impl<Req> MakeSpan<Req> for DefaultRequestSpan {
    fn make_span(&self, _: &Req) -> Span {
        named_request_span(&self.0)
    }
}

/// Makes the default span of an attempt. Its fields are those of [`attempt_span`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultAttemptSpan;

impl<Req> MakeSpan<Req> for DefaultAttemptSpan {
    fn make_span(&self, _: &Req) -> Span {
        empty_attempt_span()
    }
}

/// Makes the span of a request: an `INFO` span `request` with all [fields](crate::spans#fields).
/// `name` names the operation. It is escaped and cut at 256 bytes.
///
/// Choose a name with few values, such as `prices`: OpenTelemetry groups spans by name.
pub fn request_span(name: impl Into<Name>) -> Span {
    named_request_span(&name.into())
}

fn named_request_span(name: &Name) -> Span {
    let name = &*name.sanitized();
    info_span!(
        "request",
        otel.name = name,
        resilience.pipeline.name = name,
        recourse.outcome = Empty,
        recourse.attempts = Empty,
        recourse.cause = Empty,
        recourse.fallback = Empty,
        "error.type" = Empty,
        http.response.status_code = Empty,
        rpc.status_code = Empty,
        otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

/// Makes the span of an attempt: an `INFO` span `attempt` with all [fields](crate::spans#fields).
pub fn attempt_span(attempt: &Attempt) -> Span {
    let span = empty_attempt_span();
    span.record("resilience.attempt.index", attempt.number() - 1);
    span
}

/// The span of an attempt, before its index is known.
pub(crate) fn empty_attempt_span() -> Span {
    info_span!(
        "attempt",
        resilience.attempt.index = Empty,
        http.request.resend_count = Empty,
        recourse.outcome = Empty,
        "error.type" = Empty,
        http.response.status_code = Empty,
        rpc.status_code = Empty,
        otel.status_code = Empty,
        otel.status_description = Empty,
    )
}
