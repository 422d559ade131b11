use ::http::Response;
use ::http_body::Body;

use super::TrackedBody;
use crate::{
    Health, Verdict,
    breaker::{Permit, future::CallCompletion},
    http::message_body::may_have_body,
};

/// Records a successful call when its response body ends, or at once if there is no body.
#[derive(Debug, Clone, Copy)]
pub struct OnBodyEnd {
    /// The response to this request has no body.
    pub(super) has_no_body: bool,
}

impl<B: Body> CallCompletion<Response<B>> for OnBodyEnd {
    type Response = Response<TrackedBody<B>>;

    fn continues(&self, response: &Response<B>, verdict: Verdict) -> bool {
        shows_health(verdict) && !self.has_no_body && may_have_body(response.status())
    }

    fn respond(response: Response<B>, permit: Option<Permit>) -> Self::Response {
        TrackedBody::of(response, permit)
    }
}

/// Whether the breaker counts this response as a success, if its body is complete.
fn shows_health(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Success | Verdict::ClientError => true,
        Verdict::Failure(failure) => failure.health() == Health::Healthy,
        Verdict::Neutral => false,
    }
}
