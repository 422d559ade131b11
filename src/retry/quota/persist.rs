use std::time::Duration;

use super::{Ledger, Snapshot};
use crate::store::Persist;

/// Counts don't age: a limit that was reached before a restart is still reached after it.
impl Persist for Ledger {
    type Snapshot = Snapshot;

    fn snapshot(&self) -> Snapshot {
        Self::snapshot(self)
    }

    fn restore(&self, snapshot: Snapshot, _age: Duration) {
        Self::restore(self, snapshot);
    }
}
