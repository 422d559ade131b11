use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use super::ResponseBody;
use crate::{call_context::result_note, http::inner_call::poll_inner};

pin_project! {
    /// The future of [`WithResponseBody`](super::WithResponseBody).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Fut> {
        #[pin]
        call: SyncWrapper<Fut>,
    }
}

impl<Fut> ResponseFuture<Fut> {
    pub(super) fn new(call: Fut) -> Self {
        Self { call: SyncWrapper::new(call) }
    }
}

impl<Fut, B, Err> Future for ResponseFuture<Fut>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
{
    type Output = Result<Response<ResponseBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (result, report) = ready!(poll_inner(self.project().call.get_pin_mut(), cx));
        let wrap = |result: Result<Response<B>, Err>| result.map(|response| response.map(ResponseBody::upstream));
        Poll::Ready(result_note::forward_mapped(result, report, wrap))
    }
}
