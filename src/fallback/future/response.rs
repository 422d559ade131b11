use std::{
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use super::stored_failure::{PrimaryOutcome, StoredFailure};
use crate::{
    Classifier, Verdict,
    call_context::result_note::{self, Note},
    fallback::{backup::Backup, error_merge::MergeErrors, reporter::CallReporter, shared_backup::SharedBackup},
    readiness::Readiness,
    sharded_arc::ArcShard,
    time::Instant,
};

pin_project! {
    /// One call of the primary and, if that fails, one of the backup.
    ///
    /// `PrimaryFut` and `BackupFut` are the futures of the two calls; `State` is private to this
    /// module. The struct has no bounds: in a spawned task, the compiler can't prove bounds for
    /// types that contain a lifetime, such as a boxed error. The future is `Sync`, even if its
    /// parts aren't.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call that is in progress: the primary's, or the backup's. The
    /// request isn't sent again. No permit, budget token, or lock is left behind.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<PrimaryFut, BackupFut, State> {
        #[pin]
        pub(in crate::fallback) step: SyncWrapper<Step<PrimaryFut, BackupFut>>,
        pub(in crate::fallback) state: SyncWrapper<State>,
    }
}

pin_project! {
    #[project = StepProj]
    pub(in crate::fallback) enum Step<PrimaryFut, BackupFut> {
        Primary { #[pin] future: PrimaryFut },
        // The primary's `poll_ready` failed, so it wasn't called.
        Unready { readiness: Readiness },
        // The primary has failed, and another call is cloning the backup.
        CloningBackup,
        Backup { #[pin] future: BackupFut },
        Done,
    }
}

/// The state of a call apart from the futures. It has no bounds, for the reason that
/// [`ResponseFuture`] gives.
pub struct CallState<B, C, Merge, Memo, Kept, Req, Res, Err> {
    /// Taken when the primary's outcome is returned, or when the backup is called.
    pub(in crate::fallback) pending: Option<Pending<B, C, Merge, Memo, Kept, Req>>,
    pub(in crate::fallback) failed: Option<FailedCall<Merge, Res, Err>>,
}

/// What classifies the primary's outcome, and what calls the backup.
pub(in crate::fallback) struct Pending<B, C, Merge, Memo, Kept, Req> {
    pub(in crate::fallback) backup: ArcShard<SharedBackup<B, Merge>>,
    pub(in crate::fallback) classifier: C,
    pub(in crate::fallback) memo: Memo,
    /// The part of the request that the backup needs.
    pub(in crate::fallback) kept: Kept,
    pub(in crate::fallback) request: PhantomData<fn(Req)>,
}

/// A call whose primary has failed.
pub(in crate::fallback) struct FailedCall<Merge, Res, Err> {
    primary: StoredFailure<Res, Err>,
    /// Shared by all calls until the backup waits: then it contains the start of this call's
    /// backup. An `Arc` as a field costs less than an `Option<Box<…>>`: the future stays as small,
    /// and is dropped with four instructions less.
    reporter: Arc<CallReporter>,
    /// Set when the backup is called.
    merge: Option<Merge>,
}

/// Why `poll` leaves its fast path.
enum SlowPath<Res, Err> {
    /// The primary isn't being called: continue with the current step.
    Resume,
    /// The primary returned an outcome that isn't classified yet.
    Classify(Result<Res, Err>, Note),
    /// The primary returned an outcome with this verdict, which is a failure.
    Failed(Result<Res, Err>, Verdict),
}

const POLLED_AFTER_COMPLETION: &str = "polled after completion";

impl<PrimaryFut, B, C, Merge, Req, Res, Err> Future
    for ResponseFuture<PrimaryFut, B::Future, CallState<B, C, Merge, C::Memo, B::Stored, Req, Res, Err>>
where
    PrimaryFut: Future<Output = Result<Res, Err>>,
    B: Backup<Req, Res, Err> + Clone,
    C: Classifier<Req, Res, Err>,
    Merge: MergeErrors<Err, B::Error> + Clone,
    Err: 'static,
{
    type Output = Result<Res, Merge::Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let state = this.state.get_mut();
        let slow_path = match (this.step.get_pin_mut().project(), &mut state.pending) {
            (StepProj::Primary { future }, Some(pending)) => {
                let (polled, note) = result_note::poll(future, cx);
                // The response stays in its `Poll` and is held by value until it is known to be the
                // result. `ready!` would copy it, and a reference to it in an outlined function
                // would force it into memory.
                match polled {
                    Poll::Ready(Ok(response))
                        if note.is_empty() && !pending.classifier.origin(Ok(&response)).is_rejected() =>
                    {
                        let verdict = pending.classifier.classify(&pending.memo, Ok(&response));
                        if !verdict.is_failure() {
                            result_note::reset();
                            state.pending = None;
                            return Poll::Ready(Ok(response));
                        }
                        SlowPath::Failed(Ok(response), verdict)
                    }
                    Poll::Ready(result) => SlowPath::Classify(result, note),
                    Poll::Pending => return Poll::Pending,
                }
            }
            _ => SlowPath::Resume,
        };
        self.poll_slow(slow_path, cx)
    }
}

impl<PrimaryFut, B, C, Merge, Req, Res, Err>
    ResponseFuture<PrimaryFut, B::Future, CallState<B, C, Merge, C::Memo, B::Stored, Req, Res, Err>>
where
    PrimaryFut: Future<Output = Result<Res, Err>>,
    B: Backup<Req, Res, Err> + Clone,
    C: Classifier<Req, Res, Err>,
    Merge: MergeErrors<Err, B::Error> + Clone,
    Err: 'static,
{
    /// Handles every case except a successful response of the primary.
    #[cold]
    fn poll_slow(
        mut self: Pin<&mut Self>,
        slow_path: SlowPath<Res, Err>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Res, Merge::Error>> {
        let this = self.as_mut().project();
        let (mut step, state) = (this.step.get_pin_mut(), this.state.get_mut());
        let (result, note, verdict) = match slow_path {
            SlowPath::Classify(result, note) => (result, note, None),
            SlowPath::Failed(result, verdict) => (result, Note::NONE, Some(verdict)),
            SlowPath::Resume => match step.as_mut().project() {
                StepProj::Unready { readiness } => {
                    (Err(readiness.take_error().expect(POLLED_AFTER_COMPLETION)), Note::NONE, None)
                }
                StepProj::CloningBackup => return self.poll_call_backup(cx),
                StepProj::Backup { .. } => return self.poll_backup(cx),
                StepProj::Primary { .. } | StepProj::Done => panic!("{POLLED_AFTER_COMPLETION}"),
            },
        };
        let pending = state.pending.as_ref().expect(POLLED_AFTER_COMPLETION);
        let primary = match PrimaryOutcome::of(result, note, verdict, &pending.classifier, &pending.memo) {
            PrimaryOutcome::Failed(primary) => primary,
            PrimaryOutcome::Return(result, report) => {
                state.pending = None;
                let result = result_note::forward_mapped(result, report, |result| result.map_err(Merge::pass));
                return Poll::Ready(result);
            }
        };
        // Dropped before the backup is called, which may need what the primary's future holds.
        step.set(Step::CloningBackup);
        let reporter = Arc::clone(&pending.backup.reporter);
        state.failed = Some(FailedCall { primary, reporter, merge: None });
        self.poll_call_backup(cx)
    }

    /// Calls a clone of the backup. Pending while another call clones it.
    fn poll_call_backup(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, Merge::Error>> {
        let this = self.as_mut().project();
        let (mut step, state) = (this.step.get_pin_mut(), this.state.get_mut());
        let shared = &state.pending.as_ref().expect(POLLED_AFTER_COMPLETION).backup;
        let (backup, merge) = ready!(shared.poll_clone(cx));
        let Pending { kept, classifier, .. } = state.pending.take().expect(POLLED_AFTER_COMPLETION);
        let failed = state.failed.as_mut().expect(POLLED_AFTER_COMPLETION);
        let shared_reporter = &failed.reporter.reporter;
        let started = shared_reporter.backup_called(failed.primary.cause(), || failed.primary.details(&classifier));
        let answer = backup.answer(kept, failed.primary.as_failed());
        failed.merge = Some(merge);
        step.set(Step::Backup { future: answer });
        match self.as_mut().poll_answer(cx) {
            Poll::Ready((answer, note)) => Poll::Ready(self.settle(answer, note, started)),
            Poll::Pending => {
                let failed = self.project().state.get_mut().failed.as_mut().expect(POLLED_AFTER_COMPLETION);
                if started.is_some() {
                    let reporter = Arc::clone(&failed.reporter.reporter);
                    failed.reporter = Arc::new(CallReporter { reporter, backup_started: started });
                }
                Poll::Pending
            }
        }
    }

    fn poll_backup(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, Merge::Error>> {
        let (answer, note) = ready!(self.as_mut().poll_answer(cx));
        let failed = self.as_mut().project().state.get_mut().failed.as_ref().expect(POLLED_AFTER_COMPLETION);
        let started = failed.reporter.backup_started;
        Poll::Ready(self.settle(answer, note, started))
    }

    fn poll_answer(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(Result<Res, B::Error>, Note)> {
        let StepProj::Backup { future } = self.project().step.get_pin_mut().project() else {
            panic!("{POLLED_AFTER_COMPLETION}")
        };
        let (polled, note) = result_note::poll(future, cx);
        polled.map(|answer| (answer, note))
    }

    fn settle(
        self: Pin<&mut Self>,
        answer: Result<Res, B::Error>,
        note: Note,
        backup_started: Option<Instant>,
    ) -> Result<Res, Merge::Error> {
        let report = note.take(&answer);
        let FailedCall { primary, reporter, merge } =
            self.project().state.get_mut().failed.take().expect(POLLED_AFTER_COMPLETION);
        let merge = merge.expect("`poll_call_backup` sets it");
        primary.settle(answer, report, &merge, &reporter.reporter, backup_started)
    }
}
