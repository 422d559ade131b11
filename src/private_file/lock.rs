//! A lock that one process holds, on a file of its own. Other programs' locks for reading don't
//! keep it: a backup tool may hold one on every file.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Releases the lock when it is dropped. The system does so when the process ends, however it does.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl Drop for FileLock {
    /// Closing the file isn't enough: a child that another thread has just forked keeps it open
    /// until it runs its own program.
    fn drop(&mut self) {
        let _ = fs4::FileExt::unlock(&self.0);
    }
}

/// What came of trying to lock.
pub(crate) enum Acquired {
    Locked(FileLock),
    /// Another process holds it, or another handle of this process.
    Taken,
    /// The file system has no locks.
    Unsupported(io::Error),
}

impl FileLock {
    /// Fails if the file can't be opened or created.
    pub(crate) fn try_acquire(path: &Path) -> io::Result<Acquired> {
        // Again if another process replaces the file meanwhile.
        for _ in 0..10 {
            let lock = Self(open(path)?);
            match fs4::FileExt::try_lock(&lock.0) {
                Ok(()) if super::is_at(&lock.0, path)? => return Ok(Acquired::Locked(lock)),
                Ok(()) => {}
                Err(fs4::TryLockError::Error(error)) => return Ok(Acquired::Unsupported(error)),
                Err(fs4::TryLockError::WouldBlock) => {
                    // Files of other systems can't be compared, which replacing one needs.
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

    /// Puts a new file, locked, in the place of one that is only locked for reading; `None` if
    /// another process was faster.
    ///
    /// `self` is locked for reading too, until the new file is in place, so no process can
    /// meanwhile lock the old one for itself. The lock of the new file keeps all others out that
    /// would replace it.
    fn replace(self, path: &Path) -> io::Result<Option<Self>> {
        let mut new_path = OsString::from(path);
        new_path.push(".new");
        let new_path = PathBuf::from(new_path);
        let new = Self(open(&new_path)?);
        if fs4::FileExt::try_lock(&new.0).is_err() || !super::is_at(&new.0, &new_path)? {
            return Ok(None);
        }
        if !super::is_at(&self.0, path)? {
            fs::remove_file(new_path)?;
            return Ok(None);
        }
        fs::rename(new_path, path)?;
        Ok(Some(new))
    }
}

/// Windows locks nothing that is only appended to.
fn open(path: &Path) -> io::Result<File> {
    super::look_for_file(path)?;
    super::open_or_create(path, OpenOptions::new().read(true).write(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_locked(path: &Path) -> Option<FileLock> {
        match FileLock::try_acquire(path).unwrap() {
            Acquired::Locked(lock) => Some(lock),
            Acquired::Taken => None,
            Acquired::Unsupported(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = is_locked(&path).unwrap();
        assert!(is_locked(&path).is_none());
        drop(lock);
        assert!(is_locked(&path).is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_for_reading_does_not_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        drop(is_locked(&path));
        let reader = File::open(&path).unwrap();
        fs4::FileExt::try_lock_shared(&reader).unwrap();
        let lock = is_locked(&path).unwrap();
        assert!(is_locked(&path).is_none(), "it is held once");
        drop(lock);
        assert!(is_locked(&path).is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// Threads that lock through handles of their own are like processes.
    #[cfg(unix)]
    #[test]
    fn among_readers_and_many_that_try_one_at_a_time_holds_it() {
        use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        drop(is_locked(&path));
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
                        let Some(lock) = is_locked(&path) else { continue };
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
        assert!(is_locked(&path).is_some());
    }
}
