//! The entry of a retry in a registry: its budget and its quota.

use std::sync::{Arc, Weak};

use super::super::{Budget, RetryQuota, budget::AnyBudget, quota::WeakQuota};
use crate::registry::{BudgetReading, BudgetStatus, QuotaStatus, Readings, RetryReading, Source, SourceId};

/// What a registry reads of a retry. The references are weak, so that a budget of one retry still
/// counts as not shared.
pub(in crate::retry) struct RetrySource {
    retry: RetryReading,
    budget: Option<Weak<dyn Budget>>,
    quota: Option<WeakQuota>,
}

impl RetrySource {
    pub(super) fn new(retry: RetryReading, budget: Option<&AnyBudget>, quota: Option<&RetryQuota>) -> Self {
        Self { retry, budget: budget.map(AnyBudget::downgrade), quota: quota.map(RetryQuota::downgrade) }
    }
}

impl Source for RetrySource {
    fn read(self: Arc<Self>, to: &mut Readings) {
        #[cfg(feature = "metrics")]
        to.retries.push(self.retry.clone());
        if let Some(budget) = self.budget.as_ref().and_then(Weak::upgrade) {
            let stats = budget.stats();
            let status = BudgetStatus {
                name: self.retry.name.clone(),
                balance: stats.balance,
                max_balance: budget.max_balance(),
                granted: stats.granted,
                refused: stats.refused,
            };
            to.budgets.push(BudgetReading { status, id: SourceId::of(&budget) });
        }
        if let Some((weak, quota)) = self.quota.as_ref().and_then(|weak| Some((weak, weak.upgrade()?))) {
            to.quotas.push(QuotaStatus {
                name: self.retry.name.clone(),
                retries: quota.total_retries(),
                keys: quota.tracked_keys(),
                address: weak.address(),
            });
        }
    }
}
