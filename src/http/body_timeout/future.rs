use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use ::http_body::Body;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use super::{TimeoutBody, limits::Limits};
use crate::{call_context::result_note, http::inner_call::poll_inner};

pin_project! {
    /// Waits for the response's head. The limits of the body start when it arrives.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Fut> {
        #[pin]
        call: SyncWrapper<Fut>,
        limits: Limits,
    }
}

impl<Fut> ResponseFuture<Fut> {
    pub(super) fn new(call: Fut, limits: Limits) -> Self {
        Self { call: SyncWrapper::new(call), limits }
    }
}

impl<Fut, B, Err> Future for ResponseFuture<Fut>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
    B: Body,
{
    type Output = Result<Response<TimeoutBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (result, report) = ready!(poll_inner(this.call.get_pin_mut(), cx));
        let limits = *this.limits;
        let with_limits = |result: Result<Response<B>, Err>| {
            result.map(|response| {
                let connection = response.extensions().get().cloned();
                response.map(|body| TimeoutBody::new(body, limits, connection))
            })
        };
        Poll::Ready(result_note::forward_mapped(result, report, with_limits))
    }
}
