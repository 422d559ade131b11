//! The lock of an audit file, on a file of its own: readers of the audit lock nothing that its writers need.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::private_file;

/// Keeps other writers out while they rotate, and while this one does.
pub(super) struct FileLock {
    path: PathBuf,
    /// Another process held it for longer than a batch of lines takes.
    is_taken: bool,
}

/// Releases the lock when it is dropped.
pub(super) struct Locked(File);

impl Drop for Locked {
    /// Closing the file isn't enough: a child that another thread has just forked keeps it open until it runs its own program.
    fn drop(&mut self) {
        let _ = fs4::FileExt::unlock(&self.0);
    }
}

impl FileLock {
    /// How often it is tried, 10 ms apart.
    const PATIENCE: u32 = 100;

    /// Of the audit file at this path.
    pub(super) fn of(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push(".lock");
        Self { path: name.into(), is_taken: false }
    }

    /// Waits for other processes, which hold it for a batch; but only once for one that doesn't give it back. `None` if it
    /// can't be had: its file can't be made, or another process keeps it.
    pub(super) fn acquire(&mut self) -> Option<Locked> {
        let tries = if self.is_taken { 1 } else { Self::PATIENCE };
        self.is_taken = false;
        for number in 1..=tries {
            match self.try_acquire() {
                Ok(locked) => return Some(locked),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return None,
                Err(_) if number < tries => thread::sleep(Duration::from_millis(10)),
                Err(_) => self.is_taken = true,
            }
        }
        None
    }

    fn try_acquire(&self) -> io::Result<Locked> {
        let mut options = OpenOptions::new();
        // Windows locks nothing that is only appended to.
        options.read(true).write(true);
        let file = private_file::open_or_create(&self.path, &options)?;
        match fs4::FileExt::try_lock(&file) {
            Err(fs4::TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            // A file system without locks: no process has one.
            Ok(()) | Err(fs4::TryLockError::Error(_)) => {}
        }
        let locked = Locked(file);
        // Somebody may have removed it, and another process locked a new one.
        if private_file::is_at(&locked.0, &self.path)? { Ok(locked) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}
