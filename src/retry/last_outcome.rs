//! The outcome before the current attempt. The retry returns it if a breaker rejects that attempt.

use super::attempt_flow::AttemptOutcome;
use crate::{Attempt, CallReport, call_context::result_note};

/// The outcome of an attempt that another one follows, kept for the case that a breaker rejects the
/// next one.
///
/// `pub`, since it is a part of a public future's type; not reachable from outside.
pub struct LastOutcome<Res, Err> {
    result: Result<Res, Err>,
    /// The report of the inner layers.
    report: Option<Box<CallReport>>,
    /// The number of the attempt.
    attempts: u32,
}

/// Keeps an outcome that another attempt follows, if the policy keeps it. Returns the outcome to
/// discard.
///
/// A rejection neither is kept nor replaces what is kept: its attempt wasn't made.
#[inline(always)]
pub(super) fn keep<Res, Err, SentReq>(
    attempt: &Attempt,
    outcome: AttemptOutcome<Res, Err, SentReq>,
    last: &mut Option<Box<LastOutcome<Res, Err>>>,
) -> Option<Result<Res, Err>> {
    let AttemptOutcome { result, report, is_kept, is_rejection, .. } = outcome;
    if is_kept {
        let previous = last.replace(Box::new(LastOutcome { result, report, attempts: attempt.number() }));
        return previous.map(|previous| previous.result);
    }
    if !is_rejection {
        *last = None;
    }
    Some(result)
}

/// The result for the caller, with its note: the outcome of the last attempt or, if a breaker
/// rejected that attempt, the outcome that was kept.
///
/// The note is written last, since the drop of the other result may write notes, too.
#[inline(always)]
pub(super) fn choose<Res, Err, SentReq>(
    outcome: AttemptOutcome<Res, Err, SentReq>,
    report: Option<CallReport>,
    last: Option<Box<LastOutcome<Res, Err>>>,
) -> Result<Res, Err> {
    let (result, report) = match last {
        Some(last) if outcome.is_rejection => {
            drop(outcome);
            let cause = report.and_then(|report| report.failure_cause());
            let report = last
                .report
                .map_or(CallReport::PLAIN, |report| *report)
                .with_rejected_retry(cause)
                .with_attempts(last.attempts);
            (last.result, Some(report))
        }
        last => {
            drop(last);
            (outcome.result, report)
        }
    };
    result_note::forward(&result, report);
    result
}
