//! The future of [`FirstFrame`](super::FirstFrame).

use std::{
    future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;
use ::http_body::Body;
use pin_project_lite::pin_project;

use super::{Begun, BrokeOff};
use crate::{How, call_context::result_note};

pin_project! {
    /// One call, until the first frame of its response's body is there.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the service's call, or the response.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        future: F,
        waits: bool,
        // The head is there, with what was said of it, and the body hasn't begun.
        response: Option<(Response<B>, Option<How>)>,
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
{
    type Output = Result<Response<Begun<B>>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut response, said) = match this.response.take() {
            Some(waiting) => waiting,
            None => {
                result_note::reset();
                let result = ready!(this.future.poll(cx));
                let said = result_note::take(&result);
                match result {
                    Ok(response) if *this.waits && is_good(&response) => (response, said),
                    // Whoever is further out hears what was said of it.
                    other => {
                        let other = other.map(|response| response.map(Begun::not_yet));
                        result_note::forward(&other, said);
                        return Poll::Ready(other);
                    }
                }
            }
        };
        match Pin::new(response.body_mut()).poll_frame(cx) {
            Poll::Pending => {
                *this.response = Some((response, said));
                Poll::Pending
            }
            Poll::Ready(first) => {
                if let Some(Err(_)) = first {
                    response.extensions_mut().insert(BrokeOff);
                }
                let result = Ok(response.map(|body| Begun::with(first, body)));
                result_note::forward(&result, said);
                Poll::Ready(result)
            }
        }
    }
}

/// Whether it is an answer with something to wait for. An error's body is no use, and is let go if there is another attempt.
fn is_good<B: Body>(response: &Response<B>) -> bool {
    let status = response.status();
    !status.is_client_error() && !status.is_server_error() && !response.body().is_end_stream()
}
