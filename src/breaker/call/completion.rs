use crate::{Verdict, breaker::permit::Permit};

/// When a call ends: with its response, or later, with something of the response that takes the permit along.
pub trait Ends<Res> {
    /// What the caller gets.
    type Answer;

    /// Whether the call goes on beyond this response, which was judged so.
    fn goes_on(&self, response: &Res, verdict: Verdict) -> bool;

    /// What the caller gets for a response, with the permit of a call that goes on.
    fn answer(response: Res, permit: Option<Permit>) -> Self::Answer;
}

/// With its response.
#[derive(Debug, Clone, Copy)]
pub struct AtOnce;

impl<Res> Ends<Res> for AtOnce {
    type Answer = Res;

    fn goes_on(&self, _: &Res, _: Verdict) -> bool {
        false
    }

    fn answer(response: Res, _: Option<Permit>) -> Res {
        response
    }
}
