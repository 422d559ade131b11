//! Counts the allocations of one thread while counting is on. While it is off, an allocation costs
//! one extra atomic load.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocations {
    pub count: u64,
    pub bytes: u64,
}

/// Counts what `work` allocates. Only one call at a time.
pub fn of(work: impl FnOnce()) -> Allocations {
    MADE.set(Allocations::default());
    COUNTING.store(true, Ordering::Relaxed);
    work();
    COUNTING.store(false, Ordering::Relaxed);
    MADE.get()
}

static COUNTING: AtomicBool = AtomicBool::new(false);

thread_local!(static MADE: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0 }) });

#[global_allocator]
static COUNTED: Counted = Counted;

struct Counted;

// SAFETY: every call is forwarded unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTING.load(Ordering::Relaxed) {
            let Allocations { count, bytes } = MADE.get();
            MADE.set(Allocations { count: count + 1, bytes: bytes + layout.size() as u64 });
        }
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}
