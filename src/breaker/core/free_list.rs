//! The cores that no circuit uses, by the shape of the window that they were made with.
//!
//! A core is never freed, so their number needs a bound whatever the shapes are: a circuit that finds no core of its shape gets one of
//! another shape as soon as more than half of all cores, and more than [`FEW`], are free. So there are never more than twice
//! as many cores as circuits were alive at a time, and [`FEW`]. A process that uses a few shapes doesn't come near that: its circuits
//! all get the cores that suit them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::core::Core;
use crate::breaker::window::Shape;

/// So many free cores may wait for a circuit of their own shape. A core with its window takes 0.2 to 3 kB.
const FEW: usize = 1_024;

static FREE: Mutex<Free> = Mutex::new(Free { by_shape: BTreeMap::new(), count: 0, made: 0 });

struct Free {
    /// No more lists than cores: a list is made with the first core of its shape.
    by_shape: BTreeMap<Shape, Vec<&'static Core>>,
    count: usize,
    /// How many cores there are, the used ones included.
    made: usize,
}

/// A core without a circuit: of this shape if there is one.
pub(super) fn take_or_make(shape: Shape) -> &'static Core {
    if let Some(core) = with(|free| free.take(shape)) {
        return core;
    }
    Box::leak(Box::new(Core::new(shape)))
}

/// Gives back a core whose circuit is gone.
pub(super) fn put(core: &'static Core) {
    with(|free| free.put(core));
}

// No code of the user's runs within: cores are plain memory.
fn with<T>(change: impl FnOnce(&mut Free) -> T) -> T {
    change(&mut FREE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Free {
    /// `None`: one is to be made, and is counted already.
    fn take(&mut self, shape: Shape) -> Option<&'static Core> {
        let core = self.by_shape.get_mut(&shape).and_then(Vec::pop).or_else(|| {
            let are_many = self.count > FEW.max(self.made / 2);
            if are_many { self.by_shape.values_mut().find_map(Vec::pop) } else { None }
        });
        match core {
            Some(_) => self.count -= 1,
            None => self.made += 1,
        }
        core
    }

    fn put(&mut self, core: &'static Core) {
        self.by_shape.entry(core.shape()).or_default().push(core);
        self.count += 1;
    }
}
