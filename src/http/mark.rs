use ::http::{Response, StatusCode};

use crate::{Rejection, classify::Origin};

/// The mark of a response that a breaker has made in place of an answer.
#[derive(Debug, Clone)]
struct Mark {
    rejection: Rejection,
    /// As it was made.
    status: StatusCode,
    is_grpc: bool,
}

const GRPC_STATUS: &str = "grpc-status";

impl Mark {
    /// Whether the response still is what the breaker made. A layer may turn it into another answer in place.
    fn holds_for<B>(&self, response: &Response<B>) -> bool {
        if self.is_grpc {
            return response.headers().get(GRPC_STATUS).is_some_and(|code| code != "0");
        }
        let status = response.status();
        status == self.status || status.is_client_error() || status.is_server_error()
    }
}

/// Marks a response as made by a breaker in place of an answer. The layers then know it for a rejection: also after a layer has
/// changed the type of its body, on another task, and whenever it arrives. The mark is one of the response's extensions.
///
/// [`Unavailable`](super::Unavailable) does this, and so does a breaker with one of the classifiers of HTTP or gRPC, whatever makes its
/// responses. It is needed for a [`respond_when_open`](crate::BreakerLayer::respond_when_open) with another classifier:
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
    let (status, is_grpc) = (response.status(), response.headers().contains_key(GRPC_STATUS));
    response.extensions_mut().insert(Mark { rejection, status, is_grpc });
}

/// The rejection that this response stands for, if a breaker has made it in place of an answer.
///
/// The mark counts as long as the response is what the breaker made: one whose status was changed to a success is an answer.
pub fn rejection<B>(response: &Response<B>) -> Option<&Rejection> {
    let mark: &Mark = response.extensions().get()?;
    mark.holds_for(response).then_some(&mark.rejection)
}

/// What a response says about where it comes from.
#[inline]
pub(crate) fn origin<B, E>(outcome: Result<&Response<B>, &E>) -> Origin {
    match outcome {
        Ok(response) if response.extensions().is_empty() => Origin::Called,
        Ok(response) => rejection(response).map_or(Origin::Called, |rejection| Origin::Rejected(rejection.cause())),
        Err(_) => Origin::Unknown,
    }
}
