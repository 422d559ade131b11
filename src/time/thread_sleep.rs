//! The sleep of a thread. With the feature `testing`, a test can replace it on its thread.

use std::time::Duration;

/// Blocks the thread.
#[cfg(not(feature = "testing"))]
pub(crate) fn thread_sleep(delay: Duration) {
    std::thread::sleep(delay);
}

/// Blocks the thread, or calls what [`replace_thread_sleep`] has set.
#[cfg(feature = "testing")]
pub(crate) fn thread_sleep(delay: Duration) {
    match replaced::current() {
        Some(sleep) => sleep(delay),
        None => std::thread::sleep(delay),
    }
}

#[cfg(feature = "testing")]
pub(crate) use replaced::replace_thread_sleep;

#[cfg(feature = "testing")]
mod replaced {
    use std::{cell::RefCell, rc::Rc, time::Duration};

    type Sleep = Rc<dyn Fn(Duration)>;

    thread_local! {
        static SLEEP: RefCell<Option<Sleep>> = const { RefCell::new(None) };
    }

    pub(super) fn current() -> Option<Sleep> {
        SLEEP.with_borrow(Option::clone)
    }

    /// Replaces the sleep of this thread until the guard is dropped.
    pub(crate) fn replace_thread_sleep(sleep: impl Fn(Duration) + 'static) -> impl Drop {
        Restore { former: SLEEP.replace(Some(Rc::new(sleep))) }
    }

    struct Restore {
        former: Option<Sleep>,
    }

    impl Drop for Restore {
        fn drop(&mut self) {
            SLEEP.set(self.former.take());
        }
    }
}
