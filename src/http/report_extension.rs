use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_layer::Layer;
use tower_service::Service;

use super::inner_call::poll_inner;
use crate::call_context::result_note;

/// Adds a [`CallReport`](crate::CallReport) to the extensions of each response: a report on how the
/// response was obtained. The layer changes nothing else in responses and errors. Put it outside
/// all layers that it should report on; [`report`](crate::report) lists what hides a layer from
/// it.
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
/// fn report<B>(response: &Response<B>) -> CallReport {
///     response.extensions().get().copied().unwrap_or_default()
/// }
/// # let _ = report::<()>;
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

crate::service::call_methods!(ReportExtension<S>);

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
        ReportExtensionFuture { call: SyncWrapper::new(self.inner.call(request)) }
    }
}

pin_project! {
    /// The future of [`ReportExtension`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ReportExtensionFuture<Fut> {
        #[pin]
        call: SyncWrapper<Fut>,
    }
}

impl<Fut, B, Err> Future for ReportExtensionFuture<Fut>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
{
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut result, report) = ready!(poll_inner(self.project().call.get_pin_mut(), cx));
        if let Ok(response) = &mut result {
            response.extensions_mut().insert(report.unwrap_or_default());
        }
        result_note::forward(&result, report);
        Poll::Ready(result)
    }
}
