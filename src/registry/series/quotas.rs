//! The series of quotas.

use ::metrics::Label;

use crate::{
    metrics::{Sample, table},
    registry::QuotaStatus,
};

/// All quotas with one name.
#[derive(Debug, Default)]
pub(super) struct QuotaGroup {
    retries: u64,
    keys: usize,
}

impl QuotaGroup {
    pub(super) fn read(&mut self, quota: &QuotaStatus) {
        self.retries = self.retries.saturating_add(quota.retries);
        self.keys += quota.keys;
    }

    /// Adds the values of this round, and starts the next one.
    pub(super) fn end_round(&mut self, labels: &[Label], to: &mut Vec<Sample>) {
        let Self { retries, keys } = std::mem::take(self);
        to.push(Sample::gauge(table::QUOTA_RETRIES, labels.to_vec(), retries as f64));
        to.push(Sample::gauge(table::QUOTA_KEYS, labels.to_vec(), keys as f64));
    }
}
