//! A lock file that one process holds exclusively.
//!
//! On Unix, shared locks of other programs don't prevent the exclusive lock. A backup tool may hold
//! one on every file.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{
    open::{look_for_file, open_or_create},
    system,
};

/// An exclusive lock. Dropping it releases the lock; when the process ends, the system does.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl Drop for FileLock {
    /// Unlocks explicitly, because closing the file isn't enough: a child process that another
    /// thread has just forked keeps the file open until it executes its own program.
    fn drop(&mut self) {
        let _ = fs4::FileExt::unlock(&self.0);
    }
}

/// The result of an attempt to lock.
pub(crate) enum Acquired {
    Locked(FileLock),
    /// Another process, or another handle of this process, holds the lock.
    Taken,
    /// The file system doesn't support locks.
    Unsupported(io::Error),
}

impl FileLock {
    /// Tries to lock the file at this path without waiting. Fails if the file can't be opened or
    /// created.
    pub(crate) fn try_acquire(path: &Path) -> io::Result<Acquired> {
        // Repeated if another process replaces the file between the open and the lock.
        for _ in 0..10 {
            let lock = Self(open(path)?);
            match fs4::FileExt::try_lock(&lock.0) {
                Ok(()) if system::is_at(&lock.0, path)? => return Ok(Acquired::Locked(lock)),
                Ok(()) => {}
                Err(fs4::TryLockError::Error(error)) => return Ok(Acquired::Unsupported(error)),
                Err(fs4::TryLockError::WouldBlock) => {
                    // Replacing a file requires a comparison of files, which only Unix supports.
                    if !cfg!(unix) || fs4::FileExt::try_lock_shared(&lock.0).is_err() {
                        return Ok(Acquired::Taken);
                    }
                    if let Some(new) = lock.replace(path)? {
                        return Ok(Acquired::Locked(new));
                    }
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Acquired::Taken)
    }

    /// Replaces a file on which others hold shared locks by a new one, which this process locks
    /// exclusively. `None` if another process was faster.
    ///
    /// `self` holds a shared lock on the old file until the new one is in place, so no process can
    /// lock the old one exclusively meanwhile. The lock on the new file excludes other processes
    /// that want to replace the old one.
    fn replace(self, path: &Path) -> io::Result<Option<Self>> {
        let mut new_path = OsString::from(path);
        new_path.push(".new");
        let new_path = PathBuf::from(new_path);
        let new = Self(open(&new_path)?);
        if fs4::FileExt::try_lock(&new.0).is_err() || !system::is_at(&new.0, &new_path)? {
            return Ok(None);
        }
        if !system::is_at(&self.0, path)? {
            fs::remove_file(new_path)?;
            return Ok(None);
        }
        fs::rename(new_path, path)?;
        Ok(Some(new))
    }
}

/// Opened for writing, because Windows can't lock a file that is opened only for appending.
fn open(path: &Path) -> io::Result<File> {
    look_for_file(path)?;
    open_or_create(path, OpenOptions::new().read(true).write(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_lock(path: &Path) -> Option<FileLock> {
        match FileLock::try_acquire(path).unwrap() {
            Acquired::Locked(lock) => Some(lock),
            Acquired::Taken => None,
            Acquired::Unsupported(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_lock_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = try_lock(&path).unwrap();
        assert!(try_lock(&path).is_none());
        drop(lock);
        assert!(try_lock(&path).is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_shared_lock_of_another_program_does_not_prevent_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        drop(try_lock(&path));
        let reader = File::open(&path).unwrap();
        fs4::FileExt::try_lock_shared(&reader).unwrap();
        let lock = try_lock(&path).unwrap();
        assert!(try_lock(&path).is_none(), "the lock has one holder");
        drop(lock);
        assert!(try_lock(&path).is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// Threads with separate handles compete like processes do.
    #[cfg(unix)]
    #[test]
    fn a_lock_has_one_holder_among_many_readers() {
        use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        drop(try_lock(&path));
        let (holders, is_over) = (AtomicU32::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let Ok(reader) = File::open(&path) else { continue };
                    let _ = fs4::FileExt::try_lock_shared(&reader);
                    thread::yield_now();
                }
            });
            let all = [(); 3].map(|()| {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Some(lock) = try_lock(&path) else { continue };
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "another thread holds it");
                        thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                })
            });
            let joined = all.map(thread::ScopedJoinHandle::join);
            is_over.store(true, Ordering::SeqCst);
            joined.into_iter().for_each(|joined| joined.unwrap());
        });
        assert!(try_lock(&path).is_some());
    }
}
