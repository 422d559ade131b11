//! The future of [`FirstFrame`](super::FirstFrame).

use std::{
    future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use ::http_body::{Body, Frame};
use bytes::Buf;
use pin_project_lite::pin_project;

use super::{BrokeOff, FirstFrameBody};
use crate::{
    CallReport,
    call_context::result_note,
    classify::evidence::correct,
    http::{
        mark,
        remaining::{Remaining, may_have_body},
    },
};

pin_project! {
    /// Waits for the head of the response and the first frame of its body.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call, or the response.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        future: F,
        waits: bool,
        // The response while its first frame is awaited, with the result note of its head.
        response: Option<(Response<B>, Option<CallReport>)>,
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn new(future: F, waits: bool) -> Self {
        Self { future, waits, response: None }
    }
}

impl<F, B, Err> future::Future for ResponseFuture<F, B>
where
    F: future::Future<Output = Result<Response<B>, Err>>,
    B: Body + Unpin,
    B::Error: 'static,
{
    type Output = Result<Response<FirstFrameBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut response, how) = match this.response.take() {
            Some(waiting) => waiting,
            None => {
                let (polled, note) = result_note::poll(this.future, cx);
                let result = ready!(polled);
                let how = correct(note.take(&result), mark::origin(result.as_ref()));
                match result {
                    Ok(response) if *this.waits && is_good(&response) => (response, how),
                    other => {
                        let other = other.map(|response| response.map(FirstFrameBody::not_yet));
                        result_note::forward(&other, how);
                        return Poll::Ready(other);
                    }
                }
            }
        };
        let announced = Remaining::of(&response);
        match poll_first(response.body_mut(), cx) {
            Poll::Pending => {
                *this.response = Some((response, how));
                Poll::Pending
            }
            Poll::Ready(first) => {
                let is_end = first.as_ref().is_none_or(|first| first.as_ref().is_ok_and(Frame::is_trailers));
                let incomplete = is_end && announced.is_incomplete();
                let error = first.as_ref().and_then(|first| first.as_ref().err());
                if incomplete || error.is_some() {
                    response.extensions_mut().insert(BrokeOff::by(error));
                }
                let result = Ok(response.map(|body| FirstFrameBody::with(first, body, incomplete)));
                result_note::forward(&result, how);
                Poll::Ready(result)
            }
        }
    }
}

/// Whether the first frame should be awaited. The body of an error response doesn't matter, and a
/// retry drains it.
fn is_good<B: Body>(response: &Response<B>) -> bool {
    let status = response.status();
    let is_empty = response.body().is_end_stream() && !Remaining::of(response).is_incomplete();
    !status.is_client_error() && !status.is_server_error() && may_have_body(status) && !is_empty
}

/// An honest server sends fewer empty frames before a body.
const MOST_EMPTY: usize = 16;

type First<B> = Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

/// Polls for the first frame that isn't empty. An empty frame doesn't show that the body has
/// started.
fn poll_first<B: Body + Unpin>(body: &mut B, cx: &mut Context<'_>) -> Poll<First<B>> {
    let mut first = ready!(Pin::new(&mut *body).poll_frame(cx));
    for _ in 0..MOST_EMPTY {
        let is_empty = matches!(&first, Some(Ok(frame)) if frame.data_ref().is_some_and(|data| !data.has_remaining()));
        if !is_empty {
            break;
        }
        first = ready!(Pin::new(&mut *body).poll_frame(cx));
    }
    Poll::Ready(first)
}
