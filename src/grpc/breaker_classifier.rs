use ::http::{Request, Response, StatusCode};
use ::http_body::Body;

use super::{
    Code,
    response_state::ResponseState,
    status::{Pushback, STATUS, Status},
    transport_error::TransportError,
};
use crate::{
    Classifier, Delivery, Failure, FailureKind, Verdict,
    classify::{Origin, RejectionMark},
    http::rejection_mark,
};

/// Classifies the outcomes of gRPC calls for a breaker. A failure is an outcome that shows that the
/// service is down, broken or too slow:
///
/// | outcome | verdict | why |
/// |---|---|---|
/// | UNAVAILABLE with a delay: a pushback, a `RetryInfo`, or a proxy's `Retry-After`; a proxy's HTTP 429 | throttled | the service works, and asks for fewer calls |
/// | UNAVAILABLE without a delay, or with a pushback that forbids retries | failure | the service is down |
/// | INTERNAL, DATA_LOSS | failure | the service is broken |
/// | UNKNOWN | failure | servers return it for a panic; it also stands for a response without a status, and for a response that isn't gRPC |
/// | DEADLINE_EXCEEDED | failure | the service is too slow |
/// | CANCELLED | neutral | the caller cancels calls |
/// | RESOURCE_EXHAUSTED | throttled | the service works, and asks for fewer calls |
/// | UNIMPLEMENTED | success | only this method is missing |
/// | any other | success | the status is about the request |
/// | a response whose first message has arrived | success | |
/// | an error | failure; neutral if its code is CANCELLED, and throttled if it is RESOURCE_EXHAUSTED: see [`RetryClassifier`](super::RetryClassifier) | there is no response |
///
/// A throttled call is neutral for the rules about health, and counts as not accepted for
/// [`TripRule::AdaptiveThrottle`](crate::breaker::TripRule::AdaptiveThrottle).
/// [`BreakerConfig::on_throttled`](crate::BreakerConfig::on_throttled) can make it a failure. Then
/// [`OpenDuration::honor_retry_after`](crate::breaker::OpenDuration::honor_retry_after) uses the
/// pushback as the open time, or without one the delay of a `RetryInfo` or of a proxy's headers.
#[derive(Debug, Clone, Copy, Default)]
pub struct BreakerClassifier;

impl<ReqBody, ResBody, Err> Classifier<Request<ReqBody>, Response<ResBody>, Err> for BreakerClassifier
where
    ResBody: Body,
    Err: 'static,
{
    type Memo = ();

    fn memo(&self, _: &Request<ReqBody>) {}

    fn classify(&self, (): &(), outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
        let error = match outcome.map(ResponseState::of) {
            Ok(ResponseState::Started) => return Verdict::Success,
            Ok(ResponseState::Status(status)) => {
                return classify_status(status, outcome.is_ok_and(is_too_many_requests));
            }
            Ok(ResponseState::Failed(error)) => error,
            Err(error) => TransportError::of(error),
        };
        match error.verdict {
            Verdict::Failure(failure) if failure.kind() != FailureKind::Rejected => {
                classify_transport_error(error.code, failure)
            }
            verdict => verdict,
        }
    }

    #[inline]
    fn origin(&self, outcome: Result<&Response<ResBody>, &Err>) -> Origin {
        rejection_mark::origin(outcome)
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Response<ResBody>>> {
        Some(rejection_mark::mark_rejection)
    }
}

/// Whether a proxy answered with HTTP 429 instead of a gRPC status. gRPC maps 429 to UNAVAILABLE,
/// which hides that the call was throttled.
fn is_too_many_requests<ResBody>(response: &Response<ResBody>) -> bool {
    response.status() == StatusCode::TOO_MANY_REQUESTS && !response.headers().contains_key(STATUS)
}

fn classify_status(Status { code, pushback, delay }: Status, is_too_many_requests: bool) -> Verdict {
    let delay = match pushback {
        Some(Pushback::After(delay)) => Some(delay),
        Some(Pushback::Never) => None,
        None => delay,
    };
    let verdict = match code {
        Code::Unavailable if delay.is_some() || is_too_many_requests => Verdict::throttled(),
        _ => classify_code(code),
    };
    let verdict = verdict.delivery(Delivery::Sent);
    delay.map_or(verdict, |delay| verdict.retry_after(delay))
}

/// Never returns a success, because there is no response.
fn classify_transport_error(code: Code, failure: Failure) -> Verdict {
    let verdict = match code {
        Code::Cancelled => Verdict::Neutral,
        Code::ResourceExhausted => Verdict::throttled(),
        Code::DeadlineExceeded => Verdict::timed_out(),
        _ => Verdict::transient(),
    };
    verdict.delivery(failure.delivery())
}

fn classify_code(code: Code) -> Verdict {
    match code {
        Code::Unavailable | Code::Internal | Code::DataLoss | Code::Unknown => Verdict::transient(),
        Code::DeadlineExceeded => Verdict::timed_out(),
        Code::Cancelled => Verdict::Neutral,
        Code::ResourceExhausted => Verdict::throttled(),
        _ => Verdict::Success,
    }
}
