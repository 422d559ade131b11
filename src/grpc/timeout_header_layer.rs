use std::task::{Context, Poll};

use ::http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::timeout_header;
use crate::http::Deadline;

/// Turns the `grpc-timeout` of a call into its [`Deadline`] extension, so that a
/// [`DeadlineLayer`](crate::http::DeadlineLayer) inside enforces it. A call that has an earlier
/// deadline keeps it. The header itself stays.
///
/// The [standard stack](crate::http::standard) contains this layer.
///
/// *When not to use it*: in front of a retry alone. Its
/// [`StatusClassifier`](super::StatusClassifier) reads the header itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeoutHeaderLayer;

/// Turns the `grpc-timeout` of calls into deadlines. Made by [`TimeoutHeaderLayer`].
#[derive(Debug, Clone)]
pub struct TimeoutHeader<S> {
    inner: S,
}

impl<S> TimeoutHeader<S> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S> Layer<S> for TimeoutHeaderLayer {
    type Service = TimeoutHeader<S>;

    fn layer(&self, inner: S) -> TimeoutHeader<S> {
        TimeoutHeader { inner }
    }
}

crate::service::call_methods!(TimeoutHeader<S>);

impl<S, B> Service<Request<B>> for TimeoutHeader<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(timeout) = timeout_header::parse(request.headers()) {
            Deadline::after(timeout).lower(request.extensions_mut());
        }
        self.inner.call(request)
    }
}
