use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::{Request, Response, StatusCode};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_layer::Layer;
use tower_service::Service;

/// Makes the next attempt use another connection after a 421 (Misdirected Request). Put it directly
/// around hyper-util's pooled client.
///
/// A server answers 421 if the connection is the wrong one for the request's host; the client may
/// repeat any request over another connection
/// ([RFC 9110, 15.5.20](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20)).
/// [`RetryClassifier`](super::RetryClassifier) classifies it as transient. Without this layer, the
/// pool may use the same connection for the next attempt, which then gets another 421. With this
/// layer, a 421 closes the connection to further requests. Around other clients the layer has no
/// effect.
///
/// ```text
/// Retry ─▶ RetireConnection ─▶ hyper-util's client
///            └ 421: marks the connection as unusable
/// ```
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::ServiceBuilder;
/// use tower_recourse::{RetryConfig, RetryLayer, http::RetireConnectionLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = ServiceBuilder::new()
///     .layer(RetryLayer::new(RetryConfig::http()))
///     .layer(RetireConnectionLayer)
///     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
/// # let _ = client;
/// # }
/// ```
///
/// # When not to use it
///
/// For servers that never answer 421, such as a server with a single host name, or a server that
/// isn't behind a proxy that routes by connection.
///
/// # Cost
///
/// Two allocations per request.
///
/// # Errors
///
/// The layer adds none.
///
/// # Clone
///
/// The layer has no state. A cloned service has a clone of the inner service.
///
/// # Cancel safety
///
/// Dropping the future drops the inner call.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetireConnectionLayer;

/// Closes connections to further requests after a 421. Made by [`RetireConnectionLayer`].
#[derive(Debug, Clone)]
pub struct RetireConnection<S> {
    inner: S,
}

impl<S> Layer<S> for RetireConnectionLayer {
    type Service = RetireConnection<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetireConnection { inner }
    }
}

crate::service::call_methods!(RetireConnection<S>);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RetireConnection<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RetireConnectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let connection = capture_connection(&mut request);
        RetireConnectionFuture { call: SyncWrapper::new(self.inner.call(request)), connection }
    }
}

pin_project! {
    /// The future of [`RetireConnection`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RetireConnectionFuture<Fut> {
        #[pin]
        call: SyncWrapper<Fut>,
        connection: CaptureConnection,
    }
}

impl<Fut, B, Err> Future for RetireConnectionFuture<Fut>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
{
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.call.get_pin_mut().poll(cx));
        if result.as_ref().is_ok_and(|response| response.status() == StatusCode::MISDIRECTED_REQUEST) {
            if let Some(connection) = this.connection.connection_metadata().as_ref() {
                connection.poison();
            }
        }
        Poll::Ready(result)
    }
}
