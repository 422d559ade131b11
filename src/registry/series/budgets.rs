//! The series of budgets.

use ::metrics::Label;

use super::ledger::Ledger;
use crate::{
    metrics::{Sample, table},
    registry::status::{BudgetReading, SourceId},
};

/// All budgets with one name.
#[derive(Debug, Default)]
pub(super) struct BudgetGroup {
    tokens: u64,
    capacity: u64,
    /// Whether a budget has reported its capacity.
    has_capacity: bool,
    /// The retries that the budgets paid for, and those that they refused.
    counts: Ledger<SourceId, 2>,
}

impl BudgetGroup {
    /// `before` is what the series of another name have counted of this budget.
    pub(super) fn read(&mut self, budget: BudgetReading, before: [u64; 2]) {
        let status = budget.status;
        self.tokens = self.tokens.saturating_add(status.balance);
        self.capacity = self.capacity.saturating_add(status.max_balance.unwrap_or(0));
        self.has_capacity |= status.max_balance.is_some();
        self.counts.read_since(before, budget.id, [status.granted, status.refused]);
    }

    /// Adds the values of this round, and starts the next one.
    pub(super) fn end_round(&mut self, labels: &[Label], to: &mut Vec<Sample>) {
        self.counts.end_round();
        let [granted, refused] = self.counts.total();
        let (tokens, capacity) = (std::mem::take(&mut self.tokens), std::mem::take(&mut self.capacity));
        to.push(Sample::gauge(table::BUDGET_TOKENS, labels.to_vec(), tokens as f64));
        if self.has_capacity {
            to.push(Sample::gauge(table::BUDGET_CAPACITY, labels.to_vec(), capacity as f64));
        }
        to.push(Sample::total(table::BUDGET_WITHDRAWALS, labels.to_vec(), granted));
        to.push(Sample::total(table::BUDGET_REFUSALS, labels.to_vec(), refused));
    }
}
