//! How many [`Rejection`](crate::Rejection)s exist on this thread. It shows whether the rejection
//! that a note describes still exists.
//!
//! - **Writer:** each `Rejection`, when it is made, cloned, and dropped.
//! - **Reader:** [`result_note`](super::result_note).
//! - **Direction:** outwards.
//! - **Lifetime:** counts are only compared within one `poll` or one blocking call.
//!
//! A count per thread is enough. A rejection that moves to another thread leaves both counts off by
//! one permanently, but the differences within one poll stay correct.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// A zero-sized field of each `Rejection` that counts it.
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

/// How many rejections there would be without the one that the caller holds.
#[inline]
pub(crate) fn without_one() -> u32 {
    COUNT.with(|count| count.get().wrapping_sub(1))
}

/// Whether more than `floor` rejections exist.
#[inline]
pub(crate) fn exceed(floor: u32) -> bool {
    COUNT.with(|count| (1..=u32::MAX / 2).contains(&count.get().wrapping_sub(floor)))
}
