use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use super::{Reported, ReportedError};
use crate::{
    CallReport, Cause,
    call_context::result_note::{self, Note},
    classify::evidence::{correct, of_error},
};

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
    Err: 'static,
{
    ReportFuture { future: SyncWrapper::new(future) }
}

/// [`with_report`] for a blocking function, such as `run_blocking` of a
/// [`RetryLayer`](crate::RetryLayer).
///
/// # Errors
///
/// The function's error, with its report.
pub fn with_report_blocking<Res, Err: 'static>(
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
    Err: 'static,
{
    type Output = Result<Reported<Res>, ReportedError<Err>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (polled, note) = result_note::poll(self.project().future.get_pin_mut(), cx);
        polled.map(|result| report(result, note))
    }
}

pub(super) fn report<Res, Err: 'static>(
    result: Result<Res, Err>,
    note: Note,
) -> Result<Reported<Res>, ReportedError<Err>> {
    let noted = note.take(&result);
    let known = match &result {
        Err(error) if !is_by_classifier(noted) => correct(noted, of_error(error)),
        _ => noted,
    };
    result_note::forward_mapped(result, known, |result| match result {
        Ok(response) => Ok(Reported { response, report: known.unwrap_or_default() }),
        Err(error) => Err(ReportedError { error, report: of_failure(known) }),
    })
}

/// Whether a classifier returned `Verdict::rejected` for an error without a
/// [`Rejection`](crate::Rejection). The error then doesn't show why the retry stopped.
fn is_by_classifier(noted: Option<CallReport>) -> bool {
    noted.is_some_and(|report| report.rejection().is_some() && !report.holds_rejection)
}

/// The report on an error. Without a cause, it would read like that of a success.
fn of_failure(known: Option<CallReport>) -> CallReport {
    let report = known.unwrap_or_default();
    if report.cause().is_some() { report } else { report.with_failure_cause(Some(Cause::Failure)) }
}
