use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

/// Something whose state can be taken down as plain data, and taken up again: a circuit, a ledger, a budget, or anything of
/// your own.
///
/// ```
/// use std::{sync::atomic::{AtomicU64, Ordering}, time::Duration};
/// use tower_recourse::store::Persist;
///
/// /// Items done, in this run and those before.
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
    /// The state as data. What is added to it later should have a default (`#[serde(default)]`), so that older files can be read.
    type Snapshot: Serialize + DeserializeOwned;

    /// The state at this moment. Called on the thread that writes, as often as it does; must not call the store. If it panics, the
    /// state that was saved last is kept.
    fn snapshot(&self) -> Self::Snapshot;

    /// Takes up a state that was saved so long ago. The age is by wall clocks, that may have been moved in between: at least zero, and
    /// maybe years.
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
