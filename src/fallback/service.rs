use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use sync_wrapper::SyncWrapper;
use tower_service::Service;

use super::{
    backup::Backup,
    error_merge::{KeepBoth, MergeErrors},
    future::{CallState, Pending, ResponseFuture, Step},
    reporter::Reporter,
    shared_backup::SharedBackup,
};
use crate::{
    Classifier, classify::ErrorClassifier, readiness::Readiness, reservation::Releaser, sharded_arc::ShardedArc,
};

/// A service with a fallback. Made by [`FallbackLayer`](super::FallbackLayer).
///
/// # Clone
///
/// A clone has a clone of the primary and shares the backup. A successful call doesn't clone the
/// backup; it counts one reference to it.
pub struct Fallback<S, B, C = ErrorClassifier, Merge = KeepBoth> {
    primary: S,
    /// Copies what the backup needs from each request, without an access to shared memory.
    backup: B,
    classifier: C,
    shared: ShardedArc<SharedBackup<B, Merge>>,
    readiness: Readiness,
    releaser: Releaser<S>,
}

impl<S, B, C, Merge> Fallback<S, B, C, Merge> {
    pub(super) fn new(primary: S, backup: B, classifier: C, merge: Merge, reporter: Arc<Reporter>) -> Self
    where
        B: Clone,
    {
        Self {
            primary,
            shared: ShardedArc::new(SharedBackup::new(backup.clone(), merge, reporter)),
            backup,
            classifier,
            readiness: Readiness::default(),
            releaser: Releaser::default(),
        }
    }

    /// The primary.
    pub fn get_ref(&self) -> &S {
        &self.primary
    }
}

crate::service::call_methods!(Fallback<S, B, C, Merge>);

impl<S, B, C, Merge, Req> Service<Req> for Fallback<S, B, C, Merge>
where
    S: Service<Req>,
    S::Error: Send + 'static,
    B: Backup<Req, S::Response, S::Error> + Clone,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    Merge: MergeErrors<S::Error, B::Error> + Clone,
{
    type Response = S::Response;
    type Error = Merge::Error;
    type Future =
        ResponseFuture<S::Future, B::Future, CallState<B, C, Merge, C::Memo, B::Stored, Req, S::Response, S::Error>>;

    /// Ready when the primary is. It never fails: a readiness error of the primary is kept, and is
    /// the primary's outcome in the call that follows. The backup is polled ready when it is
    /// needed.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.readiness.poll(&mut self.primary, |primary| self.releaser.release(primary), cx).map(Ok)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        let memo = self.classifier.memo_without_retry(&request);
        let kept = self.backup.store(&request);
        let backup = self.shared.shard();
        if self.readiness.has_failed() {
            let classifier = self.classifier.clone();
            return ResponseFuture {
                step: SyncWrapper::new(Step::Unready { readiness: std::mem::take(&mut self.readiness) }),
                state: SyncWrapper::new(CallState {
                    pending: Some(Pending { backup, classifier, memo, kept, request: PhantomData }),
                    failed: None,
                }),
            };
        }
        // Constructed in one expression, after the call of the primary, so that the compiler writes
        // the parts directly to their final place.
        ResponseFuture {
            step: SyncWrapper::new(Step::Primary { future: self.primary.call(request) }),
            state: SyncWrapper::new(CallState {
                pending: Some(Pending {
                    backup,
                    classifier: self.classifier.clone(),
                    memo,
                    kept,
                    request: PhantomData,
                }),
                failed: None,
            }),
        }
    }
}

impl<S: Clone, B: Clone, C: Clone, Merge> Clone for Fallback<S, B, C, Merge> {
    fn clone(&self) -> Self {
        Self {
            primary: self.primary.clone(),
            backup: self.backup.clone(),
            classifier: self.classifier.clone(),
            shared: self.shared.clone(),
            readiness: Readiness::default(),
            releaser: self.releaser.clone(),
        }
    }
}

impl<S: fmt::Debug, B: fmt::Debug, C, Merge> fmt::Debug for Fallback<S, B, C, Merge> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("primary", &self.primary).field("backup", &self.backup).finish_non_exhaustive()
    }
}
