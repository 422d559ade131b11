//! Reads the start of one stream, up to its first event.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use ::http_body::{Body, Frame};
use bytes::Bytes;

use super::{EventMeaning, FirstEventBody, ServerEvent, scanner::Scanner};
use crate::http::{first_frame::FailedBeforeFirstFrame, remaining_length::RemainingLength};

/// An empty frame counts as this many bytes: a server could send empty frames without end.
const EMPTY_FRAME: usize = 64;

/// A response whose first event is awaited.
pub(super) struct ReadAhead<B> {
    response: Response<B>,
    frames: VecDeque<Frame<Bytes>>,
    scanner: Scanner,
    /// How many more bytes may be buffered.
    left: usize,
    announced: RemainingLength,
    fail_if_empty: bool,
}

/// Why the wait is over.
enum End<Err> {
    /// The first event has arrived, or a bound was reached.
    Continue,
    /// The first event reports a failure.
    Failure(FailedBeforeFirstFrame),
    /// The body has ended.
    Ended,
    Error(Err),
}

impl<B> ReadAhead<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: 'static,
{
    pub(super) fn new(response: Response<B>, max_bytes: usize, fail_if_empty: bool) -> Self {
        let announced = RemainingLength::of(&response);
        let (frames, scanner) = (VecDeque::new(), Scanner::default());
        Self { response, frames, scanner, left: max_bytes, announced, fail_if_empty }
    }

    pub(super) fn response(&self) -> &Response<B> {
        &self.response
    }

    /// Polls until the wait for the first event is over.
    fn poll_end<F>(&mut self, classify: &F, cx: &mut Context<'_>) -> Poll<End<B::Error>>
    where
        F: Fn(&ServerEvent<'_>) -> EventMeaning,
    {
        loop {
            let frame = match ready!(Pin::new(self.response.body_mut()).poll_frame(cx)) {
                None => return Poll::Ready(End::Ended),
                Some(Err(error)) => return Poll::Ready(End::Error(error)),
                Some(Ok(frame)) => frame,
            };
            self.announced.subtract(&frame);
            let data = frame.data_ref().cloned();
            self.frames.push_back(frame);
            let Some(data) = data else { return Poll::Ready(End::Ended) };
            if let Some(end) = self.scan(&data, classify) {
                return Poll::Ready(end);
            }
            let counted = if data.is_empty() { EMPTY_FRAME } else { data.len() };
            match self.left.checked_sub(counted) {
                Some(left) => self.left = left,
                None => return Poll::Ready(End::Continue),
            }
        }
    }

    /// Searches a chunk, up to the bound, for the first event that isn't a keep-alive.
    fn scan<F>(&mut self, data: &[u8], classify: &F) -> Option<End<B::Error>>
    where
        F: Fn(&ServerEvent<'_>) -> EventMeaning,
    {
        let mut chunk = &data[..data.len().min(self.left)];
        while !chunk.is_empty() {
            let (read, is_event) = self.scanner.read(chunk);
            chunk = &chunk[read..];
            if !is_event {
                continue;
            }
            match classify(&ServerEvent::new(self.scanner.event(), self.scanner.data())) {
                EventMeaning::KeepAlive => self.scanner.reset_event(),
                EventMeaning::Answer => return Some(End::Continue),
                EventMeaning::Failure(verdict) => {
                    return Some(End::Failure(FailedBeforeFirstFrame::with_verdict(verdict)));
                }
            }
        }
        None
    }

    /// Polls for the first event, and returns the response when the wait is over.
    pub(super) fn poll<F>(
        mut self: Box<Self>,
        classify: &F,
        cx: &mut Context<'_>,
    ) -> Result<Response<FirstEventBody<B>>, Box<Self>>
    where
        F: Fn(&ServerEvent<'_>) -> EventMeaning,
    {
        match self.poll_end(classify, cx) {
            Poll::Pending => Err(self),
            Poll::Ready(end) => Ok(self.finish(end)),
        }
    }

    /// The response without any further wait.
    pub(super) fn give_up(self) -> Response<FirstEventBody<B>> {
        self.finish(End::Continue)
    }

    fn finish(self, end: End<B::Error>) -> Response<FirstEventBody<B>> {
        let Self { mut response, frames, announced, fail_if_empty, .. } = self;
        let is_incomplete = announced.is_incomplete();
        let failure = match &end {
            End::Continue => None,
            End::Failure(failure) => Some(*failure),
            End::Ended if is_incomplete || fail_if_empty => Some(FailedBeforeFirstFrame::caused_by::<B::Error>(None)),
            End::Ended => None,
            End::Error(error) => Some(FailedBeforeFirstFrame::caused_by(Some(error))),
        };
        if let Some(failure) = failure {
            response.extensions_mut().insert(failure);
        }
        response.map(|body| match end {
            End::Continue | End::Failure(_) => FirstEventBody::continued(frames, body),
            End::Ended => FirstEventBody::ended(frames, is_incomplete),
            End::Error(error) => FirstEventBody::failed(frames, error),
        })
    }
}
