//! The cores that no circuit uses, by the layout of the window that they were made with.
//!
//! A core is never freed, so their number needs a bound whatever the shapes are: a circuit that finds no core of its layout gets one of
//! another layout as soon as more than half of all cores, and more than [`MIN_FREE`], are free. So there are never more than twice
//! as many cores as circuits were alive at a time, and [`MIN_FREE`]. A process that uses a few shapes doesn't come near that: its circuits
//! all get the cores that suit them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::core::Core;
use crate::breaker::window::WindowLayout;

/// So many free cores may wait for a circuit of their own layout. A core with its window takes 0.2 to 3 kB.
const MIN_FREE: usize = 1_024;

static FREE: Mutex<FreeList> = Mutex::new(FreeList { by_layout: BTreeMap::new(), count: 0, made: 0 });

struct FreeList {
    /// No more lists than cores: a list is made with the original core of its layout.
    by_layout: BTreeMap<WindowLayout, Vec<&'static Core>>,
    count: usize,
    /// How many cores there are, the used ones included.
    made: usize,
}

/// A core without a circuit: of this layout if there is one.
pub(super) fn take_or_allocate(layout: WindowLayout) -> &'static Core {
    if let Some(core) = with(|free| free.take(layout)) {
        return core;
    }
    Box::leak(Box::new(Core::new(layout)))
}

/// Gives back a core whose circuit is gone.
pub(super) fn give_back(core: &'static Core) {
    with(|free| free.put(core));
}

// No code of the user's runs within: cores are plain memory.
fn with<T>(change: impl FnOnce(&mut FreeList) -> T) -> T {
    change(&mut FREE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl FreeList {
    /// `None`: one is to be made, and is counted already.
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
