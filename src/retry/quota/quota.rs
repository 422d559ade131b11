use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Entry, Snapshot, Spent,
    counts::{Book, Limits},
    key::cut,
};
use crate::Invalid;

/// Counts retries per key and in all, and limits them. See the [module](crate::retry::quota).
///
/// # Clone
///
/// A clone is a handle of the same books.
#[derive(Clone)]
pub struct Ledger {
    limits: Limits,
    // Only taken when something has failed.
    book: Arc<Mutex<Book>>,
}

impl Ledger {
    /// A ledger without limits, which only counts.
    pub fn new() -> Self {
        Self { limits: Limits::default(), book: Arc::default() }
    }

    /// How many retries each key has. Set it before the ledger is shared: clones made earlier keep the limit they had.
    pub fn per_key(mut self, retries: u32) -> Self {
        self.limits.per_key = Some(retries);
        self
    }

    /// How many retries all keys have together. Set it before the ledger is shared.
    pub fn in_all(mut self, retries: u64) -> Self {
        self.limits.in_all = Some(retries);
        self
    }

    /// How many keys are known at most, 10,000 unless set. Set it before the ledger is shared.
    ///
    /// # Errors
    ///
    /// If `at_most` is 0.
    pub fn keys(mut self, at_most: usize) -> Result<Self, Invalid> {
        if at_most == 0 {
            return Err(Invalid::new("keys", at_most, "at least 1"));
        }
        self.limits.keys = at_most;
        Ok(self)
    }

    /// Enters a retry of this key, if the limits allow it. Dropped, the entry is struck out; [spent](Entry::spend), it stays.
    ///
    /// # Errors
    ///
    /// Which limit is reached. The one in all comes first.
    pub fn take(&self, key: &str) -> Result<Entry, Spent> {
        let key = cut(key);
        let line = self.book().enter(&self.limits, key)?;
        Ok(Entry::new(Arc::clone(&self.book), key, line))
    }

    /// The retries of a key.
    pub fn retries_of(&self, key: &str) -> u32 {
        self.book().retries_of(cut(key))
    }

    /// The retries of all keys, those included that are no longer known.
    pub fn retries_in_all(&self) -> u64 {
        self.book().in_all()
    }

    /// How many keys are known.
    pub fn known_keys(&self) -> usize {
        self.book().known_keys()
    }

    /// Whether, and which, limit is reached: in all.
    pub(super) fn spent_in_all(&self) -> Option<Spent> {
        self.book().spent_in_all(&self.limits)
    }

    /// Whether, and which, limit is reached: of this key.
    pub(super) fn spent_by(&self, key: &str) -> Option<Spent> {
        self.book().spent_by(&self.limits, cut(key))
    }

    /// Forgets a key's retries. They still count in all.
    pub fn forget(&self, key: &str) {
        self.book().forget(cut(key));
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.book().reset();
    }

    /// All counts, as plain data. Retries that wait for their time are among them.
    pub fn snapshot(&self) -> Snapshot {
        self.book().snapshot()
    }

    /// Takes over the counts of a snapshot, in place of its own. Of more keys than it may know, those whose last retry is longest
    /// ago are left out. Retries that wait meanwhile are made, and are no longer counted.
    pub fn restore(&self, snapshot: Snapshot) {
        self.book().restore(&self.limits, snapshot);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic with the lock held is one in here; what it counted is counted.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("limits", &self.limits)
            .field("in_all", &self.retries_in_all())
            .finish_non_exhaustive()
    }
}
