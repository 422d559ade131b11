use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{
    QuotaExceeded, QuotaPermit, QuotaSnapshot,
    counts::{Counts, Limits},
    key::cut,
};
use crate::{InvalidConfig, description::counted};

/// Counts retries per key and in total, and limits them. See the [module](crate::retry::quota).
///
/// # Clone
///
/// A clone is a handle to the same counts.
#[derive(Clone)]
pub struct RetryQuota {
    limits: Limits,
    // A request locks this mutex only after a failure.
    counts: Arc<Mutex<Counts>>,
}

impl RetryQuota {
    /// Makes a quota without limits, which only counts.
    pub fn new() -> Self {
        Self { limits: Limits::default(), counts: Arc::default() }
    }

    /// Sets how many retries each key may have. Set it before you share the quota: earlier clones
    /// keep the limit that they had.
    pub fn max_per_key(mut self, retries: u32) -> Self {
        self.limits.per_key = Some(retries);
        self
    }

    /// Sets how many retries all keys together may have. Set it before you share the quota.
    pub fn max_total(mut self, retries: u64) -> Self {
        self.limits.in_all = Some(retries);
        self
    }

    /// Sets how many keys the quota remembers, 10,000 unless set. Set it before you share the
    /// quota.
    ///
    /// # Errors
    ///
    /// If `at_most` is 0.
    pub fn max_keys(mut self, at_most: usize) -> Result<Self, InvalidConfig> {
        if at_most == 0 {
            return Err(InvalidConfig::new("max_keys", at_most, "at least 1"));
        }
        self.limits.keys = at_most;
        Ok(self)
    }

    pub(crate) fn downgrade(&self) -> WeakQuota {
        WeakQuota(Arc::downgrade(&self.counts))
    }

    /// The limits as text.
    pub(crate) fn description(&self) -> String {
        let Limits { per_key, in_all, keys } = self.limits;
        let limit = |limit: Option<String>| limit.unwrap_or_else(|| "any number of".to_owned());
        let (per_key, total) = (limit(per_key.map(|n| n.to_string())), limit(in_all.map(|n| n.to_string())));
        let (per_key, keys) = (counted(per_key, "retry", "retries"), counted(keys, "key", "keys"));
        format!("{per_key} per key, {total} in total, at most {keys}")
    }

    /// Counts a retry of this key if the limits allow it. Dropping the permit takes the count back;
    /// [consuming](QuotaPermit::consume) the permit makes the count permanent.
    ///
    /// # Errors
    ///
    /// The limit that is reached. The total limit is checked first.
    pub fn try_acquire(&self, key: &str) -> Result<QuotaPermit, QuotaExceeded> {
        let key = cut(key);
        let count = self.counts().count(&self.limits, key)?;
        Ok(QuotaPermit::new(Arc::clone(&self.counts), key, count))
    }

    /// The number of retries of a key.
    pub fn retries_for_key(&self, key: &str) -> u32 {
        self.counts().retries_for_key(cut(key))
    }

    /// The number of retries of all keys, including keys that are no longer remembered.
    pub fn total_retries(&self) -> u64 {
        self.counts().in_all()
    }

    /// How many keys are remembered.
    pub fn tracked_keys(&self) -> usize {
        self.counts().tracked_keys()
    }

    /// The total limit, if it is reached.
    pub(super) fn spent_in_all(&self) -> Option<QuotaExceeded> {
        self.counts().spent_in_all(&self.limits)
    }

    /// The limit of this key, if it is reached.
    pub(super) fn spent_by(&self, key: &str) -> Option<QuotaExceeded> {
        self.counts().spent_by(&self.limits, cut(key))
    }

    /// Forgets a key's retries. They still count in the total.
    pub fn forget(&self, key: &str) {
        self.counts().forget(cut(key));
    }

    /// Forgets all counts.
    pub fn reset(&self) {
        self.counts().reset();
    }

    /// The counts as plain data. They include retries that are waiting.
    pub fn snapshot(&self) -> QuotaSnapshot {
        self.counts().snapshot()
    }

    /// Replaces the counts with those of a snapshot. If the snapshot has more keys than the quota
    /// remembers, those whose last retry is the oldest are left out. Retries that are waiting are
    /// still made, but no longer count.
    pub fn restore(&self, snapshot: QuotaSnapshot) {
        self.counts().restore(&self.limits, snapshot);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Only code of this module runs with the lock held. If it panics, the counts stay usable.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counts of a quota, as long as the quota exists.
pub(crate) struct WeakQuota(Weak<Mutex<Counts>>);

impl WeakQuota {
    /// The quota without its limits.
    pub(crate) fn upgrade(&self) -> Option<RetryQuota> {
        Some(RetryQuota { limits: Limits::default(), counts: self.0.upgrade()? })
    }

    /// Identifies the quota.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }
}

impl Default for RetryQuota {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RetryQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryQuota")
            .field("limits", &self.limits)
            .field("total", &self.total_retries())
            .finish_non_exhaustive()
    }
}
