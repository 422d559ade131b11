//! User code that uses the store while the store calls or drops it.

use std::{
    fmt::{self, Write},
    panic::resume_unwind,
    pin::pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Wake, Waker},
    time::Duration,
};

use tower_recourse::store::{FileStore, Persist};

use crate::{Slow, counter::Counter};

/// Runs something on another thread, and fails if it hangs.
fn finishes(run: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        run();
        done.send(()).unwrap();
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(Duration::from_secs(60)) {
        panic!("the test hangs");
    }
    thread.join().unwrap_or_else(|panic| resume_unwind(panic));
}

/// Unregisters another state when it is dropped.
struct UnregistersInDrop(FileStore);

impl Persist for UnregistersInDrop {
    type Snapshot = u64;

    fn snapshot(&self) -> u64 {
        1
    }

    fn restore(&self, _: u64, _: Duration) {}
}

impl Drop for UnregistersInDrop {
    fn drop(&mut self) {
        assert!(self.0.unregister("other"));
        self.0.register("again", &Counter::default()).unwrap();
    }
}

#[test]
fn an_entry_may_use_the_store_in_its_drop() {
    finishes(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path(), "state").unwrap();
        store.register("other", &Counter::default()).unwrap();
        store.register("forgets", &Arc::new(UnregistersInDrop(store.clone()))).unwrap();
        store.save().unwrap();
        assert!(store.unregister("forgets"));
        assert!(!store.unregister("other") && store.unregister("again"));
    });
}

/// A waker that uses the store when it is woken, and when it is dropped.
struct Uses(Mutex<Option<FileStore>>);

impl Wake for Uses {
    fn wake(self: Arc<Self>) {
        if let Some(store) = &*self.0.lock().unwrap() {
            store.changed();
            assert!(store.last_error().is_none());
        }
    }
}

impl Drop for Uses {
    fn drop(&mut self) {
        if let Some(store) = self.0.get_mut().unwrap().take() {
            store.changed();
            assert!(store.last_error().is_none());
        }
    }
}

/// A store whose writer waits in the snapshot of the state `slow`, until the test calls `open`.
fn slow_store(folder: &std::path::Path) -> (FileStore, Arc<Slow>) {
    let store = FileStore::open(folder, "state").unwrap();
    let slow = Arc::new(Slow::default());
    store.register("slow", &slow).unwrap();
    (store, slow)
}

#[test]
fn a_waker_may_use_the_store() {
    finishes(|| {
        let folder = tempfile::tempdir().unwrap();
        let (store, slow) = slow_store(folder.path());
        {
            let mut flush = pin!(store.flush());
            for _ in 0..3 {
                // Each poll stores a waker, and the store drops the one of the previous poll.
                let waker = Waker::from(Arc::new(Uses(Mutex::new(Some(store.clone())))));
                assert!(flush.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
        }
        slow.open();
        store.save().unwrap();
    });
}

#[test]
fn a_waker_that_panics_prevents_no_save() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("by design");
        }
    }
    finishes(|| {
        let folder = tempfile::tempdir().unwrap();
        let (store, slow) = slow_store(folder.path());
        let waker = Waker::from(Arc::new(Panics));
        assert!(pin!(store.flush()).poll(&mut Context::from_waker(&waker)).is_pending());
        slow.open();
        store.save().unwrap();
        store.save().unwrap();
    });
}

#[test]
fn a_store_may_be_used_while_it_is_formatted() {
    struct Uses(FileStore);
    impl Write for Uses {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            self.0.unregister("nothing");
            Ok(())
        }
    }
    finishes(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path(), "state").unwrap();
        store.register("counter", &Counter::default()).unwrap();
        store.save().unwrap();
        write!(Uses(store.clone()), "{store:?}").unwrap();
    });
}
