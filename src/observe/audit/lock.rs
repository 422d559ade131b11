//! The lock of an audit file. The lock is on a separate file, so that programs that lock the audit
//! while they read it don't block its writers.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::private_file::{Acquired, FileLock};

pub(super) struct AuditLock {
    path: PathBuf,
    /// The latest call of `acquire` gave up because another process held the lock, so the next call
    /// tries only once.
    is_taken: bool,
}

/// The right to write: no other process rotates the file or truncates it.
pub(super) enum Held {
    Lock(#[expect(dead_code, reason = "dropping it releases the lock")] FileLock),
    /// The file system has no locks, so no process holds one.
    Nothing,
}

impl AuditLock {
    /// The number of tries, 10 ms apart.
    const PATIENCE: u32 = 100;

    /// The lock of the audit file at this path.
    pub(super) fn of(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push(".lock");
        Self { path: name.into(), is_taken: false }
    }

    /// Waits up to a second for other processes, which hold the lock for one batch. After another
    /// process has held it for that long, later calls try only once. `None` if the lock isn't
    /// available: its file can't be created, or another process keeps it.
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
