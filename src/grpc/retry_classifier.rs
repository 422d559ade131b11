use ::http::{Request, Response};
use ::http_body::Body;

use super::{
    Code,
    code::CodeSet,
    response_state::ResponseState,
    status::{Pushback, Status},
    timeout_header,
    transport_error::TransportError,
};
use crate::{
    Classifier, Delivery, FailureKind, Verdict,
    classify::{Origin, RejectionMark},
    http::{Deadline, rejection_mark},
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
/// | a stream that the server refused, or that hadn't been sent when its connection ended | [unprocessed](Verdict::unprocessed): resent once, without budget |
/// | any other error | by its code (below), unless [`ErrorClassifier`](crate::classify::ErrorClassifier) classifies it as permanent |
///
/// [`retry_codes`](Self::retry_codes) sets the retried codes. They are retried for every method,
/// because gRPC doesn't declare methods idempotent. So don't retry a code that the server may
/// return after it has executed a call, unless all methods are idempotent.
///
/// # Lost connections
///
/// A lost connection doesn't show whether the server has processed the call. So by default such a
/// call is resent only if it provably wasn't sent (a refused connection, a refused stream), or if
/// [`RetryConfig::idempotent`](crate::RetryConfig::idempotent) states that every call may be
/// processed more than once. [`retry_codes`](Self::retry_codes) and
/// the retry policies of a [service config](super::ServiceConfig) also state this for their calls:
/// such a call on a lost connection is retried as UNAVAILABLE, as in gRPC's own clients.
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
/// If a retried code comes with a `grpc-retry-pushback-ms`, the retry waits for this time, if it is
/// at most [30 s](crate::RetryConfig::max_retry_after) (the default). After this wait, the backoff
/// starts again from its first delay. A6 waits for exactly the pushback; this retry adds [up to 20
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
/// The deadline of a call is the earlier one of its `grpc-timeout` and its [`Deadline`] extension.
#[derive(Debug, Clone, Copy)]
pub struct RetryClassifier {
    codes: CodeSet,
    /// Codes that are retried only if the server sends a delay.
    codes_with_delay: CodeSet,
    /// Whether the user has set the codes, and so has stated that a call with one of them may be
    /// repeated.
    set_by_user: bool,
}

impl Default for RetryClassifier {
    fn default() -> Self {
        let codes = CodeSet::default().with(Code::Unavailable);
        Self { codes, codes_with_delay: CodeSet::default().with(Code::ResourceExhausted), set_by_user: false }
    }
}

impl RetryClassifier {
    /// Sets the codes that are retried. The default is UNAVAILABLE, and RESOURCE_EXHAUSTED with a
    /// pushback or a `RetryInfo`.
    ///
    /// If `codes` contains UNAVAILABLE, calls on lost connections are also retried: see [Lost
    /// connections](Self#lost-connections).
    pub fn retry_codes(self, codes: impl IntoIterator<Item = Code>) -> Self {
        Self { codes: codes.into_iter().collect(), codes_with_delay: CodeSet::default(), set_by_user: true }
    }
}

impl<ReqBody, ResBody, Err> Classifier<Request<ReqBody>, Response<ResBody>, Err> for RetryClassifier
where
    ResBody: Body,
    Err: 'static,
{
    /// The deadline of the call.
    type Memo = Option<Instant>;

    fn memo(&self, request: &Request<ReqBody>) -> Option<Instant> {
        let by_header = timeout_header::parse(request.headers()).map(Deadline::after);
        let by_extension = request.extensions().get().copied();
        let earliest: Option<Deadline> = [by_header, by_extension].into_iter().flatten().min();
        earliest.as_ref().map(Deadline::at)
    }

    fn classify(&self, _: &Option<Instant>, outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
        match outcome.map(ResponseState::of) {
            Ok(ResponseState::Status(status)) => self.classify_status(status),
            Ok(ResponseState::Failed(error)) => self.classify_transport_error(error),
            Ok(ResponseState::Started) => Verdict::Success,
            Err(error) => self.classify_transport_error(TransportError::of(error)),
        }
    }

    fn deadline(&self, memo: &Option<Instant>) -> Option<Instant> {
        *memo
    }

    #[inline]
    fn origin(&self, outcome: Result<&Response<ResBody>, &Err>) -> Origin {
        rejection_mark::origin(outcome)
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<ResBody>>> {
        Some(rejection_mark::mark_rejection)
    }
}

impl RetryClassifier {
    fn classify_status(&self, status: Status) -> Verdict {
        if status.code == Code::Ok {
            return Verdict::Success;
        }
        let retried = self.codes.contains(status.code);
        let verdict = Verdict::failure(failure_kind(status.code)).delivery(Delivery::Sent);
        let retried_with_delay = retried || self.codes_with_delay.contains(status.code);
        match (status.pushback, status.delay) {
            (Some(Pushback::After(delay)), _) if retried_with_delay => verdict.retry_after_pushback(delay),
            (Some(Pushback::Never), _) if retried_with_delay => verdict.never_retry(),
            (None, Some(delay)) if retried_with_delay => verdict.retry_after(delay),
            _ if retried => verdict,
            _ if is_about_the_request(status.code) => Verdict::Neutral,
            _ => Verdict::permanent().delivery(Delivery::Sent),
        }
    }

    fn classify_transport_error(&self, error: TransportError) -> Verdict {
        let Verdict::Failure(failure) = error.verdict else { return error.verdict };
        match failure.kind() {
            FailureKind::Rejected | FailureKind::Permanent => error.verdict,
            _ if error.is_unprocessed => Verdict::unprocessed(),
            _ if failure.delivery() == Delivery::NotSent => error.verdict,
            _ if self.codes.contains(error.code) => {
                let verdict = Verdict::failure(failure_kind(error.code)).delivery(failure.delivery());
                if self.set_by_user { verdict } else { verdict.idempotency_unknown() }
            }
            _ => Verdict::permanent().delivery(failure.delivery()),
        }
    }
}

fn failure_kind(code: Code) -> FailureKind {
    match code {
        Code::ResourceExhausted => FailureKind::Throttled,
        Code::DeadlineExceeded => FailureKind::TimedOut,
        _ => FailureKind::Transient,
    }
}

/// Whether the status is about the request: the service works, and rejected this request.
fn is_about_the_request(code: Code) -> bool {
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
