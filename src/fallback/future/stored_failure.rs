use crate::{
    CallReport, Cause, Classifier, FailureInfo, FailureKind, Verdict,
    call_context::result_note::{self, Note},
    call_report::StepCounts,
    classify::{evidence::examine, failure_text::failure_info},
    fallback::{PrimaryFailure, error_merge::MergeErrors, reporter::Reporter},
    time::Instant,
};

/// The primary's outcome after it was classified.
pub(super) enum PrimaryOutcome<Res, Err> {
    /// The fallback returns it, with this report.
    Return(Result<Res, Err>, Option<CallReport>),
    /// The fallback calls the backup.
    Failed(StoredFailure<Res, Err>),
}

/// A primary's failure. The result is kept, because it is returned if the backup fails too.
pub(super) struct StoredFailure<Res, Err> {
    steps: StepCounts,
    /// Whether the result contains the rejection that is the cause.
    holds_rejection: bool,
    cause: Cause,
    kind: FailureKind,
    result: Result<Res, Err>,
}

impl<Res, Err: 'static> PrimaryOutcome<Res, Err> {
    /// Classifies the primary's outcome, unless `verdict` is known already.
    pub(super) fn of<Req, C>(
        result: Result<Res, Err>,
        note: Note,
        verdict: Option<Verdict>,
        classifier: &C,
        memo: &C::Memo,
    ) -> Self
    where
        C: Classifier<Req, Res, Err>,
    {
        let report = examine(&result, note, |outcome| classifier.origin(outcome));
        let classify = || verdict.unwrap_or_else(|| classifier.classify(memo, result.as_ref()));
        match cause_to_fall_back(report, classify) {
            Some((cause, kind)) => {
                let report = report.unwrap_or_default();
                let (steps, holds_rejection) = (report.steps(), report.holds_rejection);
                Self::Failed(StoredFailure { steps, holds_rejection, cause, kind, result })
            }
            None if result.is_ok() => Self::Return(result, report),
            None => Self::Return(result, Some(report.unwrap_or_default().skipped_fallback())),
        }
    }
}

/// Why the backup is called, and the kind of the primary's failure; `None` if it isn't called.
///
/// The report of an inner layer has more detail than the verdict. For a rejection, the first
/// fallback is called without the classifier. If a fallback was already called for it and failed,
/// the classifier decides about the next one.
fn cause_to_fall_back(report: Option<CallReport>, classify: impl FnOnce() -> Verdict) -> Option<(Cause, FailureKind)> {
    let failed = report.and_then(|report| report.failure_cause());
    if report.is_some_and(|report| report.rejection().is_some() && report.failed_fallbacks() == 0) {
        return failed.map(|cause| (cause, FailureKind::Rejected));
    }
    match classify() {
        Verdict::Success | Verdict::Neutral | Verdict::ClientError => None,
        Verdict::Failure(failure) => {
            let cause = failed.unwrap_or(match failure.kind() {
                FailureKind::Rejected => Cause::Rejected { retry_in: failure.retry_after() },
                FailureKind::Permanent => Cause::Permanent,
                _ => Cause::Failure,
            });
            Some((cause, failure.kind()))
        }
    }
}

impl<Res, Err: 'static> StoredFailure<Res, Err> {
    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// The details of the failure, for events.
    pub(super) fn details<C, Req>(&self, classifier: &C) -> FailureInfo<'_>
    where
        C: Classifier<Req, Res, Err>,
    {
        failure_info(classifier, self.kind, self.result.as_ref())
    }

    /// What the backup receives.
    pub(super) fn as_failed(&self) -> PrimaryFailure<'_, Res, Err> {
        PrimaryFailure { cause: self.cause, outcome: self.result.as_ref() }
    }

    /// The result of the whole call: the backup's response if it has one, otherwise the primary's
    /// response or the merged errors.
    pub(super) fn settle<BackupErr, Merge>(
        self,
        answer: Result<Res, BackupErr>,
        report: Option<CallReport>,
        merge: &Merge,
        reporter: &Reporter,
        backup_started: Option<Instant>,
    ) -> Result<Res, Merge::Error>
    where
        BackupErr: 'static,
        Merge: MergeErrors<Err, BackupErr>,
    {
        let Self { steps, holds_rejection, cause, kind: _, result } = self;
        let backup = match answer {
            Ok(answer) => {
                reporter.backup_succeeded(cause, backup_started);
                let name = reporter.literal_name();
                let answer = Ok(answer);
                let report = steps.answered_by_fallback(name, cause, report.unwrap_or_default());
                result_note::forward(&answer, Some(report));
                return answer;
            }
            Err(error) => error,
        };
        reporter.backup_failed(cause, &backup, backup_started);
        let report = steps.after_failed_fallback(cause, holds_rejection);
        let merged = |result: Result<Res, Err>| result.map_err(|primary| merge.both(primary, backup, cause));
        result_note::forward_mapped(result, Some(report), merged)
    }
}
