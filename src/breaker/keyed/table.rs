//! A lock-free table of circuits with a bounded number of keys.
//!
//! The keys are spread over buckets. A bucket is an immutable slice behind an `ArcSwap`: a call
//! reads the slice, and the insertion of a key replaces it. No user code (the `Hash`, `Eq`, `Clone`
//! and `Drop` of a key) runs under a lock. A call writes to its entry only while its key has fewer
//! than [`MOST_VISITS`] visits. The capacity holds for all keys together.
//!
//! An insertion first stores the entry in its bucket. Then it evicts another key, if there are too
//! many. So several threads that insert the same new key evict no more keys than one thread would.
//! Until the eviction is done, the entry is *new*: it isn't listed, and only the thread that
//! inserted it can evict it. During an insertion, the table may hold one entry more than its
//! capacity per inserting thread, but [`Table::len`] never returns more than the capacity.
//!
//! The CLOCK algorithm selects the key to evict: a *hand* moves around the buckets, subtracts one
//! visit from each entry that it passes, and evicts one with the fewest visits. An entry has up to
//! [`MOST_VISITS`] visits. It starts with none, so keys that were used only once are evicted first.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Arc,
        atomic::{AtomicIsize, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwapOption;

/// The maximum number of visits that an entry counts.
const MOST_VISITS: u8 = 3;

/// Stored in place of the visits while an entry is new.
const NEW: u8 = u8::MAX;

/// The maximum number of buckets and keys that one search for a key to evict examines.
const MOST_LOOKS: usize = 4_096;

/// The maximum number of attempts of an insertion while other threads change the bucket.
const MOST_TRIES: usize = 64;

/// The table has one bucket per two keys, up to this many.
const MOST_BUCKETS: usize = 1 << 20;

pub(super) struct Table<K, V> {
    buckets: Box<[Bucket<K, V>]>,
    hasher: RandomState,
    capacity: usize,
    /// The number of entries in all buckets. Signed, because another thread may remove an entry
    /// before its insertion counts it.
    len: AtomicIsize,
    /// The bucket at which the next search starts.
    hand: AtomicUsize,
    /// The entries that were evicted to make room for another.
    evictions: Arc<AtomicU64>,
}

type Bucket<K, V> = ArcSwapOption<Box<[Arc<Entry<K, V>>]>>;

struct Entry<K, V> {
    key: K,
    value: V,
    /// A part of the hash. It distinguishes most keys without calling `Eq`.
    tag: u32,
    visits: AtomicU8,
}

/// A key that may be evicted.
struct Idle<'a, K, V> {
    visits: u8,
    bucket: &'a Bucket<K, V>,
    entry: Arc<Entry<K, V>>,
}

