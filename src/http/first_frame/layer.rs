use std::task::{Context, Poll};

use ::http::{Request, Response};
use ::http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{Begun, future::ResponseFuture};
use crate::http::{method::upgrades, remaining::expects_body};

/// Answers once the first frame of the body is there. See the [module](super).
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstFrameLayer(());

impl FirstFrameLayer {
    /// There is nothing to set.
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

/// A service that answers once the first frame of the body is there. Made by [`FirstFrameLayer`].
#[derive(Debug, Clone)]
pub struct FirstFrame<S> {
    inner: S,
}

impl<S> FirstFrame<S> {
    /// The service within.
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
    type Response = Response<Begun<B>>;
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
