use std::sync::{Arc, Mutex, PoisonError};

use super::counts::{CountId, Counts};

/// A retry that is counted in a [`RetryQuota`](super::RetryQuota). Dropping the permit takes the
/// count back; [`consume`](Self::consume) keeps the count.
#[derive(Debug)]
#[must_use = "dropping it takes the count back"]
pub struct QuotaPermit {
    counts: Arc<Mutex<Counts>>,
    key: Box<str>,
    id: CountId,
    is_spent: bool,
}

impl QuotaPermit {
    pub(super) fn new(counts: Arc<Mutex<Counts>>, key: &str, id: CountId) -> Self {
        Self { counts, key: key.into(), id, is_spent: false }
    }

    /// The retry is made, so the count stays.
    pub fn consume(mut self) {
        self.make();
    }

    /// The retry is being made. The holder of the permit can still [refund](Self::refund) it.
    pub(super) fn make(&mut self) {
        self.is_spent = true;
    }

    /// The retry was rejected, and will be made later.
    pub(super) fn hold(&mut self) {
        self.is_spent = false;
    }

    pub(super) fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// The retry was rejected, so its count is taken back.
    pub(super) fn refund(mut self) {
        self.is_spent = false;
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        if !self.is_spent {
            self.counts.lock().unwrap_or_else(PoisonError::into_inner).refund(&self.key, self.id);
        }
    }
}
