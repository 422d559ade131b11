//! Lists of what is registered. They hold weak references.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::status::Readings;

/// Something that is registered: a circuit, the circuits of a keyed breaker, a retry.
pub(crate) trait Source: Send + Sync {
    /// Adds the current values. Changes nothing and emits no event.
    fn read(self: Arc<Self>, to: &mut Readings);
}

/// A list of weak references. The circuits of a keyed breaker share one list, which is itself a
/// source.
#[derive(Default)]
pub(crate) struct Sources(Mutex<List>);

#[derive(Default)]
struct List {
    sources: Vec<Weak<dyn Source>>,
    /// The length at which the next insertion removes dead references. At least twice the number
    /// that survived the last removal, so an insertion costs constant time on average.
    prune_at: usize,
}

impl Sources {
    /// Adds a source, unless it is in the list.
    pub(crate) fn insert_once(&self, source: Weak<dyn Source>) {
        self.with(|list| {
            if !list.sources.iter().any(|other| other.ptr_eq(&source)) {
                list.push(source);
            }
        });
    }

    /// Adds a source that isn't in the list.
    #[cfg_attr(not(feature = "breaker"), allow(dead_code))]
    pub(crate) fn insert(&self, source: Weak<dyn Source>) {
        self.with(|list| list.push(source));
    }

    /// Reads all sources, without a lock: a source may call user code, for example a clock.
    pub(crate) fn read_all(&self, to: &mut Readings) {
        let alive: Vec<Arc<dyn Source>> = self.with(|list| list.sources.iter().filter_map(Weak::upgrade).collect());
        for source in alive {
            source.read(to);
        }
    }

    // Only code of this file runs with the lock held. To drop a weak reference calls no user code.
    fn with<T>(&self, function: impl FnOnce(&mut List) -> T) -> T {
        function(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl List {
    fn push(&mut self, source: Weak<dyn Source>) {
        if self.sources.len() >= self.prune_at {
            self.sources.retain(|source| source.strong_count() > 0);
            self.prune_at = (2 * self.sources.len()).max(16);
        }
        self.sources.push(source);
    }
}

impl Source for Sources {
    fn read(self: Arc<Self>, to: &mut Readings) {
        self.read_all(to);
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sources", self.with(|list| list.sources.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Source for Nothing {
        fn read(self: Arc<Self>, _: &mut Readings) {}
    }

    #[test]
    fn references_to_dropped_sources_are_removed() {
        let list = Sources::default();
        let kept = Arc::new(Nothing);
        let kept: Weak<dyn Source> = Arc::downgrade(&kept) as _;
        for _ in 0..10_000 {
            let dropped = Arc::new(Nothing);
            list.insert(Arc::downgrade(&dropped) as _);
        }
        list.insert_once(kept.clone());
        list.insert_once(kept);
        assert!(list.with(|list| list.sources.len()) <= 17);
    }
}
