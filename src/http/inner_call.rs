//! Polls the call of an inner service, and passes on the report of its layers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;

use super::rejection_mark;
use crate::{CallReport, call_context::result_note, classify::evidence::correct};

/// The result of a call, and the report that the layers inside stored in the [`result_note`].
pub(crate) type Reported<B, Err> = (Result<Response<B>, Err>, Option<CallReport>);

/// Polls an inner call. If the report and the response's [`rejection_mark`] disagree on whether a
/// breaker rejected the call, the mark decides.
pub(crate) fn poll_inner<Fut, B, Err>(call: Pin<&mut Fut>, cx: &mut Context<'_>) -> Poll<Reported<B, Err>>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
{
    let (polled, note) = result_note::poll(call, cx);
    let result = ready!(polled);
    let report = correct(note.take(&result), rejection_mark::origin(result.as_ref()));
    Poll::Ready((result, report))
}
