//! Which attempt a call belongs to, and whether that attempt is being dropped because its time is over.
//!
//! - **Writer:** a retry with a time limit: while it calls and polls an attempt, and while it drops one whose time is over.
//! - **Reader:** the permit of a breaker further in: it notes the attempt in which its call began. If it is dropped without a verdict
//!   while that attempt is dropped for its time, the call is a failure, and not a caller's change of mind. A permit of another
//!   call that happens to be dropped in there isn't concerned.
//! - **Direction:** inwards.
//! - **Lifetime:** one call, one poll, or the drop of the attempt's future.
//!
//! Attempts within an attempt have the number of the outermost one. Numbers come round after 65,535 requests of a thread.

use std::cell::Cell;

thread_local! {
    static SCOPE: Scope = const { Scope { current: Cell::new(0), over: Cell::new(0), newest: Cell::new(0) } };
}

struct Scope {
    /// The attempt that is called or polled; 0 is none.
    current: Cell<u16>,
    /// The attempt that is dropped because its time is over; 0 is none.
    over: Cell<u16>,
    newest: Cell<u16>,
}

/// The number of the attempts of a request that begins now.
#[cold]
pub(crate) fn number() -> u16 {
    SCOPE.with(|scope| match scope.current.get() {
        0 => {
            let number = scope.newest.get().checked_add(1).unwrap_or(1);
            scope.newest.set(number);
            number
        }
        around => around,
    })
}

/// The attempt that a call which begins now belongs to; 0 is none.
#[inline]
pub(crate) fn current() -> u16 {
    SCOPE.with(|scope| scope.current.get())
}

/// While this is held, what is called or polled belongs to an attempt. Dropping it restores the one before, also when a call
/// panics.
pub(crate) struct TimeoutScope {
    before: u16,
}

impl TimeoutScope {
    /// `None` for an attempt that has no limit.
    #[inline]
    pub(crate) fn enter(attempt: u16) -> Option<Self> {
        if attempt == 0 {
            return None;
        }
        Some(Self { before: SCOPE.with(|scope| scope.current.replace(attempt)) })
    }
}

impl Drop for TimeoutScope {
    #[inline]
    fn drop(&mut self) {
        SCOPE.with(|scope| scope.current.set(self.before));
    }
}

/// Runs `drop_call`, which drops an attempt that took too long.
pub(crate) fn end<T>(attempt: u16, drop_call: impl FnOnce() -> T) -> T {
    struct Restore(u16);

    // Also when a drop panics.
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPE.with(|scope| scope.over.set(self.0));
        }
    }

    let _restore = Restore(SCOPE.with(|scope| scope.over.replace(attempt)));
    drop_call()
}

/// Whether this attempt is being dropped because it took too long.
pub(crate) fn is_over(attempt: u16) -> bool {
    attempt != 0 && SCOPE.with(|scope| scope.over.get()) == attempt
}
