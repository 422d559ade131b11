use std::time::Duration;

use ::http::{HeaderValue, Response, header::CONTENT_TYPE};

use super::{Code, told};
use crate::{Rejection, breaker::OnRejection, http::mark_rejection};

/// What a breaker answers in place of an error: UNAVAILABLE, without messages, with a `grpc-retry-pushback-ms` of the time after which
/// a call may be admitted, if that is known. It is at least 1 ms: some clients hang on a pushback of 0.
///
/// Without it a rejection is an error of the channel, for which tonic has no code but UNKNOWN; and the breaker's error type is not
/// the channel's.
///
/// ```
/// use tower_recourse::{BreakerConfig, BreakerLayer, grpc::Unavailable};
///
/// let layer = BreakerLayer::new(BreakerConfig::grpc()).on_rejection(Unavailable);
/// # let _ = layer;
/// ```
///
/// A retry around it recognises the rejection all the same: it returns it, or waits it out if it is short. Around a server's service it tells the clients when to
/// come back.
///
/// The circuit's name isn't told: it is no business of those outside. For an answer of one's own there is
/// [`BreakerLayer::respond_when_open`](crate::BreakerLayer::respond_when_open).
#[derive(Debug, Clone, Copy, Default)]
pub struct Unavailable;

impl<B: Default, Err> OnRejection<Response<B>, Err> for Unavailable {
    type Error = Err;

    fn reject(&self, rejection: Rejection) -> Result<Response<B>, Err> {
        let mut response = Response::new(B::default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(told::STATUS, HeaderValue::from(Code::Unavailable as u16));
        headers.insert("grpc-message", HeaderValue::from_static("the service is not called for now"));
        if let Some(retry_in) = rejection.retry_in() {
            headers.insert(told::PUSHBACK, milliseconds(retry_in).into());
        }
        mark_rejection(&mut response, rejection);
        Ok(response)
    }

    fn pass(error: Err) -> Err {
        error
    }
}

/// Rounded up, as a call that comes earlier is rejected again. At least 1: grpcio takes 0 for no time at
/// all and waits until its deadline. At most what other libraries can read.
fn milliseconds(time: Duration) -> u64 {
    let rounded = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(rounded).unwrap_or(u64::MAX).clamp(1, i32::MAX as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_rounded_up_and_can_be_read_by_all() {
        for (time, told) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(30_000), 30_000),
            (Duration::from_micros(1_500), 2),
            (Duration::MAX, i32::MAX as u64),
        ] {
            assert_eq!(milliseconds(time), told, "{time:?}");
        }
    }
}
