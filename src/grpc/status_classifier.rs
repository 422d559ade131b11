use ::http::{Request, Response, StatusCode};
use ::http_body::Body;

use super::{
    Code,
    code::CodeSet,
    response_state::{self, ResponseState},
    status::{Pushback, STATUS, Status},
    timeout_header,
    transport_error::TransportError,
};
use crate::{
    Classifier, Delivery, FailureKind, Health, Verdict,
    classify::{FailureDescription, Origin, RejectionMark},
    http::{Deadline, rejection_mark},
    observe::{ErrorText, ResponseStatus},
    time::Instant,
};

/// Classifies the outcomes of gRPC calls, for all layers: responses by status code, from the
/// headers or from the trailers that a [`PeekLayer`](super::PeekLayer) has read, and errors by the
/// code that gRPC maps them to.
///
/// ```
/// use tower_recourse::{BreakerConfig, RetryConfig, grpc::{Code, StatusClassifier}};
///
/// let classifier = StatusClassifier::default().retry_codes([Code::Unavailable, Code::Aborted]);
/// let retry = RetryConfig::grpc().classifier(classifier);
/// let breaker = BreakerConfig::grpc().classifier(classifier);
/// # let _ = (retry, breaker);
/// ```
///
/// *Verdict* is what a retry and a fallback use, with the default codes. *Health* is what a breaker
/// counts. It doesn't depend on the retried codes.
///
/// | outcome | verdict | health |
/// |---|---|---|
/// | OK, and a response whose first message has arrived | success | healthy |
/// | UNAVAILABLE without a delay, or with a pushback that forbids retries | transient | unhealthy: the service is down |
/// | UNAVAILABLE with a delay: a pushback, a `RetryInfo`, or a proxy's `Retry-After`; a proxy's HTTP 429 | transient | throttled: the service works, and asks for fewer calls |
/// | RESOURCE_EXHAUSTED with a pushback or a `RetryInfo` | throttled | throttled |
/// | RESOURCE_EXHAUSTED without either | permanent | throttled |
/// | INTERNAL, DATA_LOSS | permanent | unhealthy: the service is broken |
/// | UNKNOWN | permanent | unhealthy: servers return it for a panic; it also stands for a response without a status, and for a response that isn't gRPC |
/// | DEADLINE_EXCEEDED | permanent | unhealthy: the service is too slow |
/// | UNIMPLEMENTED | permanent | healthy: only this method is missing |
/// | INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNAUTHENTICATED | [client error](Verdict::ClientError): the status is about the request | healthy |
/// | CANCELLED | neutral: the caller cancels calls | unknown |
/// | a missing status | by the HTTP status: 400 is INTERNAL, 401 UNAUTHENTICATED, 403 PERMISSION_DENIED, 404 UNIMPLEMENTED, 429, 502, 503 and 504 UNAVAILABLE, any other UNKNOWN | as the code |
/// | HTTP status 200 and a content type that doesn't start with `application/grpc`; a status that can't be parsed | as UNKNOWN | unhealthy |
/// | a stream that the server refused, or that hadn't been sent when its connection ended | [unprocessed](Verdict::unprocessed): resent once, without budget | unhealthy |
/// | any other error | by its code (below), unless [`ErrorClassifier`](crate::classify::ErrorClassifier) classifies it as permanent | CANCELLED is unknown, RESOURCE_EXHAUSTED throttled, any other unhealthy: there is no response |
///
/// A throttled call is neutral for the breaker's rules about health, and counts as not accepted for
/// [`TripRule::AdaptiveThrottle`](crate::breaker::TripRule::AdaptiveThrottle).
/// [`BreakerConfig::on_throttled`](crate::BreakerConfig::on_throttled) can make it a failure. Then
/// [`OpenDuration::honor_retry_after`](crate::breaker::OpenDuration::honor_retry_after) uses the
/// pushback as the open time, or without one the delay of a `RetryInfo` or of a proxy's headers.
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
pub struct StatusClassifier {
    codes: CodeSet,
    /// Codes that are retried only if the server sends a delay.
    codes_with_delay: CodeSet,
    /// Whether the user has set the codes, and so has stated that a call with one of them may be
    /// repeated.
    set_by_user: bool,
}

impl Default for StatusClassifier {
    fn default() -> Self {
        let codes = CodeSet::default().with(Code::Unavailable);
        Self { codes, codes_with_delay: CodeSet::default().with(Code::ResourceExhausted), set_by_user: false }
    }
}

