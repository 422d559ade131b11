use tracing::Span;

use super::{future::SpanFuture, open_span::OpenSpan, role::Role};
use crate::{call_context::result_note, classify::ErrorClassifier};

/// The future of [`in_request_span`] and [`in_attempt_span`].
pub type FunctionSpanFuture<Fut> = SpanFuture<Fut, (), ErrorClassifier, ()>;

/// Calls an async function in the span of a request. Use it around `run` of a
/// [`RetryLayer`](crate::RetryLayer).
///
/// ```
/// use std::io;
/// use tower_recourse::{RetryConfig, RetryLayer};
/// use tower_recourse::spans::{attempt_span, in_attempt_span, in_request_span, request_span};
///
/// # async fn load() -> io::Result<u32> { Ok(42) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> io::Result<()> {
/// let retry = RetryLayer::new(RetryConfig::default().idempotent());
/// let answer = in_request_span(request_span("load"), || {
///     retry.run(|attempt| in_attempt_span(attempt_span(&attempt), load))
/// });
/// assert_eq!(answer.await?, 42);
/// # Ok(())
/// # }
/// ```
///
/// The function must call `run` itself, so that the first attempt's span is a child of this one.
///
/// # Errors
///
/// The error of the future.
///
/// # Cancel safety
///
/// Dropping the future drops the inner future in its span, and closes the span.
pub fn in_request_span<Fut, Res, Err>(span: Span, function: impl FnOnce() -> Fut) -> FunctionSpanFuture<Fut>
where
    Fut: Future<Output = Result<Res, Err>>,
    Err: 'static,
{
    SpanFuture::start(span, Role::Request, ErrorClassifier, (), function)
}

/// Calls an async function in the span of an attempt. See [`in_request_span`] for an example.
///
/// # Errors
///
/// The error of the future.
///
/// # Cancel safety
///
/// Dropping the future drops the inner future in its span, and closes the span.
pub fn in_attempt_span<Fut, Res, Err>(span: Span, function: impl FnOnce() -> Fut) -> FunctionSpanFuture<Fut>
where
    Fut: Future<Output = Result<Res, Err>>,
    Err: 'static,
{
    SpanFuture::start(span, Role::Attempt, ErrorClassifier, (), function)
}

/// [`in_request_span`] for a blocking function. Use it around `run_blocking` of a
/// [`RetryLayer`](crate::RetryLayer).
///
/// # Errors
///
/// The error of the function.
pub fn in_request_span_blocking<Res, Err: 'static>(
    span: Span,
    function: impl FnOnce() -> Result<Res, Err>,
) -> Result<Res, Err> {
    blocking(span, Role::Request, function)
}

/// [`in_attempt_span`] for a blocking function.
///
/// # Errors
///
/// The error of the function.
pub fn in_attempt_span_blocking<Res, Err: 'static>(
    span: Span,
    function: impl FnOnce() -> Result<Res, Err>,
) -> Result<Res, Err> {
    blocking(span, Role::Attempt, function)
}

fn blocking<Res, Err: 'static>(
    span: Span,
    role: Role,
    function: impl FnOnce() -> Result<Res, Err>,
) -> Result<Res, Err> {
    let mut span = OpenSpan::new(span, role, ErrorClassifier, ());
    // The note is taken before the subscriber runs.
    let (result, noted) = span.run(|| {
        let (result, note) = result_note::call(function);
        let noted = note.take(&result);
        (result, noted)
    });
    span.end::<(), _, _>(&result, noted);
    result_note::forward(&result, noted);
    result
}
