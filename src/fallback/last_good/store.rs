use std::{fmt, sync::Arc, time::Duration};

use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter, sync::Cache};

use crate::time::Instant;

/// The bounds of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    pub(super) weight: u64,
    pub(super) age: Duration,
}

/// The last good response per key. Keys are strings and values are behind an `Arc`, so the cache
/// runs no user code under its lock. [`DropAfterUnlock`] drops the responses.
pub(super) struct Store<Res> {
    cache: Cache<String, Arc<Entry<Res>>, EntryWeight, DefaultHashBuilder, DropAfterUnlock>,
    bounds: Bounds,
}

struct Entry<Res> {
    response: Res,
    weight: u64,
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
    pub(super) fn new(bounds: Bounds) -> Self {
        let options = OptionsBuilder::new()
            // The capacity of a shard is a part of the whole, so more shards would refuse an entry
            // that fits into the whole.
            .shards(1)
            .estimated_items_capacity(bounds.entries)
            .weight_capacity(bounds.weight)
            .build()
            .expect("both capacities are set");
        let cache = Cache::with_options(options, EntryWeight, DefaultHashBuilder::default(), DropAfterUnlock);
        Self { cache, bounds }
    }

    /// Stores a response. It replaces the one with the same key. A response that weighs more than
    /// the store isn't kept.
    pub(super) fn insert(&self, key: String, response: Res, weight: u64) {
        // Each entry counts at least its share, so that the weight bounds the number of entries.
        let share = self.bounds.weight.div_ceil(self.bounds.entries as u64);
        let weight = weight.max(share).max(1);
        if weight > self.bounds.weight {
            self.cache.remove(&key);
            return;
        }
        self.cache.insert(key, Arc::new(Entry { response, weight, stored_at: Instant::now() }));
    }

    /// A clone of the stored response and its age, if it isn't too old.
    pub(super) fn find(&self, key: &str) -> Option<Res> {
        let entry = self.cache.get(key)?;
        if entry.stored_at.elapsed() > self.bounds.age {
            self.cache.remove_if(key, |stored| Arc::ptr_eq(stored, &entry));
            return None;
        }
        // Cloned outside the lock of the cache.
        Some(entry.response.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.cache.len()
    }
}

impl<Res> fmt::Debug for Store<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
