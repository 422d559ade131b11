//! The future of [`FirstEvent`](super::FirstEvent).

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::{
    Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use ::http_body::Body;
use bytes::Bytes;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tokio::time::{Sleep, sleep};

use super::{EventMeaning, FirstEventBody, ServerEvent, read_ahead::ReadAhead, settings::Settings};
use crate::{
    CallReport,
    call_context::result_note,
    http::{inner_call::poll_inner, retire_connection::TimeoutGuard},
};

pin_project! {
    /// Waits for the head of the response and, in an event stream, for the first event.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call, or the response.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Fut, B, F> {
        #[pin]
        call: SyncWrapper<Fut>,
        // The response to this request may have a body.
        expects_body: bool,
        settings: Settings<F>,
        // The response while its first event is awaited, with the report of the inner call.
        waiting: SyncWrapper<Option<(Box<ReadAhead<B>>, Option<CallReport>)>>,
        #[pin]
        timer: Option<Sleep>,
        guard: TimeoutGuard,
    }
}

impl<Fut, B, F> ResponseFuture<Fut, B, F> {
    pub(super) fn new(call: Fut, expects_body: bool, settings: Settings<F>) -> Self {
        Self {
            call: SyncWrapper::new(call),
            expects_body,
            settings,
            waiting: SyncWrapper::new(None),
            timer: None,
            guard: TimeoutGuard::new(),
        }
    }
}

impl<Fut, B, F, Err> Future for ResponseFuture<Fut, B, F>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
    B: Body<Data = Bytes> + Unpin,
    B::Error: 'static,
    F: Fn(&ServerEvent<'_>) -> EventMeaning,
{
    type Output = Result<Response<FirstEventBody<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let settings = &*this.settings;
        let (read_ahead, report) = match this.waiting.get_mut().take() {
            Some(waiting) => waiting,
            None => match ready!(poll_inner(this.call.get_pin_mut(), cx)) {
                (Ok(response), report) if *this.expects_body && is_event_stream(&response) => {
                    (Box::new(ReadAhead::new(response, settings.max_bytes, settings.fail_if_empty)), report)
                }
                (result, report) => {
                    let not_awaited = |body| FirstEventBody::continued(Default::default(), body);
                    let result = result.map(|response| response.map(not_awaited));
                    result_note::forward(&result, report);
                    return Poll::Ready(result);
                }
            },
        };
        let response = match read_ahead.poll(&settings.classify, cx) {
            Ok(response) => response,
            Err(read_ahead) => {
                if this.timer.is_none() {
                    this.timer.set(Some(sleep(settings.max_wait)));
                }
                let timer = this.timer.as_mut().as_pin_mut().expect("it was just set");
                if timer.poll(cx).is_pending() {
                    this.guard.arm(read_ahead.response());
                    *this.waiting.get_mut() = Some((read_ahead, report));
                    return Poll::Pending;
                }
                read_ahead.give_up()
            }
        };
        this.guard.disarm();
        let result = Ok(response);
        result_note::forward(&result, report);
        Poll::Ready(result)
    }
}

/// Whether to read the response: a success with an event stream that isn't compressed.
fn is_event_stream<B: Body>(response: &Response<B>) -> bool {
    const TYPE: &[u8] = b"text/event-stream";
    let content_type = response.headers().get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
    let (media_type, rest) = content_type.split_at(content_type.len().min(TYPE.len()));
    response.status().is_success()
        && media_type.eq_ignore_ascii_case(TYPE)
        && rest.first().is_none_or(|&byte| matches!(byte, b';' | b' ' | b'\t'))
        && response.headers().get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity")
}
