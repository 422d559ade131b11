use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{Answered, Unanswered};
use crate::call_context::result_note::{self, Note};

/// Attaches to a future's result how it came about. Use it for `run` of a
/// [`RetryLayer`](crate::RetryLayer), or for the call of a service.
///
/// ```
/// use std::io;
/// use tower_recourse::{Cause, RetryConfig, RetryLayer, answered::answered};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let layer = RetryLayer::new(RetryConfig::default().idempotent().retries(1));
/// let run = layer.run(|_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
/// let unanswered = answered(run).await.unwrap_err();
/// assert_eq!(unanswered.how.cause(), Some(Cause::AttemptsSpent { attempts: 2 }));
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the future drops the inner future.
pub fn answered<F, Res, Err>(future: F) -> AnsweredFuture<F>
where
    F: Future<Output = Result<Res, Err>>,
{
    AnsweredFuture { future }
}

/// [`answered`] for a blocking function, such as `run_blocking` of a
/// [`RetryLayer`](crate::RetryLayer).
///
/// # Errors
///
/// The function's error, with its report.
pub fn answered_blocking<Res, Err>(
    function: impl FnOnce() -> Result<Res, Err>,
) -> Result<Answered<Res>, Unanswered<Err>> {
    let (result, note) = result_note::call(function);
    report(result, note)
}

pin_project! {
    /// The future of [`answered`].
    #[must_use = "futures do nothing unless polled"]
    pub struct AnsweredFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, Res, Err> Future for AnsweredFuture<F>
where
    F: Future<Output = Result<Res, Err>>,
{
    type Output = Result<Answered<Res>, Unanswered<Err>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (polled, note) = result_note::poll(self.project().future, cx);
        polled.map(|result| report(result, note))
    }
}

fn report<Res, Err>(result: Result<Res, Err>, note: Note) -> Result<Answered<Res>, Unanswered<Err>> {
    let noted = note.take(&result);
    let how = noted.unwrap_or_default();
    result_note::forward_mapped(result, noted, |result| match result {
        Ok(response) => Ok(Answered { response, how }),
        Err(error) => Err(Unanswered { error, how }),
    })
}
