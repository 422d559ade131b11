use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::mark;
use crate::{call_context::result_note, classify::evidence::correct};

/// Puts [`How`](crate::How) the answer was got among the response's extensions. For the rest the response, and the error, stay what they are. To be
/// the outermost of the layers that it is to tell of; see [`answered`](crate::answered) for what silences them.
///
/// ```
/// use http::Response;
/// use tower::ServiceBuilder;
/// use tower_recourse::{FallbackLayer, How, RetryConfig, RetryLayer, http::HowLayer};
///
/// let stack = ServiceBuilder::new()
///     .layer(HowLayer)
///     .layer(FallbackLayer::value(Response::new("as of yesterday")).name("degraded"))
///     .layer(RetryLayer::new(RetryConfig::http()));
/// # let _ = stack;
///
/// fn how<B>(response: &Response<B>) -> How {
///     response.extensions().get().copied().unwrap_or_default()
/// }
/// # let _ = how::<()>;
/// ```
///
/// # Cancel safety
///
/// Dropped, the call within is dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct HowLayer;

/// A service whose responses tell how they were got. Made by [`HowLayer`].
#[derive(Debug, Clone)]
pub struct HowService<S> {
    inner: S,
}

impl<S> Layer<S> for HowLayer {
    type Service = HowService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HowService { inner }
    }
}

impl<S, Req, B> Service<Req> for HowService<S>
where
    S: Service<Req, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = HowFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        HowFuture { call: self.inner.call(request) }
    }
}

pin_project! {
    /// The future of [`HowService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct HowFuture<F> {
        #[pin]
        call: F,
    }
}

impl<F, B, Err> Future for HowFuture<F>
where
    F: Future<Output = Result<Response<B>, Err>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (polled, note) = result_note::poll(self.project().call, cx);
        let mut result = ready!(polled);
        let how = correct(note.take(&result), mark::origin(result.as_ref()));
        if let Ok(response) = &mut result {
            response.extensions_mut().insert(how.unwrap_or_default());
        }
        result_note::forward(&result, how);
        Poll::Ready(result)
    }
}
