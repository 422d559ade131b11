//! The entry of a retry in a registry: its budget and its quota.

use std::sync::{Arc, Weak};

use super::super::{Budget, RetryQuota, budget::AnyBudget, quota::WeakQuota};
use crate::{
    Name,
    registry::{BudgetReading, BudgetStatus, QuotaStatus, Readings, Source, SourceId},
};

/// What a registry reads of a retry. The references are weak, so that a budget of one retry still
/// counts as not shared.
pub(in crate::retry) struct RetrySource {
    name: Name,
    #[cfg(feature = "metrics")]
    retries: u32,
    budget: Option<Weak<dyn Budget>>,
    quota: Option<WeakQuota>,
}

impl RetrySource {
    pub(super) fn new(name: &Name, retries: u32, budget: Option<&AnyBudget>, quota: Option<&RetryQuota>) -> Self {
        #[cfg(not(feature = "metrics"))]
        let _ = retries;
        Self {
            name: name.clone(),
            #[cfg(feature = "metrics")]
            retries,
            budget: budget.map(AnyBudget::downgrade),
            quota: quota.map(RetryQuota::downgrade),
        }
    }
}

impl Source for RetrySource {
    fn read(self: Arc<Self>, to: &mut Readings) {
        #[cfg(feature = "metrics")]
        to.retries.push((self.name.clone(), self.retries));
        if let Some(budget) = self.budget.as_ref().and_then(Weak::upgrade) {
            let stats = budget.stats();
            let status = BudgetStatus {
                name: self.name.clone(),
                balance: stats.balance,
                max_balance: budget.max_balance(),
                granted: stats.granted,
                refused: stats.refused,
            };
            to.budgets.push(BudgetReading { status, id: SourceId::of(&budget) });
        }
        if let Some((weak, quota)) = self.quota.as_ref().and_then(|weak| Some((weak, weak.upgrade()?))) {
            to.quotas.push(QuotaStatus {
                name: self.name.clone(),
                retries: quota.total_retries(),
                keys: quota.tracked_keys(),
                address: weak.address(),
            });
        }
    }
}
