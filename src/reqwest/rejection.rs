//! Responses of breakers in place of reqwest's.

use ::reqwest::{Body, Response};

use crate::{
    Rejection,
    breaker::OnRejection,
    http::{Unavailable, rejection_mark::rejection_of, unavailable::unavailable},
};

/// The same response as for `http::Response`. Its URL is reqwest's placeholder, because a breaker
/// doesn't see the request.
impl<Err> OnRejection<Response, Err> for Unavailable {
    type Error = Err;

    fn reject(&self, rejection: Rejection) -> Result<Response, Err> {
        Ok(unavailable::<Body>(rejection).into())
    }

    fn pass(error: Err) -> Err {
        error
    }
}

/// Returns the rejection, if a breaker made this response in place of the service: with
/// [`Unavailable`](crate::http::Unavailable), or with a function and a classifier for HTTP. Same as
/// [`http::rejection`](crate::http::rejection()) for reqwest's response.
pub fn rejection(response: &Response) -> Option<&Rejection> {
    rejection_of(response)
}
