use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

/// State that can be saved as plain data and restored: a circuit, a quota, a budget, or a type of
/// your own.
///
/// ```
/// use std::{sync::atomic::{AtomicU64, Ordering}, time::Duration};
/// use tower_recourse::store::Persist;
///
/// /// Items done, in this run and in earlier runs.
/// #[derive(Default)]
/// struct Done(AtomicU64);
///
/// impl Persist for Done {
///     type Snapshot = u64;
///
///     fn snapshot(&self) -> u64 {
///         self.0.load(Ordering::Acquire)
///     }
///
///     fn restore(&self, done: u64, _age: Duration) {
///         self.0.store(done, Ordering::Release);
///     }
/// }
/// ```
pub trait Persist: Send + Sync + 'static {
    /// The state as data. Give fields that you add later a default (`#[serde(default)]`), so that
    /// older files can be read.
    type Snapshot: Serialize + DeserializeOwned;

    /// Returns the current state. The writer thread calls it for each save. The implementation must
    /// not call the store. If it panics, the state that was saved last is kept.
    fn snapshot(&self) -> Self::Snapshot;

    /// Restores a state that was saved `age` ago. The age comes from wall clocks, which may have
    /// been changed in between: it is at least zero, and may be years.
    fn restore(&self, snapshot: Self::Snapshot, age: Duration);
}

impl<P: Persist> Persist for Arc<P> {
    type Snapshot = P::Snapshot;

    fn snapshot(&self) -> Self::Snapshot {
        P::snapshot(self)
    }

    fn restore(&self, snapshot: Self::Snapshot, age: Duration) {
        P::restore(self, snapshot, age);
    }
}
