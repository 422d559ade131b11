use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use tower_recourse::observe::ErrorText;

use crate::QueueError;

/// Calls a function. A panic is an error with its message.
///
/// The values that the function uses are dropped or used no more after a panic, except those of the
/// user's service, which has to be consistent after a panic in any task.
pub(super) fn catch<T>(function: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(function)).map_err(message)
}

/// A future whose panics are errors.
pub(super) struct CatchPanic<Fut>(pub(super) Pin<Box<Fut>>);

impl<Fut: Future> Future for CatchPanic<Fut> {
    type Output = Result<Fut::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch(|| self.0.as_mut().poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(message) => Poll::Ready(Err(message)),
        }
    }
}

/// Awaits an operation of a queue. A panic is an error of the queue.
pub(super) async fn catch_queue<T>(operation: impl Future<Output = Result<T, QueueError>>) -> Result<T, QueueError> {
    let caught = CatchPanic(Box::pin(operation)).await;
    caught.unwrap_or_else(|panicked| Err(QueueError::database(panicked)))
}

fn message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let text = ErrorText::text(text.unwrap_or("no message")).to_string();
    // The value's destructor may panic, too.
    let _ = catch_unwind(AssertUnwindSafe(move || drop(panic)));
    format!("panicked: {text}")
}
