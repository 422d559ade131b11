//! The entry of a retry in a registry: its budget and its quota.

use std::sync::{Arc, Weak};

use super::super::{Budget, RetryQuota, budget::AnyBudget, quota::WeakQuota};
use crate::{
    Name,
    registry::{BudgetStatus, QuotaStatus, Readings, Source},
};

/// What a registry reads of a retry. The references are weak, so that a budget of one retry still
/// counts as not shared.
pub(in crate::retry) struct RetrySource {
    name: Name,
    budget: Option<Weak<dyn Budget>>,
    quota: Option<WeakQuota>,
}

impl RetrySource {
    pub(super) fn new(name: &Name, budget: Option<&AnyBudget>, quota: Option<&RetryQuota>) -> Self {
        Self { name: name.clone(), budget: budget.map(AnyBudget::downgrade), quota: quota.map(RetryQuota::downgrade) }
    }
}

impl Source for RetrySource {
    fn read(self: Arc<Self>, to: &mut Readings) {
        if let Some(budget) = self.budget.as_ref().and_then(Weak::upgrade) {
            let stats = budget.stats();
            to.budgets.push(BudgetStatus {
                name: self.name.clone(),
                balance: stats.balance,
                granted: stats.granted,
                refused: stats.refused,
                address: Arc::as_ptr(&budget).cast::<()>() as usize,
            });
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
