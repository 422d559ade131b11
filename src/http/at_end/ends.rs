use ::http::{Response, StatusCode};
use ::http_body::Body;

use super::JudgedBody;
use crate::{
    Verdict,
    breaker::{Permit, future::Ends},
};

/// When a call ends whose response was good: with the end of its body, if it has one.
#[derive(Debug, Clone, Copy)]
pub struct AtEnd {
    /// The request was for a head alone.
    pub(super) head_only: bool,
}

impl<B: Body> Ends<Response<B>> for AtEnd {
    type Answer = Response<JudgedBody<B>>;

    fn goes_on(&self, response: &Response<B>, verdict: Verdict) -> bool {
        verdict.is_success() && !self.head_only && has_body(response.status())
    }

    fn answer(response: Response<B>, permit: Option<Permit>) -> Self::Answer {
        JudgedBody::of(response, permit)
    }
}

/// Servers don't read the body of an answer that has none (RFC 9110, 6.4.1).
fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
