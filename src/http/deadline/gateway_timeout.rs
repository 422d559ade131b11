use ::http::{HeaderValue, Response, StatusCode, header};

use crate::{Elapsed, retry::TimeoutOutcome};

/// The response of a call that has reached its time limit: a 504 with a small [problem
/// details](https://www.rfc-editor.org/rfc/rfc9457) body. A service whose error type is
/// `Infallible` needs it, because it can't return the time-out as an error.
///
/// ```text
/// HTTP/1.1 504 Gateway Timeout
/// content-type: application/problem+json
///
/// {"type":"about:blank","title":"Gateway Timeout","status":504,"detail":"the service did not respond in time"}
/// ```
///
/// The HTTP classifiers classify it as a transient failure, so the retry repeats an attempt that
/// has timed out if the request is idempotent.
#[derive(Debug, Clone, Copy, Default)]
pub struct GatewayTimeout;

const BODY: &str = concat!(
    r#"{"type":"about:blank","title":"Gateway Timeout","status":504,"#,
    r#""detail":"the service did not respond in time"}"#
);

impl<B: From<&'static str>, Err> TimeoutOutcome<Response<B>, Err> for GatewayTimeout {
    fn outcome(&self, _: Elapsed) -> Option<Result<Response<B>, Err>> {
        let mut response = Response::new(B::from(BODY));
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        Some(Ok(response))
    }
}
