//! The future of [`FirstFrame`](super::FirstFrame).

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use ::http_body::{Body, Frame};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use super::{FirstFrameBody, failed_before_first_frame::FailedBeforeFirstFrame, poll::poll_first_frame};
use crate::{
    CallReport,
    call_context::result_note,
    http::{
        inner_call::poll_inner, message_body::may_have_body, remaining_length::RemainingLength,
        retire_connection::TimeoutGuard,
    },
};

pin_project! {
    /// Waits for the head of the response and the first frame of its body.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call, or the response.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Fut, B> {
        #[pin]
        call: SyncWrapper<Fut>,
        // The response to this request may have a body.
        expects_body: bool,
        // The response while its first frame is awaited, with the report of the inner call.
        response: SyncWrapper<Option<(Response<B>, Option<CallReport>)>>,
        guard: TimeoutGuard,
    }
}

impl<Fut, B> ResponseFuture<Fut, B> {
    pub(super) fn new(call: Fut, expects_body: bool) -> Self {
        Self {
            call: SyncWrapper::new(call),
            expects_body,
            response: SyncWrapper::new(None),
            guard: TimeoutGuard::new(),
        }
    }
}

impl<Fut, B, Err> Future for ResponseFuture<Fut, B>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
    B: Body + Unpin,
    B::Error: 'static,
{
    type Output = Result<Response<FirstFrameBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut response, report) = match this.response.get_mut().take() {
            Some(waiting) => waiting,
            None => match ready!(poll_inner(this.call.get_pin_mut(), cx)) {
                (Ok(response), report) if *this.expects_body && has_body_to_await(&response) => (response, report),
                (result, report) => {
                    let result = result.map(|response| response.map(FirstFrameBody::not_awaited));
                    result_note::forward(&result, report);
                    return Poll::Ready(result);
                }
            },
        };
        let announced = RemainingLength::of(&response);
        match poll_first_frame(response.body_mut(), cx) {
            Poll::Pending => {
                this.guard.arm(&response);
                *this.response.get_mut() = Some((response, report));
                Poll::Pending
            }
            Poll::Ready(first) => {
                this.guard.disarm();
                let is_end = first.as_ref().is_none_or(|first| first.as_ref().is_ok_and(Frame::is_trailers));
                let is_incomplete = is_end && announced.is_incomplete();
                let error = first.as_ref().and_then(|first| first.as_ref().err());
                if is_incomplete || error.is_some() {
                    response.extensions_mut().insert(FailedBeforeFirstFrame::caused_by(error));
                }
                let result = Ok(response.map(|body| FirstFrameBody::with(first, body, is_incomplete)));
                result_note::forward(&result, report);
                Poll::Ready(result)
            }
        }
    }
}

/// Whether to wait for the first frame. The body of an error response isn't awaited: its status
/// decides the verdict, and a retry drains the body.
fn has_body_to_await<B: Body>(response: &Response<B>) -> bool {
    let status = response.status();
    let is_empty = response.body().is_end_stream() && !RemainingLength::of(response).is_incomplete();
    !status.is_client_error() && !status.is_server_error() && may_have_body(status) && !is_empty
}
