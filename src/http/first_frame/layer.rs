use std::task::{Context, Poll};

use ::http::{Request, Response};
use ::http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{FirstFrameBody, future::ResponseFuture};
use crate::http::message_body::{expects_body, is_upgrade};

/// Waits for the first frame of the response body. See the [module](super).
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstFrameLayer(());

impl FirstFrameLayer {
    /// Makes the layer. It has no settings.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for FirstFrameLayer {
    type Service = FirstFrame<S>;

    fn layer(&self, inner: S) -> FirstFrame<S> {
        FirstFrame { inner }
    }
}

/// Returns each response together with the first frame of its body. Made by [`FirstFrameLayer`].
#[derive(Debug, Clone)]
pub struct FirstFrame<S> {
    inner: S,
}

impl<S> FirstFrame<S> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

crate::service::call_methods!(FirstFrame<S>);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for FirstFrame<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body + Unpin,
    ResBody::Error: 'static,
{
    type Response = Response<FirstFrameBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let expects_body = !is_upgrade(&request) && expects_body(&request);
        ResponseFuture::new(self.inner.call(request), expects_body)
    }
}
