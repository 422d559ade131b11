use std::time::Duration;

use ::http::{HeaderValue, Response, header::CONTENT_TYPE};

use super::{Code, status};
use crate::{Rejection, breaker::OnRejection, http::mark_rejection};

/// The response of a breaker that rejects a call: UNAVAILABLE without messages. If the breaker
/// knows when it may admit a call, the response carries the remaining time as
/// `grpc-retry-pushback-ms`. It is at least 1 ms, because some clients hang on a pushback of 0.
///
/// Without `Unavailable`, a rejection is a [`BreakerError`](crate::BreakerError). tonic converts it
/// to UNKNOWN, and the error type of the stack differs from the channel's.
///
/// ```
/// use tower_recourse::{BreakerConfig, BreakerLayer, grpc::Unavailable};
///
/// let layer = BreakerLayer::new(BreakerConfig::grpc()).on_rejection(Unavailable);
/// # let _ = layer;
/// ```
///
/// A retry around the breaker still recognises the rejection: if the remaining time is short, it
/// waits and tries again; otherwise it returns the response. In a server, the pushback tells
/// clients when to retry.
///
/// The response omits the circuit's name, which is internal to the server. To return another
/// response, use [`BreakerLayer::respond_when_open`](crate::BreakerLayer::respond_when_open).
#[derive(Debug, Clone, Copy, Default)]
pub struct Unavailable;

#[diagnostic::do_not_recommend]
impl<B: Default, Err> OnRejection<Response<B>, Err> for Unavailable {
    type Error = Err;

    fn reject(&self, rejection: Rejection) -> Result<Response<B>, Err> {
        let mut response = Response::new(B::default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(status::STATUS, HeaderValue::from(Code::Unavailable as u16));
        headers.insert("grpc-message", HeaderValue::from_static("the service is not called for now"));
        if let Some(retry_in) = rejection.retry_in() {
            headers.insert(status::PUSHBACK, milliseconds(retry_in).into());
        }
        mark_rejection(&mut response, rejection);
        Ok(response)
    }

    fn pass(error: Err) -> Err {
        error
    }
}

/// Rounds up, because a client that returns earlier would be rejected again. At least 1: on a
/// pushback of 0, grpcio hangs until the call's deadline. At most `i32::MAX`, which all libraries
/// can parse.
fn milliseconds(time: Duration) -> u64 {
    let rounded = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(rounded).unwrap_or(u64::MAX).clamp(1, i32::MAX as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pushback_is_rounded_up_and_bounded() {
        for (time, pushback) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(30_000), 30_000),
            (Duration::from_micros(1_500), 2),
            (Duration::MAX, i32::MAX as u64),
        ] {
            assert_eq!(milliseconds(time), pushback, "{time:?}");
        }
    }
}
