//! Steps that respond with a gRPC status.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};

use super::{body::ScriptBody, steps::status};
use crate::{grpc::Code, testing::step::Step};

const STATUS: &str = "grpc-status";
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The service responds with this gRPC status in the headers, and without messages (a
/// *trailers-only* response).
///
/// ```
/// use std::io;
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use tower::Layer;
/// use tower_recourse::{RetryConfig, RetryLayer, grpc::Code};
/// use tower_recourse::testing::{Script, http::grpc_status};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> io::Result<()> {
/// let upstream = Script::http([grpc_status(Code::Unavailable), grpc_status(Code::Ok)]);
/// let mut service = RetryLayer::new(RetryConfig::grpc()).layer(upstream.clone());
///
/// let request = Request::post("http://host/greet.Greeter/Greet").body(Full::<Bytes>::default()).unwrap();
/// let response = service.ready().await?.call(request).await?;
/// assert_eq!(response.headers()["grpc-status"], "0");
/// assert_eq!(upstream.calls(), 2);
/// # Ok(())
/// # }
/// ```
pub fn grpc_status<Err: 'static>(code: Code) -> Step<Response<ScriptBody>, Err> {
    status(200).header(CONTENT_TYPE.as_str(), "application/grpc").header(STATUS, &(code as u16).to_string())
}

impl<Err: 'static> Step<Response<ScriptBody>, Err> {
    /// Sets `grpc-retry-pushback-ms`: the delay before a retry, in whole milliseconds.
    pub fn grpc_pushback(self, delay: Duration) -> Self {
        self.header(PUSHBACK, &delay.as_millis().to_string())
    }

    /// Moves the headers whose names begin with `grpc-` to the trailers, after this data. So the
    /// status comes after the headers, as after a message.
    pub fn in_trailers(self, data: impl Into<ScriptBody>) -> Self {
        let data = data.into();
        self.map_response(move |mut response| {
            let is_grpc = |(name, _): &(&HeaderName, &HeaderValue)| name.as_str().starts_with("grpc-");
            let moved = response.headers().iter().filter(is_grpc);
            let trailers: HeaderMap = moved.map(|(name, value)| (name.clone(), value.clone())).collect();
            for name in trailers.keys() {
                response.headers_mut().remove(name);
            }
            response.map(|_| data.clone().trailers(trailers.clone()))
        })
    }
}
