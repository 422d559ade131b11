//! When a call ends.

use crate::{Verdict, breaker::permit::Permit};

/// When a call ends: with its response, or later, with a part of the response that takes the permit
/// along.
pub trait CallCompletion<Res> {
    /// What the caller gets.
    type Response;

    /// Returns whether the call continues after this response. `verdict`: how the response was
    /// classified.
    fn continues(&self, response: &Res, verdict: Verdict) -> bool;

    /// Makes what the caller gets of a response. `permit`: the permit of a call that continues.
    fn respond(response: Res, permit: Option<Permit>) -> Self::Response;
}

/// The call ends with its response.
#[derive(Debug, Clone, Copy)]
pub struct OnResponse;

impl<Res> CallCompletion<Res> for OnResponse {
    type Response = Res;

    fn continues(&self, _: &Res, _: Verdict) -> bool {
        false
    }

    fn respond(response: Res, _: Option<Permit>) -> Res {
        response
    }
}
