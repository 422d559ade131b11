//! The free cores, by the layout of the windows that they were allocated with.
//!
//! Cores are never freed, so their number needs a bound for every mix of layouts. A circuit that
//! finds no free core of its layout takes one of another layout if more than half of all cores, and
//! more than [`MIN_FREE`], are free. So the number of cores is at most twice the peak number of
//! live circuits, plus [`MIN_FREE`]. It is far lower in a process with few layouts, because
//! circuits find free cores of their own layout.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::core::Core;
use crate::breaker::window::WindowLayout;

/// Up to this number, free cores are kept for circuits of their own layout. A core with its window
/// takes 0.2 to 3 kB.
const MIN_FREE: usize = 1_024;

static FREE: Mutex<FreeList> = Mutex::new(FreeList { by_layout: BTreeMap::new(), count: 0, made: 0 });

struct FreeList {
    /// The first core of a layout adds a list, so there are at most as many lists as cores.
    by_layout: BTreeMap<WindowLayout, Vec<&'static Core>>,
    count: usize,
    /// How many cores exist, those in use included.
    made: usize,
}

/// Returns a core that no circuit uses. The core has this layout if such a core is free, or if it
/// is new.
pub(super) fn take_or_allocate(layout: WindowLayout) -> &'static Core {
    if let Some(core) = with(|free| free.take(layout)) {
        return core;
    }
    Box::leak(Box::new(Core::new(layout)))
}

/// Puts the core of a dropped circuit back into the list.
pub(super) fn give_back(core: &'static Core) {
    with(|free| free.put(core));
}

// No user code runs under the lock: cores are plain memory.
fn with<T>(change: impl FnOnce(&mut FreeList) -> T) -> T {
    change(&mut FREE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl FreeList {
    /// Takes a free core. On `None`, the caller must allocate one; `made` already includes it.
    fn take(&mut self, layout: WindowLayout) -> Option<&'static Core> {
        let core = self.by_layout.get_mut(&layout).and_then(Vec::pop).or_else(|| {
            let are_many = self.count > MIN_FREE.max(self.made / 2);
            if are_many { self.by_layout.values_mut().find_map(Vec::pop) } else { None }
        });
        match core {
            Some(_) => self.count -= 1,
            None => self.made += 1,
        }
        core
    }

    fn put(&mut self, core: &'static Core) {
        self.by_layout.entry(core.layout()).or_default().push(core);
        self.count += 1;
    }
}
