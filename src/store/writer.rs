//! The thread that saves.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{StoreError, disk, group_commit::GroupCommit, parts::Parts, paths::Paths};
use crate::{
    background_log::warn,
    private_file::{Access, FileLock},
    sanitize,
};

/// What the thread and the handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) place: Paths,
    pub(super) parts: Parts,
    /// Held by observers too, which circuits hold, which are parts: they must not hold the parts.
    pub(super) commits: Arc<GroupCommit>,
}

/// Saves until the store is closed, and holds the lock that long.
pub(super) fn start(shared: Arc<Shared>, lock: FileLock, mut access: Option<Access>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("store".to_owned()).spawn(move || {
        let _lock = lock;
        loop {
            let task = shared.commits.take();
            let result =
                catch_unwind(AssertUnwindSafe(|| save(&shared, &mut access))).unwrap_or_else(|_| Err(dropped()));
            let said = result.as_ref().err().map(ToString::to_string);
            if shared.commits.answer(&task, result) {
                let said = said.unwrap_or_default();
                warn(format_args!(
                    "store {}: {said}; what was saved before is still there",
                    sanitize::path(&shared.place.data())
                ));
            }
            if task.is_last {
                return;
            }
        }
    })
}

fn save(shared: &Shared, access: &mut Option<Access>) -> Result<(), StoreError> {
    let (file, trouble) = shared.parts.encode()?;
    disk::replace(&shared.place, &file, access)?;
    trouble.map_or(Ok(()), Err)
}

/// A part that was forgotten meanwhile was dropped here, and panicked.
fn dropped() -> StoreError {
    StoreError::Part { name: "forgotten".to_owned(), why: "it panicked when it was dropped".to_owned() }
}
