use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter, sync::Cache};

use crate::time::Instant;

/// The bounds of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) weight: u64,
    pub(crate) age: Duration,
}

/// The last good response per key. Keys are strings and values are behind an `Arc`, so the cache
/// runs no user code under its lock. [`DropAfterUnlock`] drops the responses.
pub(crate) struct Store<Res> {
    cache: Cache<String, Arc<Entry<Res>>, EntryWeight, DefaultHashBuilder, DropAfterUnlock>,
    bounds: Bounds,
    /// Held from the check of the stored entry until its replacement. The cache has no such step.
    replacement: Mutex<()>,
}

struct Entry<Res> {
    response: Res,
    weight: u64,
    /// When the call of this response started.
    started_at: Instant,
    stored_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct EntryWeight;

impl<Res> Weighter<String, Arc<Entry<Res>>> for EntryWeight {
    fn weight(&self, _: &String, entry: &Arc<Entry<Res>>) -> u64 {
        entry.weight
    }
}

/// Collects the evicted responses of an insertion, so that they are dropped after the cache has
/// released its lock. The default of `quick_cache` does this for up to two of them.
#[derive(Debug, Clone, Copy)]
struct DropAfterUnlock;

impl<Val> Lifecycle<String, Val> for DropAfterUnlock {
    type RequestState = Vec<Val>;

    fn on_evict(&self, evicted: &mut Vec<Val>, _: String, response: Val) {
        evicted.push(response);
    }
}

impl<Res: Clone> Store<Res> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let options = OptionsBuilder::new()
            // The capacity of a shard is a part of the whole, so more shards would refuse an entry
            // that fits into the whole.
            .shards(1)
            .estimated_items_capacity(bounds.entries)
            .weight_capacity(bounds.weight)
            .build()
            .expect("both capacities are set");
        let cache = Cache::with_options(options, EntryWeight, DefaultHashBuilder::default(), DropAfterUnlock);
        Self { cache, bounds, replacement: Mutex::new(()) }
    }

    /// Stores a response. It replaces the one with the same key, unless the call of that one
    /// started later. A response that weighs more than the store isn't kept.
    pub(crate) fn insert(&self, key: String, response: Res, weight: u64, started_at: Instant) {
        // Each entry counts at least its share, so that the weight bounds the number of entries.
        let share = self.bounds.weight.div_ceil(self.bounds.entries as u64);
        let weight = weight.max(share).max(1);
        if weight > self.bounds.weight {
            self.remove(&key, started_at);
            return;
        }
        let entry = Arc::new(Entry { response, weight, started_at, stored_at: Instant::now() });
        // These three are dropped after the lock is released, because they contain user types.
        let (new, old);
        let mut evicted = Vec::new();
        {
            let _lock = self.lock_replacement();
            old = self.cache.peek(&key);
            new = Arc::clone(&entry);
            if old.as_ref().is_none_or(|old| old.started_at <= started_at) {
                self.cache.insert_with_lifecycle(key, entry, &mut evicted);
            }
        }
        drop((new, old, evicted));
    }

    /// Removes a response, unless its call started later than `started_at`.
    pub(crate) fn remove(&self, key: &str, started_at: Instant) {
        let removed = {
            let _lock = self.lock_replacement();
            self.cache.remove_if(key, |stored| stored.started_at <= started_at)
        };
        drop(removed);
    }

    fn lock_replacement(&self) -> MutexGuard<'_, ()> {
        self.replacement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A clone of the stored response and its age, if it isn't too old.
    pub(crate) fn find(&self, key: &str) -> Option<Res> {
        let entry = self.cache.get(key)?;
        if entry.stored_at.elapsed() > self.bounds.age {
            self.cache.remove_if(key, |stored| Arc::ptr_eq(stored, &entry));
            return None;
        }
        // Cloned outside the lock of the cache.
        Some(entry.response.clone())
    }

    pub(crate) fn len(&self) -> usize {
        self.cache.len()
    }
}

impl<Res> fmt::Debug for Store<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
