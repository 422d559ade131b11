use std::task::{Context, Poll, ready};

use tower_layer::Layer;
use tower_service::Service;

use super::{Answered, AnsweredFuture, Unanswered, answered};
use crate::How;

/// Attaches a report to each result: responses become [`Answered`], and errors [`Unanswered`].
#[derive(Debug, Clone, Copy, Default)]
pub struct AnsweredLayer;

/// A service whose results have reports. Made by [`AnsweredLayer`].
#[derive(Debug, Clone)]
pub struct AnsweredService<S> {
    inner: S,
}

impl<S> Layer<S> for AnsweredLayer {
    type Service = AnsweredService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AnsweredService { inner }
    }
}

impl<S: Service<Req>, Req> Service<Req> for AnsweredService<S> {
    type Response = Answered<S::Response>;
    type Error = Unanswered<S::Error>;
    type Future = AnsweredFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(match ready!(self.inner.poll_ready(cx)) {
            Ok(()) => Ok(()),
            Err(error) => Err(Unanswered { error, how: How::default() }),
        })
    }

    fn call(&mut self, request: Req) -> Self::Future {
        answered(self.inner.call(request))
    }
}
