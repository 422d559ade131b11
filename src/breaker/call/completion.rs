//! When a call ends.

use crate::{Verdict, breaker::permit::Permit};

/// When a call ends: with its response, or later, with a part of the response (such as its body),
/// which then holds the permit.
pub trait CallCompletion<Res> {
    /// The response that the caller gets.
    type Response;

    /// Returns whether the call continues after this response. `verdict` is the classification of
    /// the response.
    fn continues(&self, response: &Res, verdict: Verdict) -> bool;

    /// Converts a response into the caller's response. `permit` is the permit of a call that
    /// continues.
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