impl StatusClassifier {
    /// Sets the codes that are retried. The default is UNAVAILABLE, and RESOURCE_EXHAUSTED with a
    /// pushback or a `RetryInfo`.
    ///
    /// If `codes` contains UNAVAILABLE, calls on lost connections are also retried: see [Lost
    /// connections](Self#lost-connections).
    pub fn retry_codes(self, codes: impl IntoIterator<Item = Code>) -> Self {
        Self { codes: codes.into_iter().collect(), codes_with_delay: CodeSet::default(), set_by_user: true }
    }
}

impl<ReqBody, ResBody, Err> Classifier<Request<ReqBody>, Response<ResBody>, Err> for StatusClassifier
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

    fn memo_without_retry(&self, _: &Request<ReqBody>) -> Option<Instant> {
        None
    }

    fn classify(&self, _: &Option<Instant>, outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
        match outcome.map(ResponseState::of) {
            Ok(ResponseState::Status(status)) => {
                let health = health_of(status, outcome.is_ok_and(is_too_many_requests));
                self.classify_status(status).health(health)
            }
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

    /// The code of a status and its message, in the headers or in trailers that a
    /// [`PeekLayer`](super::PeekLayer) has read. A body that fails before its first frame is
    /// described by the code that gRPC maps its error to.
    fn describe_failure<'a>(&self, outcome: Result<&'a Response<ResBody>, &'a Err>) -> FailureDescription<'a> {
        let Ok(response) = outcome else { return FailureDescription::new() };
        let code = match ResponseState::of(response) {
            ResponseState::Status(status) => status.code,
            ResponseState::Failed(error) => error.code,
            ResponseState::Started => return FailureDescription::new(),
        };
        let description = FailureDescription::new().status(ResponseStatus::Grpc(code as u16));
        response_state::message(response)
            .map_or(description, |message| description.error(ErrorText::percent_encoded(message)))
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<ResBody>>> {
        Some(rejection_mark::mark_rejection)
    }
}

impl StatusClassifier {
    fn classify_status(&self, status: Status) -> Verdict {
        match status.code {
            Code::Ok => return Verdict::Success,
            code if self.codes.contains(code) => {}
            Code::Cancelled => return Verdict::Neutral,
            code if is_about_the_request(code) => return Verdict::ClientError,
            _ => {}
        }
        let is_retried = self.codes.contains(status.code)
            || ((status.pushback.is_some() || status.delay.is_some()) && self.codes_with_delay.contains(status.code));
        let kind = if is_retried { failure_kind(status.code) } else { FailureKind::Permanent };
        let verdict = Verdict::failure(kind).delivery(Delivery::Sent);
        match (status.pushback, status.delay) {
            (Some(Pushback::After(delay)), _) => verdict.retry_after_pushback(delay),
            (Some(Pushback::Never), _) => verdict.never_retry(),
            (None, Some(delay)) => verdict.retry_after(delay),
            (None, None) => verdict,
        }
    }

    fn classify_transport_error(&self, error: TransportError) -> Verdict {
        let Verdict::Failure(failure) = error.verdict else { return error.verdict };
        let verdict = match failure.kind() {
            FailureKind::Rejected => return error.verdict,
            FailureKind::Permanent => error.verdict,
            _ if error.is_unprocessed => Verdict::unprocessed(),
            _ if failure.delivery() == Delivery::NotSent => error.verdict,
            _ if self.codes.contains(error.code) => {
                let verdict = Verdict::failure(failure_kind(error.code)).delivery(failure.delivery());
                if self.set_by_user { verdict } else { verdict.idempotency_unknown() }
            }
            _ => Verdict::permanent().delivery(failure.delivery()),
        };
        // Never healthy, because there is no response.
        verdict.health(match error.code {
            Code::Cancelled => Health::Unknown,
            Code::ResourceExhausted => Health::Throttled,
            _ => Health::Unhealthy,
        })
    }
}

/// What a status shows about the service, whatever codes are retried.
fn health_of(status: Status, is_too_many_requests: bool) -> Health {
    match status.code {
        Code::Unavailable if status.requested_delay().is_some() || is_too_many_requests => Health::Throttled,
        Code::Unavailable | Code::Internal | Code::DataLoss | Code::Unknown | Code::DeadlineExceeded => {
            Health::Unhealthy
        }
        Code::ResourceExhausted => Health::Throttled,
        Code::Cancelled => Health::Unknown,
        _ => Health::Healthy,
    }
}

/// Whether a proxy answered with HTTP 429 instead of a gRPC status. gRPC maps 429 to UNAVAILABLE,
/// which hides that the call was throttled.
fn is_too_many_requests<ResBody>(response: &Response<ResBody>) -> bool {
    response.status() == StatusCode::TOO_MANY_REQUESTS && !response.headers().contains_key(STATUS)
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
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unauthenticated
    )
}
