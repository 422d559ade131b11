use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::reporter::{CallReporter, Reporter};
use crate::clone_source::CloneSource;

/// The backup and the error merge, shared by all clones of a service and by their calls.
///
/// A call that succeeds clones neither: it only holds a sharded reference count of this struct. A
/// call whose primary has failed clones both on demand.
pub(super) struct SharedBackup<B, Merge> {
    source: CloneSource<(B, Merge)>,
    /// Calls start with this value. A call whose backup waits has one of its own.
    pub(super) reporter: Arc<CallReporter>,
}

impl<B, Merge> SharedBackup<B, Merge> {
    pub(super) fn new(backup: B, merge: Merge, reporter: Arc<Reporter>) -> Self {
        Self { source: CloneSource::new(Some((backup, merge))), reporter: Arc::new(CallReporter::new(reporter)) }
    }

    /// A backup for one call, and what merges the errors if the backup fails too. Pending while
    /// another call clones both.
    #[cold]
    pub(super) fn poll_clone(&self, cx: &mut Context<'_>) -> Poll<(B, Merge)>
    where
        B: Clone,
        Merge: Clone,
    {
        self.source.poll_clone(cx)
    }
}
