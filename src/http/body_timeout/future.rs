use std::{
    future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use ::http_body::Body;
use pin_project_lite::pin_project;

use super::{TimeoutBody, layer::Limits};
use crate::{call_context::result_note, classify::evidence::correct, http::mark};

pin_project! {
    /// Waits for the response's head. The limits of the body start when it arrives.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: F,
        limits: Limits,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(future: F, limits: Limits) -> Self {
        Self { future, limits }
    }
}

impl<F, B, Err> future::Future for ResponseFuture<F>
where
    F: future::Future<Output = Result<Response<B>, Err>>,
    B: Body,
{
    type Output = Result<Response<TimeoutBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (polled, note) = result_note::poll(this.future, cx);
        let result = ready!(polled);
        let how = correct(note.take(&result), mark::origin(result.as_ref()));
        let limits = *this.limits;
        let map = |result: Result<Response<B>, Err>| {
            result.map(|response| response.map(|body| TimeoutBody::new(body, limits)))
        };
        Poll::Ready(result_note::forward_mapped(result, how, map))
    }
}
