use std::task::{Context, Poll};

use ::http::Response;
use tower_layer::Layer;
use tower_service::Service;

use super::{ResponseBody, ResponseFuture};

/// Wraps the body of each response in a [`ResponseBody`]. See the [module](super).
#[derive(Debug, Clone, Copy, Default)]
pub struct ResponseBodyLayer;

impl<S> Layer<S> for ResponseBodyLayer {
    type Service = WithResponseBody<S>;

    fn layer(&self, inner: S) -> WithResponseBody<S> {
        WithResponseBody { inner }
    }
}

/// A service whose responses have a [`ResponseBody`]. Made by [`ResponseBodyLayer`].
#[derive(Debug, Clone)]
pub struct WithResponseBody<S> {
    inner: S,
}

impl<S> WithResponseBody<S> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

crate::service::call_methods!(WithResponseBody<S>);

impl<S, Req, B> Service<Req> for WithResponseBody<S>
where
    S: Service<Req, Response = Response<B>>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ResponseFuture::new(self.inner.call(request))
    }
}
