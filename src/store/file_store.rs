use std::{
    fmt,
    future::poll_fn,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    Persist, StoreError, disk,
    group_commit::GroupCommit,
    parts::{Parts, Restored},
    paths::Paths,
    writer::{self, Shared},
};
use crate::{
    Invalid,
    observe::{Event, Observer},
    sanitize,
};

/// State that survives the process, in a file that is never half written.
///
/// See the [module's page](super) for what survives, and what a file looks like.
///
/// # Clone
///
/// Clones are handles of the same store. When the last one is dropped, everything is saved once more, and the lock is given up.
#[derive(Clone)]
pub struct FileStore {
    inner: Arc<Inner>,
}

/// Ends with the last handle.
struct Inner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FileStore {
    /// Opens the store of this name in a folder, which is made if there is none, and keeps everybody else out.
    ///
    /// A file that is damaged, or was written by a later version, is set aside with a warning, and the store begins empty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Name`] if the name isn't plainly that of a file: paths are refused. [`StoreError::Held`] if somebody else has it
    /// open. [`StoreError::Io`] if the folder or the files can't be used, or a file is a symbolic link.
    pub fn open(folder: impl AsRef<Path>, name: &str) -> Result<Self, StoreError> {
        let place = Paths::new(folder.as_ref(), name)?;
        let lock = disk::lock(&place)?;
        let (saved, access) = disk::load(&place)?;
        let parts = Parts::new(saved);
        let shared = Arc::new(Shared { place, parts, commits: Arc::new(GroupCommit::new()) });
        let thread = writer::start(Arc::clone(&shared), lock, access)
            .map_err(StoreError::io("start the thread that writes", shared.place.data()))?;
        Ok(Self { inner: Arc::new(Inner { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// How long a change may wait to be written, so that many are written together; 100 ms unless set. For all handles.
    pub fn write_every(self, time: Duration) -> Self {
        self.commits().set_every(time);
        self
    }

    /// Restores a part from what was saved under this name, and saves it from now on.
    ///
    /// To be called before the part is used: what it has counted by then is replaced.
    ///
    /// # Errors
    ///
    /// If there is a part of this name already.
    pub fn keep<P: Persist + Clone>(&self, name: impl Into<String>, part: &P) -> Result<Restored, Invalid> {
        let (restored, unreadable) = self.inner.shared.parts.keep(name.into(), part.clone())?;
        if let Some(why) = unreadable {
            disk::copy_aside(&self.inner.shared.place, &why);
        }
        Ok(restored)
    }

    /// Keeps a part no longer, and removes what was saved of it with the next save. Also for parts that this run doesn't know.
    /// Whether there was one.
    pub fn forget(&self, name: &str) -> bool {
        let was_there = self.inner.shared.parts.forget(name);
        if was_there {
            self.changed();
        }
        was_there
    }

    /// An observer by which layers and circuits say that they have changed, for their configs. It keeps the store from nothing: not
    /// from being dropped either.
    ///
    /// A success changes a circuit too, and is no event: a row of failures that it ended may be in the file until the next save.
    pub fn observer(&self) -> impl Observer + Clone + use<> {
        Changes(Arc::clone(self.commits()))
    }

    /// Says that a part has changed: it is written soon, by another thread.
    pub fn changed(&self) {
        self.commits().changed();
    }

    /// Saves, and waits for it: what was changed before is on the disk then, and survives a power cut. All who wait at a time share one
    /// write. Blocks its thread; in async code, [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If not everything could be saved. What was saved before is still there, and it will be tried again.
    pub fn save(&self) -> Result<(), StoreError> {
        self.commits().wait(self.commits().ask())
    }

    /// [`save`](Self::save) without blocking the thread.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save).
    ///
    /// # Cancel safety
    ///
    /// The save is asked for with the first poll, and is made even if this is dropped then.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let asked = self.commits().ask();
        poll_fn(|cx| self.commits().poll(asked, cx)).await
    }

    /// What kept the last save from being complete; `None` if nothing did.
    pub fn trouble(&self) -> Option<StoreError> {
        self.commits().trouble()
    }

    fn commits(&self) -> &Arc<GroupCommit> {
        &self.inner.shared.commits
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { place, parts, .. } = &*self.inner.shared;
        f.debug_struct("FileStore")
            .field("file", &sanitize::path(&place.data()))
            .field("parts", parts)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.commits.close();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A part may hold the last handle, and be dropped by the thread itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            // It catches the panics of parts.
            let _ = thread.join();
        }
    }
}

/// Says that something has changed.
#[derive(Clone)]
struct Changes(Arc<GroupCommit>);

impl Observer for Changes {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            // Nothing that is kept.
            Event::CallRejected { .. } | Event::FallbackAsked { .. } | Event::FallbackFailed { .. } => {}
            _ => self.0.changed(),
        }
    }
}
