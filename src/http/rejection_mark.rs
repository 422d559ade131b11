use ::http::{Response, StatusCode};

use crate::{Rejection, classify::Origin};

/// Response extension: a breaker made this response instead of calling the service.
#[derive(Debug, Clone)]
struct Mark {
    rejection: Rejection,
    /// The status when the mark was set.
    status: StatusCode,
    is_grpc: bool,
}

const GRPC_STATUS: &str = "grpc-status";

impl Mark {
    /// Whether the response is still the breaker's. A layer may have turned it into another answer
    /// in place.
    fn is_valid_for<B>(&self, response: &Response<B>) -> bool {
        if self.is_grpc {
            return response.headers().get(GRPC_STATUS).is_some_and(|code| code != "0");
        }
        let status = response.status();
        status == self.status || status.is_client_error() || status.is_server_error()
    }
}

/// Marks a response as made by a breaker that rejected the call. The layers of this crate then
/// recognise it as a rejection, also after a layer has changed its body type, on another task, and
/// in a later poll. The mark is a response extension.
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
    let (status, is_grpc) = (response.status(), response.headers().contains_key(GRPC_STATUS));
    response.extensions_mut().insert(Mark { rejection, status, is_grpc });
}

/// Returns the rejection that this response stands for, if a breaker made the response.
///
/// The mark is valid while the response has the status that the breaker gave it, or another error
/// status: a layer that changes the status to a success has made another answer.
pub fn rejection<B>(response: &Response<B>) -> Option<&Rejection> {
    let mark: &Mark = response.extensions().get()?;
    mark.is_valid_for(response).then_some(&mark.rejection)
}

/// Where this outcome comes from, as far as the response shows it.
#[inline]
pub(crate) fn origin<B, E>(outcome: Result<&Response<B>, &E>) -> Origin {
    match outcome {
        Ok(response) if response.extensions().is_empty() => Origin::Called,
        Ok(response) => rejection(response).map_or(Origin::Called, |rejection| Origin::Rejected(rejection.cause())),
        Err(_) => Origin::Unknown,
    }
}
