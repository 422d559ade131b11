use std::time::Duration;

use super::{QuotaSnapshot, RetryQuota};
use crate::store::Persist;

/// Counts don't age: a limit that was reached before a restart is still reached after it.
impl Persist for RetryQuota {
    type Snapshot = QuotaSnapshot;

    fn snapshot(&self) -> QuotaSnapshot {
        Self::snapshot(self)
    }

    fn restore(&self, snapshot: QuotaSnapshot, _age: Duration) {
        Self::restore(self, snapshot);
    }
}
