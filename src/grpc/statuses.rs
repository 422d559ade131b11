use ::http::{Request, Response};
use ::http_body::Body;

use super::{
    Code,
    code::Codes,
    fault::Fault,
    timeout,
    told::{Pushback, Seen, Told},
};
use crate::{
    Classifier, FailureKind, Sent, Verdict,
    classify::{Origin, RejectionMark},
    http::{Deadline, mark},
    time::Instant,
};

/// What the outcome of a gRPC call means to a retry: by its status, from the headers or from the trailers that a
/// [`PeekLayer`](super::PeekLayer) has seen, or by the error.
///
/// | outcome | verdict |
/// |---|---|
/// | OK, and an answer whose messages have begun | success |
/// | UNAVAILABLE | transient |
/// | RESOURCE_EXHAUSTED with a pushback or a `RetryInfo` | throttled |
/// | RESOURCE_EXHAUSTED without either, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, DATA_LOSS | permanent |
/// | CANCELLED, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNAUTHENTICATED | neutral: an answer about the request, and no failure of the service |
/// | no status, or none that can be read | by the HTTP status: 400 is INTERNAL, 401 UNAUTHENTICATED, 403 PERMISSION_DENIED, 404 UNIMPLEMENTED, 429, 502, 503 and 504 UNAVAILABLE, any other UNKNOWN |
/// | HTTP status 200 and a content type that doesn't begin with `application/grpc` | as UNKNOWN |
/// | a stream refused by HTTP/2, or left over when its connection ended | [refused](Verdict::refused): sent again once for nothing |
/// | any other error | by the code that gRPC has for it (below), if [`Errors`](crate::classify::Errors) doesn't know it for permanent |
///
/// Which codes are retried is set by [`retry_codes`](Self::retry_codes). They are retried whatever the method does: gRPC knows no
/// idempotent ones. So don't have a code retried that may come after the call took effect, unless all methods can bear that.
///
/// # Lost connections
///
/// No code of the server's says that a call on a lost connection wasn't processed. So by default it is
/// sent again only if it provably wasn't sent (a refused connection, a refused stream), or if
/// [`RetryConfig::idempotent`](crate::RetryConfig::idempotent) states that every call may be processed
/// more than once. [`retry_codes`](Self::retry_codes) and the retry policies of a
/// [service config](super::ServiceConfig) state it for the calls that they are for: there a lost
/// connection is retried as UNAVAILABLE, as gRPC's own clients do.
///
/// # Errors of the transport
///
/// A stream that was reset has the code of its reason: CANCEL is CANCELLED, ENHANCE_YOUR_CALM is RESOURCE_EXHAUSTED,
/// INADEQUATE_SECURITY is PERMISSION_DENIED, any other INTERNAL. A time that was over, of an attempt or of the channel, is
/// DEADLINE_EXCEEDED, and so is a [time limit of the body](crate::http::BodyTimeoutLayer) before
/// the first message: **time-outs of attempts are only retried if that code is**. A lost connection
/// is UNAVAILABLE, and so is
/// one that ended with a GOAWAY, whatever its reason. What provably wasn't sent is retried whatever the codes.
///
/// # Pushback
///
/// `grpc-retry-pushback-ms` beside a code that is retried is waited for, up to
/// [30 s](crate::RetryConfig::longest_server_delay) unless set; the back-off begins anew after it. A6 waits exactly as long. This retry adds
/// [up to 20 %](crate::RetryConfig::server_delay_jitter) at random, so that clients don't return together. Negative, unreadable or given twice, it
/// ends the retries, as [A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md) has it.
///
/// # `RetryInfo`
///
/// Without a pushback, the `google.rpc.RetryInfo` in `grpc-status-details-bin` counts: a retry waits at least its `retry_delay`, up to
/// the same limit. A pushback takes precedence, whatever it says. Details that can't be read are ignored, and so are those longer than
/// 16 KiB and delays that are negative. For a proxy's response that isn't gRPC, such as a 503, the delay that its headers ask for counts
/// in the same way, as [with HTTP](crate::http#servers-delay).
///
/// # Deadline
///
/// `grpc-timeout` and a [`Deadline`] of the request, whichever is earlier.
#[derive(Debug, Clone, Copy)]
pub struct Statuses {
    codes: Codes,
    /// Retried only where the server says when.
    with_delay: Codes,
    /// Whether the user has stated the codes, and so that a call with one of them may be repeated.
    are_stated: bool,
}

impl Default for Statuses {
    fn default() -> Self {
        let codes = Codes::default().with(Code::Unavailable);
        Self { codes, with_delay: Codes::default().with(Code::ResourceExhausted), are_stated: false }
    }
}

impl Statuses {
    /// The codes that are retried, instead of UNAVAILABLE, and RESOURCE_EXHAUSTED with a pushback or a `RetryInfo`.
    ///
    /// With UNAVAILABLE among them, calls on lost connections are retried, too: see
    /// [Lost connections](Self#lost-connections).
    pub fn retry_codes(self, codes: impl IntoIterator<Item = Code>) -> Self {
        Self { codes: codes.into_iter().collect(), with_delay: Codes::default(), are_stated: true }
    }

    fn judge(&self, told: Told) -> Verdict {
        if told.code == Code::Ok {
            return Verdict::Success;
        }
        let retried = self.codes.contains(told.code);
        let verdict = Verdict::failure(kind(told.code)).sent(Sent::Yes);
        let with_delay = retried || self.with_delay.contains(told.code);
        match (told.pushback, told.delay) {
            (Some(Pushback::After(delay)), _) if with_delay => verdict.retry_after_pushback(delay),
            (Some(Pushback::Never), _) if with_delay => verdict.never_retry(),
            (None, Some(delay)) if with_delay => verdict.retry_after(delay),
            _ if retried => verdict,
            _ if is_about_the_request(told.code) => Verdict::Neutral,
            _ => Verdict::permanent().sent(Sent::Yes),
        }
    }

    fn judge_fault(&self, fault: Fault) -> Verdict {
        let Verdict::Failure(failure) = fault.verdict else { return fault.verdict };
        match failure.kind() {
            FailureKind::Rejected | FailureKind::Permanent => fault.verdict,
            _ if fault.refused => Verdict::refused(),
            _ if failure.sent() == Sent::No => fault.verdict,
            _ if self.codes.contains(fault.code) => {
                let verdict = Verdict::failure(kind(fault.code)).sent(failure.sent());
                if self.are_stated { verdict } else { verdict.idempotency_unknown() }
            }
            _ => Verdict::permanent().sent(failure.sent()),
        }
    }
}

impl<B, R, E> Classifier<Request<B>, Response<R>, E> for Statuses
where
    R: Body,
    E: 'static,
{
    /// When the call must be answered.
    type Memo = Option<Instant>;

    fn memo(&self, request: &Request<B>) -> Option<Instant> {
        let by_header = timeout::read(request.headers()).map(Deadline::within);
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

/// The service is up and has said no.
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
