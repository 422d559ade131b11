use ::http::{Request, Response, StatusCode};

use super::{first_frame, message::ResponseHead, rejection_mark, retry_after};
use crate::{
    Classifier, Delivery, Verdict,
    classify::{ErrorClassifier, Origin, RejectionMark},
};

/// Classifies HTTP outcomes for a breaker.
///
/// | outcome | verdict | why |
/// |---|---|---|
/// | 429; 503 with a [delay that can be parsed](super#servers-delay), such as a `Retry-After` | throttled | the service works, and asks for fewer calls |
/// | any other 5xx | transient | the service is down or broken |
/// | any other response | success | this includes 4xx: the request is wrong, and the service works |
/// | a response whose body broke off before its first frame | transient, or timed out if a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) ended it | only a [`FirstFrameLayer`](super::FirstFrameLayer) detects it |
/// | an error | as [`ErrorClassifier`] classifies it | a full queue in front of the service (`tower::load_shed`) is throttled |
///
/// A throttled call is neutral for the rules about health, and counts as not accepted for
/// [`TripRule::AdaptiveThrottle`](crate::breaker::TripRule::AdaptiveThrottle).
/// [`BreakerConfig::on_throttled`](crate::BreakerConfig::on_throttled) can make it a failure.
#[derive(Debug, Clone, Copy, Default)]
pub struct BreakerClassifier;

impl<ReqBody, ResBody, Err: 'static> Classifier<Request<ReqBody>, Response<ResBody>, Err> for BreakerClassifier {
    type Memo = ();

    fn memo(&self, _: &Request<ReqBody>) {}

    fn classify(&self, (): &(), outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
        match outcome {
            Ok(response) => Self::classify_response(response),
            Err(_) => Classifier::<Request<ReqBody>, _, _>::classify(&ErrorClassifier, &(), outcome),
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

impl BreakerClassifier {
    pub(crate) fn classify_response(response: &impl ResponseHead) -> Verdict {
        if !is_failed(response.status()) {
            return first_frame::verdict(response).unwrap_or(Verdict::Success);
        }
        let delay = retry_after::requested_delay(response.status(), response.headers());
        let verdict = match response.status() {
            StatusCode::TOO_MANY_REQUESTS => Verdict::throttled(),
            StatusCode::SERVICE_UNAVAILABLE if delay.is_some() => Verdict::throttled(),
            _ => Verdict::transient(),
        };
        let verdict = verdict.delivery(Delivery::Sent);
        delay.map_or(verdict, |delay| verdict.retry_after(delay))
    }
}

/// Whether this status is a failure or throttled: 5xx or 429.
fn is_failed(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}
