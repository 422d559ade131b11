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

/// Restores the count that was valid before, also when the inner service panics.
struct Restore(Option<u32>);

impl Drop for Restore {
    fn drop(&mut self) {
        COUNT.set(self.0);
    }
}

/// Runs a call or poll of the inner service with this count, and updates it. `None` hides the count
/// of the request around the call.
pub(crate) fn run_with<T>(count: &mut Option<u32>, work: impl FnOnce() -> T) -> T {
    let restore = Restore(COUNT.replace(*count));
    let result = work();
    *count = COUNT.get();
    drop(restore);
    result
}

/// Counts an attempt that begins now, and returns its index: 0 is the first. `None` if no span of a
/// request is around the attempt on this thread.
pub(crate) fn begin_attempt() -> Option<u32> {
    let index = COUNT.get()?;
    COUNT.set(Some(index.saturating_add(1)));
    Some(index)
}
