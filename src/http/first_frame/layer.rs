use std::task::{Context, Poll};

use ::http::{Request, Response};
use ::http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{FirstFrameBody, future::ResponseFuture};
use crate::http::{method::upgrades, remaining::expects_body};

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

impl<S, Q, B> Service<Request<Q>> for FirstFrame<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body + Unpin,
    B::Error: 'static,
{
    type Response = Response<FirstFrameBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let waits = !upgrades(&request) && expects_body(&request);
        ResponseFuture::new(self.inner.call(request), waits)
    }
}
