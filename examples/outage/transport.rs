//! The innermost service of every client: a hyper client that sends one request per attempt.

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Service, service_fn};
use tower_recourse::Rejection;

/// A response whose body was read.
pub(crate) type Answer = Response<Full<Bytes>>;

/// The error of a request without a response.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// The attempt timed out.
    TimedOut,
    /// The breaker rejected the request.
    Rejected(Rejection),
    /// The connection failed, or the message was invalid.
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::TimedOut => f.write_str("the attempt timed out"),
            ClientError::Rejected(_) => f.write_str("the breaker rejected the call"),
            ClientError::Broken(_) => f.write_str("the connection to the upstream failed"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ClientError::TimedOut => None,
            ClientError::Rejected(rejection) => Some(rejection),
            ClientError::Broken(source) => Some(source.as_ref()),
        }
    }
}

/// Creates a hyper client that reads the whole body, so that a time limit around it includes the
/// body.
pub(crate) fn transport()
-> impl Service<Request<Full<Bytes>>, Response = Answer, Error = ClientError, Future: Send> + Clone + Send + 'static {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: legacy::Client<_, Full<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(32).build(connector);

    service_fn(move |request| {
        let sent = client.request(request);
        async move {
            let (head, body) = sent.await.map_err(|error| ClientError::Broken(error.into()))?.into_parts();
            let body = body.collect().await.map_err(|error| ClientError::Broken(error.into()))?;
            Ok(Response::from_parts(head, Full::new(body.to_bytes())))
        }
    })
}
