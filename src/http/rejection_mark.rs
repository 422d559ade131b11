use ::http::{Response, StatusCode};

use super::message::ResponseHead;

use crate::{Rejection, classify::Origin};

/// Response extension that marks a response as a rejection: a breaker made it instead of calling
/// the service.
#[derive(Debug, Clone)]
struct Mark {
    rejection: Rejection,
    /// The status when the mark was set.
    status: StatusCode,
    is_grpc: bool,
}

const GRPC_STATUS: &str = "grpc-status";

impl Mark {
    /// Whether the response is still the one that the breaker made. A layer may have changed it
    /// into a success in place.
    fn is_valid_for(&self, response: &impl ResponseHead) -> bool {
        if self.is_grpc {
            return response.headers().get(GRPC_STATUS).is_some_and(|code| code != "0");
        }
        let status = response.status();
        status == self.status || status.is_client_error() || status.is_server_error()
    }
}

/// Marks a response as a rejection: a breaker made it instead of calling the service. The layers of
/// this crate then treat the response as a [`Rejection`]. The mark is a response extension, so it
/// also works on another task, in a later poll, and after a layer has changed the body type.
///
/// [`Unavailable`](super::Unavailable) sets the mark, and so does a breaker with one of the HTTP or
/// gRPC classifiers, for any response that it makes. Call this function in
/// [`respond_when_open`](crate::BreakerLayer::respond_when_open) if the breaker has another
/// classifier:
///
/// ```
/// use http::{Response, StatusCode};
/// use tower_recourse::{BreakerConfig, BreakerLayer, Rejection, http::mark_rejection};
///
/// let layer = BreakerLayer::new(BreakerConfig::default()).respond_when_open(|rejection: &Rejection| {
///     let mut response = Response::new("come back later");
///     *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
///     mark_rejection(&mut response, rejection.clone());
///     response
/// });
/// # let _ = layer;
/// ```
pub fn mark_rejection<B>(response: &mut Response<B>, rejection: Rejection) {
    mark(response, rejection);
}

/// [`mark_rejection`] for any type of response.
pub(crate) fn mark(response: &mut impl ResponseHead, rejection: Rejection) {
    let (status, is_grpc) = (response.status(), response.headers().contains_key(GRPC_STATUS));
    response.extensions_mut().insert(Mark { rejection, status, is_grpc });
}

/// Returns the rejection, if a breaker made this response and [marked](mark_rejection) it.
///
/// If a layer has since changed the status to a success, the response is that layer's answer, and
/// the result is `None`.
pub fn rejection<B>(response: &Response<B>) -> Option<&Rejection> {
    rejection_of(response)
}

/// [`rejection`] for any type of response.
pub(crate) fn rejection_of(response: &impl ResponseHead) -> Option<&Rejection> {
    let mark: &Mark = response.extensions().get()?;
    mark.is_valid_for(response).then_some(&mark.rejection)
}

/// Whether the service or a breaker made this outcome, as far as the response shows it.
#[inline]
pub(crate) fn origin<E>(outcome: Result<&impl ResponseHead, &E>) -> Origin {
    match outcome {
        Ok(response) if response.extensions().is_empty() => Origin::Called,
        Ok(response) => rejection_of(response).map_or(Origin::Called, |rejection| Origin::Rejected(rejection.cause())),
        Err(_) => Origin::Unknown,
    }
}
