use std::time::Duration;

use ::http::{HeaderValue, Response, StatusCode, header};

use super::mark_rejection;
use crate::{Rejection, breaker::OnRejection};

/// The response of a breaker that rejects a call. A service whose error type is `Infallible` needs
/// it, because it can't return a rejection as an error. The response is a 503 with `Retry-After` in
/// whole seconds, rounded up, and a small [problem details](https://www.rfc-editor.org/rfc/rfc9457)
/// body:
///
/// ```text
/// HTTP/1.1 503 Service Unavailable
/// content-type: application/problem+json
/// retry-after: 30
///
/// {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the service is not called for now"}
/// ```
///
/// ```
/// use tower_recourse::{BreakerConfig, BreakerLayer, http::Unavailable};
///
/// let layer = BreakerLayer::new(BreakerConfig::http()).on_rejection(Unavailable);
/// # let _ = layer;
/// ```
///
/// The response omits the circuit's name, which is internal to the server. To return another
/// response, use [`BreakerLayer::respond_when_open`](crate::BreakerLayer::respond_when_open).
#[derive(Debug, Clone, Copy, Default)]
pub struct Unavailable;

const BODY: &str = concat!(
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"#,
    r#""detail":"the service is not called for now"}"#
);

#[diagnostic::do_not_recommend]
impl<B: From<&'static str>, Err> OnRejection<Response<B>, Err> for Unavailable {
    type Error = Err;

    fn reject(&self, rejection: Rejection) -> Result<Response<B>, Err> {
        Ok(unavailable(rejection))
    }

    fn pass(error: Err) -> Err {
        error
    }
}

/// The response of a breaker that has rejected a call.
pub(crate) fn unavailable<B: From<&'static str>>(rejection: Rejection) -> Response<B> {
    let mut response = Response::new(B::from(BODY));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(retry_in) = rejection.retry_in() {
        headers.insert(header::RETRY_AFTER, whole_seconds(retry_in).into());
    }
    mark_rejection(&mut response, rejection);
    response
}

/// Rounds up, because a client that returns earlier would be rejected again. At least 1, so that
/// clients don't return at once.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_at_least_1_s() {
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (29_500, 30), (30_000, 30)] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds, "{milliseconds}");
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
