use ::http::{Request, Response};
use ::http_body::Body;

use super::{
    Code,
    code::Codes,
    status::{Pushback, Seen, Told},
    timeout,
    transport_error::Fault,
};
use crate::{
    Classifier, Delivery, FailureKind, Verdict,
    classify::{Origin, RejectionMark},
    http::{Deadline, mark},
    time::Instant,
};

/// Classifies the outcomes of gRPC calls for a retry: responses by status code, from the headers or
/// from the trailers that a [`PeekLayer`](super::PeekLayer) has read, and errors by the code that
/// gRPC maps them to.
///
/// | outcome | verdict |
/// |---|---|
/// | OK, and a response whose first message has arrived | success |
/// | UNAVAILABLE | transient |
/// | RESOURCE_EXHAUSTED with a pushback or a `RetryInfo` | throttled |
/// | RESOURCE_EXHAUSTED without either, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, DATA_LOSS | permanent |
/// | CANCELLED, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNAUTHENTICATED | neutral: the status is about the request, and the service works |
/// | a missing status | by the HTTP status: 400 is INTERNAL, 401 UNAUTHENTICATED, 403 PERMISSION_DENIED, 404 UNIMPLEMENTED, 429, 502, 503 and 504 UNAVAILABLE, any other UNKNOWN |
/// | HTTP status 200 and a content type that doesn't start with `application/grpc`; a status that can't be parsed | as UNKNOWN |
/// | a stream that the server refused, or that was left over when its connection ended | [unprocessed](Verdict::unprocessed): resent once, without budget |
/// | any other error | by its code (below), unless [`ErrorClassifier`](crate::classify::ErrorClassifier) classifies it as permanent |
///
/// [`retry_codes`](Self::retry_codes) sets the retried codes. They are retried for every method,
/// because gRPC doesn't declare methods idempotent. So don't retry a code that the server may
/// return after it has executed a call, unless all methods are idempotent.
///
/// # Lost connections
///
/// A status of the server shows that a call was processed or not; a lost connection doesn't. So by
/// default a call on a lost connection is resent only if it provably wasn't sent (a refused
/// connection, a refused stream), or if [`RetryConfig::idempotent`](crate::RetryConfig::idempotent)
/// states that every call may be processed more than once. [`retry_codes`](Self::retry_codes) and
/// the retry policies of a [service config](super::ServiceConfig) also state it for their calls:
/// there, a lost connection is retried as UNAVAILABLE, as in gRPC's own clients.
///
/// # Transport errors
///
/// | error | code |
/// |---|---|
/// | a stream reset with CANCEL | CANCELLED |
/// | with ENHANCE_YOUR_CALM | RESOURCE_EXHAUSTED |
/// | with INADEQUATE_SECURITY | PERMISSION_DENIED |
/// | with REFUSED_STREAM | UNAVAILABLE |
/// | with any other reason | INTERNAL |
/// | a timeout of an attempt, of the channel, or of a [body](crate::http::BodyTimeoutLayer) before the first message | DEADLINE_EXCEEDED |
/// | a lost connection, also after a GOAWAY for any reason | UNAVAILABLE |
///
/// **A timeout of an attempt is retried only if DEADLINE_EXCEEDED is a retried code.** An error
/// that proves that the call wasn't sent is retried whatever the codes are.
///
/// # Pushback
///
/// If a retried code comes with a `grpc-retry-pushback-ms`, the retry waits for it, if it is at
/// most [30 s](crate::RetryConfig::max_retry_after) (the default). After it, the backoff
/// starts again from its first delay. A6 waits exactly as long; this retry adds [up to 20
/// %](crate::RetryConfig::retry_after_jitter) at random, so that clients don't return together. A
/// pushback that is negative, can't be parsed, or is repeated prevents further retries, as
/// [A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md) requires.
///
/// # `RetryInfo`
///
/// Without a pushback, the `google.rpc.RetryInfo` in `grpc-status-details-bin` counts: the retry
/// waits at least its `retry_delay`, up to the same limit. Details that are longer than 16 KiB or
/// can't be parsed are ignored, and so is a negative delay. If a proxy answers with a response that
/// isn't gRPC, such as a 503, the delay in its headers counts in the same way, as for
/// [HTTP](crate::http#servers-delay).
///
/// # Deadline
///
/// The earlier one of `grpc-timeout` and the [`Deadline`] of the request.
#[derive(Debug, Clone, Copy)]
pub struct RetryClassifier {
    codes: Codes,
    /// Retried only if the server sends a delay.
    with_delay: Codes,
    /// Whether the user has set the codes, and so has stated that a call with one of them may be
    /// repeated.
    are_stated: bool,
}

