use std::collections::HashMap;

use super::{QuotaExceeded, QuotaSnapshot, key::cut};

/// The limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) per_key: Option<u32>,
    pub(super) in_all: Option<u64>,
    pub(super) keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_key: None, in_all: None, keys: 10_000 }
    }
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Incremented by a reset. Permits from before a reset no longer count.
    epoch: u64,
    in_all: u64,
    by_key: HashMap<Box<str>, KeyCount>,
    /// The sequence number of the last permit. It orders the keys by their last retry.
    sequence: u64,
}

#[derive(Debug)]
struct KeyCount {
    retries: u32,
    /// The sequence number at which the key was added. It distinguishes the key from an earlier one
    /// with the same text.
    created: u64,
    latest: u64,
}

/// Identifies the counts that include a permit.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountId {
    epoch: u64,
    created: u64,
}

impl Counts {
    pub(super) fn count(&mut self, limits: &Limits, key: &str) -> Result<CountId, QuotaExceeded> {
        if let Some(spent) = self.spent_in_all(limits).or_else(|| self.spent_by(limits, key)) {
            return Err(spent);
        }
        self.sequence += 1;
        self.in_all = self.in_all.saturating_add(1);
        if !self.by_key.contains_key(key) {
            self.make_room(limits.keys);
            self.by_key.insert(key.into(), KeyCount { retries: 0, created: self.sequence, latest: self.sequence });
        }
        let created = self.by_key.get_mut(key).map_or(self.sequence, |count| {
            count.retries = count.retries.saturating_add(1);
            count.latest = self.sequence;
            count.created
        });
        Ok(CountId { epoch: self.epoch, created })
    }

    /// Subtracts a permit from the counts that still include it: only from the total if its key was
    /// forgotten meanwhile, and from none after a reset.
    pub(super) fn refund(&mut self, key: &str, id: CountId) {
        if id.epoch != self.epoch {
            return;
        }
        self.in_all = self.in_all.saturating_sub(1);
        if let Some(count) = self.by_key.get_mut(key).filter(|count| count.created == id.created) {
            count.retries = count.retries.saturating_sub(1);
            if count.retries == 0 {
                self.by_key.remove(key);
            }
        }
    }

    pub(super) fn spent_in_all(&self, limits: &Limits) -> Option<QuotaExceeded> {
        limits.in_all.filter(|&limit| self.in_all >= limit).map(|limit| QuotaExceeded::Total { limit })
    }

    pub(super) fn spent_by(&self, limits: &Limits, key: &str) -> Option<QuotaExceeded> {
        limits.per_key.filter(|&limit| self.retries_for_key(key) >= limit).map(|limit| QuotaExceeded::PerKey { limit })
    }

    pub(super) fn retries_for_key(&self, key: &str) -> u32 {
        self.by_key.get(key).map_or(0, |count| count.retries)
    }

    pub(super) fn in_all(&self) -> u64 {
        self.in_all
    }

    pub(super) fn tracked_keys(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn forget(&mut self, key: &str) {
        self.by_key.remove(key);
    }

    pub(super) fn reset(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::default() };
    }

    pub(super) fn snapshot(&self) -> QuotaSnapshot {
        let mut by_key: Vec<_> = self.by_key.iter().collect();
        by_key.sort_unstable_by_key(|(_, count)| count.latest);
        let keys = by_key.into_iter().map(|(key, count)| (String::from(&**key), count.retries)).collect();
        QuotaSnapshot { total: self.in_all, keys }
    }

    pub(super) fn restore(&mut self, limits: &Limits, snapshot: QuotaSnapshot) {
        self.reset();
        self.in_all = snapshot.total;
        for (key, retries) in snapshot.keys.into_iter().filter(|&(_, retries)| retries > 0) {
            self.sequence += 1;
            // Keys that are equal after they are cut are added up.
            let earlier = self.by_key.remove(cut(&key)).map_or(0, |count| count.retries);
            let count =
                KeyCount { retries: retries.saturating_add(earlier), created: self.sequence, latest: self.sequence };
            self.by_key.insert(cut(&key).into(), count);
        }
        // Keys are evicted after the loop, because a key that occurs twice counts with its later
        // position.
        let too_many = self.by_key.len().saturating_sub(limits.keys);
        if too_many > 0 {
            self.evict(too_many);
        }
    }

    /// Makes room for one more key. It removes the keys whose last retry is the oldest, an eighth
    /// of all at a time, so that not every new key searches all of them.
    fn make_room(&mut self, keys: usize) {
        if self.by_key.len() < keys {
            return;
        }
        self.evict((self.by_key.len() - keys + 1).max(keys / 8));
    }

    /// Removes this many keys whose last retry is the oldest: at least 1, and at most all.
    fn evict(&mut self, evicted: usize) {
        let mut lasts: Vec<u64> = self.by_key.values().map(|count| count.latest).collect();
        let (_, &mut last_evicted, _) = lasts.select_nth_unstable(evicted - 1);
        self.by_key.retain(|_, count| count.latest > last_evicted);
    }
}
