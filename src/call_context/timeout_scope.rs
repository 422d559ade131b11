//! Which attempt a call belongs to, and whether that attempt is being dropped because it exceeded
//! its time limit.
//!
//! - **Writer:** a retry with a time limit, while it calls and polls an attempt, and while it drops
//!   one that exceeded its limit.
//! - **Reader:** the permit of an inner breaker. It records the attempt in which its call began. If
//!   the permit is dropped without a verdict while that attempt is dropped because of its limit,
//!   the breaker counts the call as failed, not as cancelled. Permits of other calls that are
//!   dropped at the same time aren't affected.
//! - **Direction:** inwards.
//! - **Lifetime:** one call, one poll, or the drop of the attempt's future.
//!
//! An attempt within an attempt has the number of the outermost one. The numbers wrap around after
//! 65,535 requests of a thread.

use std::cell::Cell;

thread_local! {
    static SCOPE: Scope = const { Scope { current: Cell::new(0), over: Cell::new(0), newest: Cell::new(0) } };
}

struct Scope {
    /// The attempt that is being called or polled; 0 if there is none.
    current: Cell<u16>,
    /// The attempt that is being dropped because it exceeded its limit; 0 if there is none.
    over: Cell<u16>,
    newest: Cell<u16>,
}

/// A new number, for all attempts of a request that starts now.
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

/// The attempt that a call which starts now belongs to; 0 if there is none.
#[inline]
pub(crate) fn current() -> u16 {
    SCOPE.with(|scope| scope.current.get())
}

/// While this guard exists, the calls and polls that run are part of an attempt. Dropping the guard
/// restores the outer attempt, also when a call panics.
pub(crate) struct TimeoutScope {
    before: u16,
}

impl TimeoutScope {
    /// `None` for an attempt without a limit.
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

/// Runs `drop_call`, which drops an attempt that exceeded its limit.
pub(crate) fn end<T>(attempt: u16, drop_call: impl FnOnce() -> T) -> T {
    struct Restore(u16);

    // Restores the value also if a drop panics.
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPE.with(|scope| scope.over.set(self.0));
        }
    }

    let _restore = Restore(SCOPE.with(|scope| scope.over.replace(attempt)));
    drop_call()
}

/// Whether this attempt is being dropped because it exceeded its limit.
pub(crate) fn is_over(attempt: u16) -> bool {
    attempt != 0 && SCOPE.with(|scope| scope.over.get()) == attempt
}
