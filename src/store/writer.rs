//! The writer thread.

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

/// The state that the thread and the handles share.
#[derive(Debug)]
pub(super) struct StoreState {
    pub(super) paths: Paths,
    pub(super) parts: Parts,
    /// Circuits hold the store's observers, and circuits may be parts. So an observer holds only
    /// this: if it held the parts, there would be a reference cycle.
    pub(super) commits: Arc<GroupCommit>,
}

/// Saves until the store is closed. Holds the lock until then.
pub(super) fn start(state: Arc<StoreState>, lock: FileLock, mut access: Option<Access>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("store".to_owned()).spawn(move || {
        let _lock = lock;
        loop {
            let task = state.commits.take();
            let result = catch_unwind(AssertUnwindSafe(|| save(&state, &mut access)))
                .unwrap_or_else(|_| Err(panicked_in_drop()));
            let message = result.as_ref().err().map(ToString::to_string);
            if state.commits.finish(&task, result) {
                let message = message.unwrap_or_default();
                warn(format_args!(
                    "store {}: {message}; the state that was saved before is unchanged",
                    sanitize::path(&state.paths.data())
                ));
            }
            if task.is_last {
                return;
            }
        }
    })
}

fn save(state: &StoreState, access: &mut Option<Access>) -> Result<(), StoreError> {
    let (file, trouble) = state.parts.encode()?;
    disk::replace(&state.paths, &file, access)?;
    trouble.map_or(Ok(()), Err)
}

/// The error of a save during which a part was removed, the writer thread dropped that part, and
/// the drop panicked.
fn panicked_in_drop() -> StoreError {
    StoreError::Part { name: "removed".to_owned(), why: "its drop panicked".to_owned() }
}
