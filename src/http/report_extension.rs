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

/// Adds a [`CallReport`](crate::CallReport) to the extensions of each response: a report on how the response was
/// obtained. The layer changes nothing else in responses and errors. Put it outside all layers that
/// it should report on; [`answered`](crate::report) lists what hides a layer from it.
///
/// ```
/// use http::Response;
/// use tower::ServiceBuilder;
/// use tower_recourse::{FallbackLayer, CallReport, RetryConfig, RetryLayer, http::ReportExtensionLayer};
///
/// let stack = ServiceBuilder::new()
///     .layer(ReportExtensionLayer)
///     .layer(FallbackLayer::value(Response::new("as of yesterday")).name("degraded"))
///     .layer(RetryLayer::new(RetryConfig::http()));
/// # let _ = stack;
///
/// fn how<B>(response: &Response<B>) -> CallReport {
///     response.extensions().get().copied().unwrap_or_default()
/// }
/// # let _ = how::<()>;
/// ```
///
/// # Errors
///
/// The layer adds none. An error has no extensions, so the layer doesn't report on errors.
///
/// # Clone
///
/// The layer has no state.
///
/// # Cancel safety
///
/// Dropping the future drops the inner call.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportExtensionLayer;

/// Adds a report to the extensions of each response. Made by [`ReportExtensionLayer`].
#[derive(Debug, Clone)]
pub struct ReportExtension<S> {
    inner: S,
}

impl<S> Layer<S> for ReportExtensionLayer {
    type Service = ReportExtension<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ReportExtension { inner }
    }
}

impl<S, Req, B> Service<Req> for ReportExtension<S>
where
    S: Service<Req, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ReportExtensionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ReportExtensionFuture { call: self.inner.call(request) }
    }
}

pin_project! {
    /// The future of [`ReportExtension`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ReportExtensionFuture<F> {
        #[pin]
        call: F,
    }
}

impl<F, B, Err> Future for ReportExtensionFuture<F>
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
