use ::http::{HeaderValue, Response, header::CONTENT_TYPE};

use super::{Code, status};
use crate::{Elapsed, retry::TimeoutOutcome};

/// The response of a call that has reached its time limit: DEADLINE_EXCEEDED without messages. The
/// error type of the stack stays that of the channel.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{grpc::DeadlineExceeded, http::DeadlineLayer};
///
/// let layer = DeadlineLayer::new(Duration::from_secs(10)).timeout_outcome(DeadlineExceeded);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadlineExceeded;

impl<B: Default, Err> TimeoutOutcome<Response<B>, Err> for DeadlineExceeded {
    fn outcome(&self, _: Elapsed) -> Option<Result<Response<B>, Err>> {
        let mut response = Response::new(B::default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(status::STATUS, HeaderValue::from(Code::DeadlineExceeded as u16));
        headers.insert("grpc-message", HeaderValue::from_static("the service did not respond in time"));
        Some(Ok(response))
    }
}
