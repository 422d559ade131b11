//! A service that reads the bodies of its requests.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::BodyExt;
use tower_service::Service;

use crate::service::call_methods;

/// Reads the body of each request before it calls the inner service with the bytes. So it behaves
/// like a server that reads requests to their end, and a [`Script`](crate::testing::Script) inside
/// can record the bodies. A body that fails hangs the call, as a client that stops sending does.
///
/// ```
/// use std::io;
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use tower::Layer;
/// use tower_recourse::{RetryConfig, RetryLayer};
/// use tower_recourse::testing::{Script, http::{ReadBody, status}};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> io::Result<()> {
/// let upstream = Script::http([status(503), status(200)]).record(|request: &Request<Bytes>| request.body().clone());
/// let mut service = RetryLayer::new(RetryConfig::http()).layer(ReadBody::new(upstream.clone()));
///
/// let request = Request::put("http://host/item").body(Full::<Bytes>::from("data")).unwrap();
/// service.ready().await?.call(request).await?;
/// assert_eq!(upstream.requests(), ["data", "data"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ReadBody<S, B> {
    inner: S,
    // The type of the body is a parameter, so that `ready()` needs no type annotation.
    body: PhantomData<fn(B)>,
}

impl<S, B> ReadBody<S, B> {
    /// Wraps a service that takes requests whose bodies are bytes.
    pub const fn new(inner: S) -> Self {
        Self { inner, body: PhantomData }
    }
}

impl<S, B> Service<Request<B>> for ReadBody<S, B>
where
    S: Service<Request<Bytes>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Error: fmt::Debug> + Send + 'static,
    B::Data: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The instance that is ready makes the call.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let Ok(body) = body.collect().await else { return std::future::pending().await };
            ready.call(Request::from_parts(head, body.to_bytes())).await
        })
    }
}

call_methods!(ReadBody<S, B>);

impl<S: Clone, B> Clone for ReadBody<S, B> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}
