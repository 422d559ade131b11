//! How many attempts the request has made, for the spans of its attempts.
//!
//! - **Writer:** the span of a request, while it calls or polls the inner service. The span of an
//!   attempt adds one when it begins.
//! - **Reader:** the span of an attempt reads its index. The span of the request reads the count
//!   back, and keeps it until the next poll.
//! - **Direction:** inwards; the count goes outwards.
//! - **Lifetime:** one call or one poll of the inner service. Within an attempt there is no count,
//!   so that a stack which the service calls counts its own requests only.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Updates the count of the request, and restores the count that was valid before. A guard, because
/// the inner service may panic.
struct Running<'a> {
    count: &'a mut Option<u32>,
    before: Option<u32>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.count = COUNT.replace(self.before);
    }
}

/// Runs a call or poll of the inner service with this count, and updates it. `None` hides the count
/// of the request around the call.
pub(crate) fn run_with<T>(count: &mut Option<u32>, work: impl FnOnce() -> T) -> T {
    let before = COUNT.replace(*count);
    let _running = Running { count, before };
    work()
}

/// Counts an attempt that begins now, and returns its index: 0 is the first. `None` if no span of a
/// request is around the attempt on this thread.
pub(crate) fn begin_attempt() -> Option<u32> {
    let index = COUNT.get()?;
    COUNT.set(Some(index.saturating_add(1)));
    Some(index)
}
