//! How many [`Rejection`](crate::Rejection)s are alive on this thread: whether the one that a note is about still exists.
//!
//! - **Writer:** each `Rejection`, when it is made, cloned and dropped.
//! - **Reader:** [`result_note`](super::result_note).
//! - **Direction:** outwards.
//! - **Lifetime:** the count is only compared within one `poll` or one blocking call.
//!
//! A count per thread is enough for that. A rejection that moves to another thread leaves both counts off by one for good; the
//! differences within one poll stay right.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// A part of each `Rejection` that counts it. It takes no space.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counted(());

impl Counted {
    #[inline]
    pub(crate) fn new() -> Self {
        add(1);
        Self(())
    }
}

impl Clone for Counted {
    #[inline]
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Drop for Counted {
    #[inline]
    fn drop(&mut self) {
        add(u32::MAX);
    }
}

#[inline]
fn add(change: u32) {
    COUNT.with(|count| count.set(count.get().wrapping_add(change)));
}

/// How many there would be without the one that the caller holds.
#[inline]
pub(crate) fn without_one() -> u32 {
    COUNT.with(|count| count.get().wrapping_sub(1))
}

/// Whether there are more than these.
#[inline]
pub(crate) fn exceed(floor: u32) -> bool {
    COUNT.with(|count| (1..=u32::MAX / 2).contains(&count.get().wrapping_sub(floor)))
}
