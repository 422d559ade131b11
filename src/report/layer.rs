use std::task::{Context, Poll, ready};

use tower_layer::Layer;
use tower_service::Service;

use super::{ReportFuture, Reported, ReportedError, future::report, with_report};
use crate::call_context::result_note::Note;

/// Attaches a report to each result: responses become [`Reported`], and errors [`ReportedError`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportLayer;

/// A service whose results have reports. Made by [`ReportLayer`].
#[derive(Debug, Clone)]
pub struct ReportService<S> {
    inner: S,
}

impl<S> Layer<S> for ReportLayer {
    type Service = ReportService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ReportService { inner }
    }
}

crate::service::call_methods!(ReportService<S>);

impl<S, Req> Service<Req> for ReportService<S>
where
    S: Service<Req, Error: 'static>,
{
    type Response = Reported<S::Response>;
    type Error = ReportedError<S::Error>;
    type Future = ReportFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(report(ready!(self.inner.poll_ready(cx)), Note::NONE).map(|_| ()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        with_report(self.inner.call(request))
    }
}
