//! The lock of an audit file, on a file of its own: readers of the audit lock nothing that its
//! writers need.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::private_file::{Acquired, FileLock};

pub(super) struct AuditLock {
    path: PathBuf,
    /// Another process held it for longer than a batch of lines takes.
    is_taken: bool,
}

/// What keeps other writers from rotating the file, and from cutting off what is written here.
pub(super) enum Held {
    Lock(#[expect(dead_code, reason = "it is released when it is dropped")] FileLock),
    /// The file system has no locks, so no process has one.
    Nothing,
}

impl AuditLock {
    /// How often it is tried, 10 ms apart.
    const PATIENCE: u32 = 100;

    /// Of the audit file at this path.
    pub(super) fn of(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push(".lock");
        Self { path: name.into(), is_taken: false }
    }

    /// Waits for other processes, which hold it for a batch; but only once for one that doesn't
    /// give it back. `None` if it can't be had: its file can't be made, or another process keeps
    /// it.
    pub(super) fn acquire(&mut self) -> Option<Held> {
        let tries = if self.is_taken { 1 } else { Self::PATIENCE };
        self.is_taken = false;
        for number in 1..=tries {
            match FileLock::try_acquire(&self.path) {
                Ok(Acquired::Locked(lock)) => return Some(Held::Lock(lock)),
                Ok(Acquired::Unsupported(_)) => return Some(Held::Nothing),
                Ok(Acquired::Taken) if number < tries => thread::sleep(Duration::from_millis(10)),
                Ok(Acquired::Taken) => self.is_taken = true,
                Err(_) => return None,
            }
        }
        None
    }
}
