//! Polls the call of an inner service, and passes on the report of its layers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http::Response;

use super::rejection_mark;
use crate::{CallReport, call_context::result_note, classify::evidence::correct};

/// The result of a call, and the report that its layers left in the result note.
pub(crate) type Reported<B, Err> = (Result<Response<B>, Err>, Option<CallReport>);

/// Polls an inner call. If the report contradicts the rejection mark of the response, the mark
/// counts.
pub(crate) fn poll_inner<Fut, B, Err>(call: Pin<&mut Fut>, cx: &mut Context<'_>) -> Poll<Reported<B, Err>>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
{
    let (polled, note) = result_note::poll(call, cx);
    let result = ready!(polled);
    let report = correct(note.take(&result), rejection_mark::origin(result.as_ref()));
    Poll::Ready((result, report))
}
