use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::http::Response;
use ::http_body::{Body, Frame};
use bytes::Buf;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::{BodyProgress, PeekedBody, body::First};
use crate::{
    CallReport,
    call_context::result_note,
    classify::evidence::correct,
    grpc::{
        status::{Seen, Told},
        transport_error::Fault,
    },
    http::mark,
};

pin_project! {
    /// Waits for the headers of a response and the first frame of its body.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        call: F,
        // The response while its first frame is awaited, with the result note of its head.
        response: Option<(Response<B>, Option<CallReport>)>,
        #[pin]
        limit: Option<Sleep>,
        longest: Duration,
        sending: BodyProgress,
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn new(call: F, sending: BodyProgress, longest: Duration) -> Self {
        Self { call, response: None, limit: None, longest, sending }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Unpin,
    B::Error: 'static,
{
    type Output = Result<Response<PeekedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (mut response, how) = match this.response.take() {
            Some(waiting) => waiting,
            None => {
                let (polled, note) = result_note::poll(this.call, cx);
                let result = ready!(polled);
                let how = correct(note.take(&result), mark::origin(result.as_ref()));
                match result {
                    Ok(response) if Told::by_head(&response).is_none() => (response, how),
                    other => {
                        let other = other.map(|response| response.map(|body| PeekedBody::new(First::Nothing, body)));
                        result_note::forward(&other, how);
                        return Poll::Ready(other);
                    }
                }
            }
        };
        let (seen, first) = match first_frame(response.body_mut(), cx) {
            Poll::Ready(Some(Ok(frame))) => (seen_in(&frame), First::Frame(frame)),
            Poll::Ready(Some(Err(error))) => (Seen::Broke(Fault::of(&error)), First::Error(error)),
            Poll::Ready(None) => (Seen::Told(Told::of(response.headers())), First::End),
            Poll::Pending => {
                if this.sending.has_ended() {
                    if this.limit.is_none() {
                        this.limit.set(Some(sleep(*this.longest)));
                    }
                    let over = this.limit.as_mut().as_pin_mut().is_none_or(|limit| limit.poll(cx).is_ready());
                    if !over {
                        *this.response = Some((response, how));
                        return Poll::Pending;
                    }
                }
                (Seen::Begun, First::Nothing)
            }
        };
        response.extensions_mut().insert(seen);
        let result = Ok(response.map(|body| PeekedBody::new(first, body)));
        result_note::forward(&result, how);
        Poll::Ready(result)
    }
}

/// An honest server sends at most one empty frame before its trailers.
const MOST_EMPTY: usize = 16;

type Read<B> = Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

/// Polls for the first frame that isn't empty. Bounded, because a server could send empty frames
/// without end.
fn first_frame<B: Body + Unpin>(body: &mut B, cx: &mut Context<'_>) -> Poll<Read<B>> {
    let mut polled = ready!(Pin::new(&mut *body).poll_frame(cx));
    for _ in 0..MOST_EMPTY {
        let is_empty = matches!(&polled, Some(Ok(frame)) if frame.data_ref().is_some_and(|data| !data.has_remaining()));
        if !is_empty {
            break;
        }
        polled = ready!(Pin::new(&mut *body).poll_frame(cx));
    }
    Poll::Ready(polled)
}

fn seen_in<D>(frame: &Frame<D>) -> Seen {
    frame.trailers_ref().map_or(Seen::Begun, |trailers| Seen::Told(Told::of(trailers)))
}