impl<K, V> Table<K, V> {
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        // Relaxed: the count guards no other memory.
        let entries = usize::try_from(self.len.load(Ordering::Relaxed)).unwrap_or(0);
        entries.min(self.capacity)
    }

    /// How many entries were evicted to make room for another, since the table was made.
    pub(super) fn evictions(&self) -> u64 {
        // Relaxed: the count guards no other memory.
        self.evictions.load(Ordering::Relaxed)
    }

    /// The counter behind [`evictions`](Self::evictions). Its type doesn't contain the key's.
    pub(super) fn evictions_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.evictions)
    }

    /// Removes an entry from its bucket. Returns whether it was there.
    fn take_out(&self, bucket: &Bucket<K, V>, entry: &Arc<Entry<K, V>>) -> bool {
        loop {
            let before = bucket.load();
            let is_there = entries(before.as_deref()).iter().any(|other| Arc::ptr_eq(other, entry));
            if !is_there {
                return false;
            }
            let rest = entries(before.as_deref()).iter().filter(|other| !Arc::ptr_eq(other, entry)).cloned();
            let after = Some(rest.collect::<Entries<K, V>>()).filter(|rest| !rest.is_empty());
            if replace(bucket, &before, after.map(Arc::new)) {
                // Before the key is dropped, because its `Drop` may panic.
                self.len.fetch_sub(1, Ordering::Relaxed);
                return true;
            }
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Table<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        let buckets = capacity.div_ceil(2).min(MOST_BUCKETS).next_power_of_two();
        Self {
            buckets: (0..buckets).map(|_| ArcSwapOption::empty()).collect(),
            hasher: RandomState::new(),
            capacity,
            len: AtomicIsize::new(0),
            hand: AtomicUsize::new(0),
            evictions: Arc::default(),
        }
    }

    /// Returns the value of a key, and counts a visit.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let (bucket, tag) = self.place(key);
        let entries = bucket.load();
        let entry = find(entries.as_deref(), tag, key)?;
        entry.visit();
        Some(entry.value.clone())
    }

    pub(super) fn peek(&self, key: &K) -> Option<V> {
        let (bucket, tag) = self.place(key);
        let entries = bucket.load();
        find(entries.as_deref(), tag, key).map(|entry| entry.value.clone())
    }

    /// Returns the value of a key. If there is none, returns `value`, and stores it if there is
    /// room or another key can be evicted. Keys with `pinned` values aren't evicted.
    pub(super) fn get_or_insert(&self, key: &K, value: V, pinned: impl Fn(&V) -> bool) -> V {
        let (bucket, tag) = self.place(key);
        let entry = Arc::new(Entry { key: key.clone(), value, tag, visits: AtomicU8::new(NEW) });
        // Bounded, because the `Eq` of a key may change the bucket on every call.
        for _ in 0..MOST_TRIES {
            let before = bucket.load();
            if let Some(other) = find(before.as_deref(), tag, key) {
                return other.value.clone();
            }
            let after = entries(before.as_deref()).iter().chain([&entry]).cloned().collect();
            if replace(bucket, &before, Some(Arc::new(after))) {
                self.make_room(bucket, &entry, pinned);
                break;
            }
        }
        entry.value.clone()
    }

    pub(super) fn remove(&self, key: &K) {
        let (bucket, tag) = self.place(key);
        let entry = find(bucket.load().as_deref(), tag, key).cloned();
        if let Some(entry) = entry {
            self.take_out(bucket, &entry);
        }
    }

    /// Returns all keys, each with the result of `of` for its value. Keys that other threads add or
    /// remove at the same time may be missing.
    pub(super) fn list<T>(&self, of: impl Fn(&V) -> T) -> Vec<(K, T)> {
        let mut all = Vec::with_capacity(self.len());
        for bucket in &self.buckets {
            let bucket = bucket.load();
            let entries = entries(bucket.as_deref()).iter().filter(|entry| !entry.is_new());
            all.extend(entries.map(|entry| (entry.key.clone(), of(&entry.value))));
        }
        all
    }

    fn place(&self, key: &K) -> (&Bucket<K, V>, u32) {
        let hash = self.hasher.hash_one(key);
        (&self.buckets[hash as usize & (self.buckets.len() - 1)], (hash >> 32) as u32)
    }

    /// Counts an entry that was just inserted. If the table was full, evicts another entry, or
    /// removes this one if no other entry can be evicted.
    fn make_room(&self, bucket: &Bucket<K, V>, entry: &Arc<Entry<K, V>>, pinned: impl Fn(&V) -> bool) {
        let others = self.len.fetch_add(1, Ordering::Relaxed);
        let newcomer = Newcomer { table: self, bucket, entry };
        let is_full = usize::try_from(others).is_ok_and(|others| others >= self.capacity);
        let evicted = if is_full { self.evict(pinned) } else { None };
        if evicted.is_some() {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        if !is_full || evicted.is_some() {
            newcomer.stays();
        }
        // `evicted` is dropped last: the `Drop` of its key may panic.
    }

    /// Evicts a key for whose value `pinned` returns `false`, preferably a key without visits.
    fn evict(&self, pinned: impl Fn(&V) -> bool) -> Option<Arc<Entry<K, V>>> {
        let (mut idlest, mut looks): (Option<Idle<'_, K, V>>, usize) = (None, 0);
        for turn in 0..self.buckets.len() {
            if looks + turn >= MOST_LOOKS {
                break;
            }
            // Relaxed, because the search may start at any bucket.
            let bucket = &self.buckets[self.hand.fetch_add(1, Ordering::Relaxed) & (self.buckets.len() - 1)];
            let before = bucket.load();
            for entry in entries(before.as_deref()) {
                looks += 1;
                if entry.is_new() || pinned(&entry.value) {
                    continue;
                }
                let visits = entry.age();
                if visits == 0 && self.take_out(bucket, entry) {
                    return Some(Arc::clone(entry));
                }
                if idlest.as_ref().is_none_or(|idle| visits < idle.visits) {
                    idlest = Some(Idle { visits, bucket, entry: Arc::clone(entry) });
                }
            }
        }
        let idle = idlest?;
        self.take_out(idle.bucket, &idle.entry).then_some(idle.entry)
    }
}

impl<K, V> Entry<K, V> {
    fn is_new(&self) -> bool {
        self.visits.load(Ordering::Relaxed) == NEW
    }

    /// Counts a visit. Writes nothing if the entry has the most visits already, or is new. Relaxed,
    /// because a lost visit doesn't matter.
    fn visit(&self) {
        let visits = self.visits.load(Ordering::Relaxed);
        if visits < MOST_VISITS {
            self.visits.store(visits + 1, Ordering::Relaxed);
        }
    }

    /// Ages the entry as the hand passes. Returns its former visits.
    fn age(&self) -> u8 {
        let visits = self.visits.load(Ordering::Relaxed);
        self.visits.store(visits.saturating_sub(1), Ordering::Relaxed);
        visits
    }
}

/// A new entry. It is removed on drop unless it was kept, because the clock that the search reads
/// may panic.
struct Newcomer<'a, K, V> {
    table: &'a Table<K, V>,
    bucket: &'a Bucket<K, V>,
    entry: &'a Arc<Entry<K, V>>,
}

impl<K, V> Newcomer<'_, K, V> {
    fn stays(self) {
        self.entry.visits.store(0, Ordering::Relaxed);
    }
}

impl<K, V> Drop for Newcomer<'_, K, V> {
    fn drop(&mut self) {
        if self.entry.is_new() {
            self.table.take_out(self.bucket, self.entry);
        }
    }
}

type Entries<K, V> = Box<[Arc<Entry<K, V>>]>;

fn entries<K, V>(entries: Option<&Entries<K, V>>) -> &[Arc<Entry<K, V>>] {
    entries.map_or(&[], |entries| entries)
}

fn find<'a, K: Eq, V>(among: Option<&'a Entries<K, V>>, tag: u32, key: &K) -> Option<&'a Arc<Entry<K, V>>> {
    entries(among).iter().find(|entry| entry.tag == tag && entry.key == *key)
}

/// Replaces the content of the bucket if it is `before`. Returns whether it was.
fn replace<K, V>(
    bucket: &Bucket<K, V>,
    before: &arc_swap::Guard<Option<Arc<Entries<K, V>>>>,
    after: Option<Arc<Entries<K, V>>>,
) -> bool {
    let pointer = |entries: &Option<Arc<Entries<K, V>>>| entries.as_ref().map(Arc::as_ptr);
    let found = bucket.compare_and_swap(before, after);
    pointer(&found) == pointer(before)
}