impl Default for RetryClassifier {
    fn default() -> Self {
        let codes = Codes::default().with(Code::Unavailable);
        Self { codes, with_delay: Codes::default().with(Code::ResourceExhausted), are_stated: false }
    }
}

impl RetryClassifier {
    /// Sets the codes that are retried. The default is UNAVAILABLE, and RESOURCE_EXHAUSTED with a
    /// pushback or a `RetryInfo`.
    ///
    /// With UNAVAILABLE among them, calls on lost connections are retried as well: see [Lost
    /// connections](Self#lost-connections).
    pub fn retry_codes(self, codes: impl IntoIterator<Item = Code>) -> Self {
        Self { codes: codes.into_iter().collect(), with_delay: Codes::default(), are_stated: true }
    }

    fn judge(&self, told: Told) -> Verdict {
        if told.code == Code::Ok {
            return Verdict::Success;
        }
        let retried = self.codes.contains(told.code);
        let verdict = Verdict::failure(kind(told.code)).delivery(Delivery::Sent);
        let with_delay = retried || self.with_delay.contains(told.code);
        match (told.pushback, told.delay) {
            (Some(Pushback::After(delay)), _) if with_delay => verdict.retry_after_pushback(delay),
            (Some(Pushback::Never), _) if with_delay => verdict.never_retry(),
            (None, Some(delay)) if with_delay => verdict.retry_after(delay),
            _ if retried => verdict,
            _ if is_about_the_request(told.code) => Verdict::Neutral,
            _ => Verdict::permanent().delivery(Delivery::Sent),
        }
    }

    fn judge_fault(&self, fault: Fault) -> Verdict {
        let Verdict::Failure(failure) = fault.verdict else { return fault.verdict };
        match failure.kind() {
            FailureKind::Rejected | FailureKind::Permanent => fault.verdict,
            _ if fault.refused => Verdict::unprocessed(),
            _ if failure.delivery() == Delivery::NotSent => fault.verdict,
            _ if self.codes.contains(fault.code) => {
                let verdict = Verdict::failure(kind(fault.code)).delivery(failure.delivery());
                if self.are_stated { verdict } else { verdict.idempotency_unknown() }
            }
            _ => Verdict::permanent().delivery(failure.delivery()),
        }
    }
}

impl<B, R, E> Classifier<Request<B>, Response<R>, E> for RetryClassifier
where
    R: Body,
    E: 'static,
{
    /// The deadline of the call.
    type Memo = Option<Instant>;

    fn memo(&self, request: &Request<B>) -> Option<Instant> {
        let by_header = timeout::read(request.headers()).map(Deadline::after);
        let by_extension = request.extensions().get().copied();
        let earliest: Option<Deadline> = [by_header, by_extension].into_iter().flatten().min();
        earliest.as_ref().map(Deadline::at)
    }

    fn classify(&self, _: &Option<Instant>, outcome: Result<&Response<R>, &E>) -> Verdict {
        match outcome.map(Seen::of) {
            Ok(Seen::Told(told)) => self.judge(told),
            Ok(Seen::Broke(fault)) => self.judge_fault(fault),
            Ok(Seen::Begun) => Verdict::Success,
            Err(error) => self.judge_fault(Fault::of(error)),
        }
    }

    fn deadline(&self, memo: &Option<Instant>) -> Option<Instant> {
        *memo
    }

    #[inline]
    fn origin(&self, outcome: Result<&Response<R>, &E>) -> Origin {
        mark::origin(outcome)
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<R>>> {
        Some(mark::mark_rejection)
    }
}

fn kind(code: Code) -> FailureKind {
    match code {
        Code::ResourceExhausted => FailureKind::Throttled,
        Code::DeadlineExceeded => FailureKind::TimedOut,
        _ => FailureKind::Transient,
    }
}

/// Whether the status is about the request: the service works, and has rejected the request.
pub(super) fn is_about_the_request(code: Code) -> bool {
    matches!(
        code,
        Code::Cancelled
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unauthenticated
    )
}
