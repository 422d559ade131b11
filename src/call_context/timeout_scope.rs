//! Whether a call is being dropped because it took too long.
//!
//! - **Writer:** the retry that drops an attempt whose time is over.
//! - **Reader:** the permit of a breaker further in, when it is dropped without a verdict: the call is a failure then, and not a
//!   caller's change of mind.
//! - **Direction:** inwards.
//! - **Lifetime:** while the attempt's future is dropped.

use std::cell::Cell;

thread_local! {
    static IS_ACTIVE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `drop_call`, which drops a call that took too long.
pub(crate) fn enter<T>(drop_call: impl FnOnce() -> T) -> T {
    struct Restore(bool);

    // Also when a drop panics.
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_ACTIVE.with(|active| active.set(self.0));
        }
    }

    let _restore = Restore(IS_ACTIVE.with(|active| active.replace(true)));
    drop_call()
}

/// Whether a call is being dropped because it took too long.
pub(crate) fn is_active() -> bool {
    IS_ACTIVE.with(Cell::get)
}
