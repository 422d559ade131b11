use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use super::{Reported, ReportedError};
use crate::call_context::result_note::{self, Note};

/// Attaches a report to the result of a future. Use it for `run` of a
/// [`RetryLayer`](crate::RetryLayer), or for the call of a service.
///
/// ```
/// use std::io;
/// use tower_recourse::{Cause, RetryConfig, RetryLayer, report::with_report};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let layer = RetryLayer::new(RetryConfig::default().idempotent().retries(1));
/// let run = layer.run(|_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
/// let unanswered = with_report(run).await.unwrap_err();
/// assert_eq!(unanswered.report.cause(), Some(Cause::AttemptsExhausted { attempts: 2 }));
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the future drops the inner future.
pub fn with_report<Fut, Res, Err>(future: Fut) -> ReportFuture<Fut>
where
    Fut: Future<Output = Result<Res, Err>>,
{
    ReportFuture { future: SyncWrapper::new(future) }
}

/// [`with_report`] for a blocking function, such as `run_blocking` of a
/// [`RetryLayer`](crate::RetryLayer).
///
/// # Errors
///
/// The function's error, with its report.
pub fn with_report_blocking<Res, Err>(
    function: impl FnOnce() -> Result<Res, Err>,
) -> Result<Reported<Res>, ReportedError<Err>> {
    let (result, note) = result_note::call(function);
    report(result, note)
}

pin_project! {
    /// The future of [`with_report`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ReportFuture<Fut> {
        #[pin]
        future: SyncWrapper<Fut>,
    }
}

impl<Fut, Res, Err> Future for ReportFuture<Fut>
where
    Fut: Future<Output = Result<Res, Err>>,
{
    type Output = Result<Reported<Res>, ReportedError<Err>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (polled, note) = result_note::poll(self.project().future.get_pin_mut(), cx);
        polled.map(|result| report(result, note))
    }
}

fn report<Res, Err>(result: Result<Res, Err>, note: Note) -> Result<Reported<Res>, ReportedError<Err>> {
    let noted = note.take(&result);
    let how = noted.unwrap_or_default();
    result_note::forward_mapped(result, noted, |result| match result {
        Ok(response) => Ok(Reported { response, report: how }),
        Err(error) => Err(ReportedError { error, report: how }),
    })
}
