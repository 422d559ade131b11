use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::http::Response;
use ::http_body::Body;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tokio::time::{Sleep, sleep};

use super::{BodyProgress, PeekedBody, body::ReadAhead};
use crate::{
    CallReport,
    call_context::result_note,
    grpc::{
        response_state::{self, ResponseState},
        status::Status,
        transport_error::TransportError,
    },
    http::{first_frame::poll::poll_first_frame, inner_call::poll_inner},
};

pin_project! {
    /// Waits for the headers of a response and the first frame of its body.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Fut, B> {
        #[pin]
        call: SyncWrapper<Fut>,
        // The response while its first frame is awaited, with the report of the inner call.
        response: SyncWrapper<Option<(Response<B>, Option<CallReport>)>>,
        #[pin]
        timer: Option<Sleep>,
        max_wait: Duration,
        progress: BodyProgress,
    }
}

impl<Fut, B> ResponseFuture<Fut, B> {
    pub(super) fn new(call: Fut, progress: BodyProgress, max_wait: Duration) -> Self {
        Self { call: SyncWrapper::new(call), response: SyncWrapper::new(None), timer: None, max_wait, progress }
    }
}

impl<Fut, B, Err> Future for ResponseFuture<Fut, B>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
    B: Body + Unpin,
    B::Error: 'static,
{
    type Output = Result<Response<PeekedBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (mut response, report) = match this.response.get_mut().take() {
            Some(waiting) => waiting,
            None => match ready!(poll_inner(this.call.get_pin_mut(), cx)) {
                (Ok(response), report) if matches!(ResponseState::of(&response), ResponseState::Started) => {
                    (response, report)
                }
                (result, report) => {
                    let result = result.map(|response| response.map(|body| PeekedBody::new(ReadAhead::Nothing, body)));
                    result_note::forward(&result, report);
                    return Poll::Ready(result);
                }
            },
        };
        let (state, first) = match poll_first_frame(response.body_mut(), cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let state = frame.trailers_ref().map_or(ResponseState::Started, |trailers| {
                    response_state::keep_message(&mut response, trailers);
                    ResponseState::Status(Status::from_headers(trailers))
                });
                (state, ReadAhead::Frame(frame))
            }
            Poll::Ready(Some(Err(error))) => {
                (ResponseState::Failed(TransportError::of(&error)), ReadAhead::Error(error))
            }
            Poll::Ready(None) => (ResponseState::Status(Status::from_headers(response.headers())), ReadAhead::End),
            Poll::Pending => {
                if this.progress.is_complete() {
                    if this.timer.is_none() {
                        this.timer.set(Some(sleep(*this.max_wait)));
                    }
                    let elapsed = this.timer.as_mut().as_pin_mut().is_none_or(|timer| timer.poll(cx).is_ready());
                    if !elapsed {
                        *this.response.get_mut() = Some((response, report));
                        return Poll::Pending;
                    }
                }
                // Return the response now: the client may wait for the headers before it sends
                // more, or `max_wait` is over.
                (ResponseState::Started, ReadAhead::Nothing)
            }
        };
        response.extensions_mut().insert(state);
        let result = Ok(response.map(|body| PeekedBody::new(first, body)));
        result_note::forward(&result, report);
        Poll::Ready(result)
    }
}
