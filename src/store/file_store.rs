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
    writer::{self, StoreState},
};
use crate::{
    InvalidConfig,
    observe::{Event, Observer},
    sanitize,
};

/// State that survives the process, in a file that is replaced atomically.
///
/// The [module](super) describes what survives, and the file format.
///
/// # Clone
///
/// Clones are handles to the same store. Dropping the last one saves the state once more, and
/// releases the lock.
#[derive(Clone)]
pub struct FileStore {
    inner: Arc<Inner>,
}

/// Ends the writer when the last handle is dropped.
struct Inner {
    state: Arc<StoreState>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FileStore {
    /// Opens the store `name` in a folder, and locks it. The folder is created if it doesn't exist.
    ///
    /// A file that is damaged, or that a later version has written, is renamed with a warning, and
    /// the store starts empty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Name`] if the name isn't a plain file name, for example if it is a path.
    /// [`StoreError::Held`] if the store is open already, in this process or another.
    /// [`StoreError::Io`] if the folder or the files can't be used, or a file is a symbolic link.
    pub fn open(folder: impl AsRef<Path>, name: &str) -> Result<Self, StoreError> {
        let paths = Paths::new(folder.as_ref(), name)?;
        let lock = disk::lock(&paths)?;
        let (saved, access) = disk::load(&paths)?;
        let parts = Parts::new(saved);
        let state = Arc::new(StoreState { paths, parts, commits: Arc::new(GroupCommit::new()) });
        let thread = writer::start(Arc::clone(&state), lock, access)
            .map_err(StoreError::io("start the thread that writes", state.paths.data()))?;
        Ok(Self { inner: Arc::new(Inner { state, thread: Mutex::new(Some(thread)) }) })
    }

    /// Sets how long a change may wait to be written, so that several changes share one write: 100
    /// ms unless set. It applies to all handles.
    pub fn write_interval(self, time: Duration) -> Self {
        self.commits().set_every(time);
        self
    }

    /// Restores a part from the state that was saved under this name, and saves it from now on.
    ///
    /// Call it before you use the part: the restored state replaces what the part has counted so
    /// far.
    ///
    /// # Errors
    ///
    /// If the store has a part with this name already.
    pub fn register<P: Persist + Clone>(&self, name: impl Into<String>, part: &P) -> Result<Restored, InvalidConfig> {
        let (restored, unreadable) = self.inner.state.parts.keep(name.into(), part.clone())?;
        if let Some(why) = unreadable {
            disk::copy_aside(&self.inner.state.paths, &why);
        }
        Ok(restored)
    }

    /// Removes a part: it is no longer saved, and the next save removes its state from the file.
    /// This also works for the state of a part that this run hasn't registered. Returns whether
    /// there was such a part.
    pub fn unregister(&self, name: &str) -> bool {
        let was_there = self.inner.state.parts.forget(name);
        if was_there {
            self.changed();
        }
        was_there
    }

    /// An observer that marks the store as changed. Add it to the configurations of the layers and
    /// circuits that the store saves. It doesn't keep the store open.
    ///
    /// A success also changes a circuit, but emits no event. So until the next save, the file still
    /// contains the failures in a row from before the success.
    pub fn observer(&self) -> impl Observer + Clone + use<> {
        Changes(Arc::clone(self.commits()))
    }

    /// Marks the store as changed. The writer thread saves it after the [write
    /// interval](Self::write_interval).
    pub fn changed(&self) {
        self.commits().changed();
    }

    /// Saves, and waits until the state is on the disk. Every change before this call then survives
    /// a power failure. Requests that wait at the same time share one write. It blocks the thread;
    /// in async code, use [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If not everything could be saved. The state that was saved before is still there, and the
    /// writer tries again.
    pub fn save(&self) -> Result<(), StoreError> {
        self.commits().wait(self.commits().request())
    }

    /// [`save`](Self::save) without blocking the thread.
    ///
    /// # Errors
    ///
    /// The same as [`save`](Self::save).
    ///
    /// # Cancel safety
    ///
    /// The first poll requests the save, which is made even if the future is dropped afterwards.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let requested = self.commits().request();
        poll_fn(|cx| self.commits().poll(requested, cx)).await
    }

    /// Why the last save was incomplete; `None` if it was complete.
    pub fn last_error(&self) -> Option<StoreError> {
        self.commits().trouble()
    }

    fn commits(&self) -> &Arc<GroupCommit> {
        &self.inner.state.commits
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreState { paths, parts, .. } = &*self.inner.state;
        f.debug_struct("FileStore")
            .field("file", &sanitize::path(&paths.data()))
            .field("parts", parts)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.state.commits.close();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A part may hold the last handle, so the writer thread itself may drop it.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            // The thread catches panics of parts, so joining it doesn't fail.
            let _ = thread.join();
        }
    }
}

/// Marks the store as changed.
#[derive(Clone)]
struct Changes(Arc<GroupCommit>);

impl Observer for Changes {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            // Events that don't change saved state.
            Event::CallRejected { .. } | Event::FallbackCalled { .. } | Event::FallbackFailed { .. } => {}
            _ => self.0.changed(),
        }
    }
}
