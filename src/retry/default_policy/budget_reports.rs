//! Reports of outcomes to the budget.

use super::{
    super::{
        budget::{AnyBudget, Token},
        config::Settings,
    },
    after_failure::is_unmade,
};
use crate::{Attempt, Failure, call_context::budget_scope};

impl Settings {
    /// Reports a success to the budget.
    #[inline]
    pub(super) fn report_success(&self, attempt: &Attempt, paid: Option<Token>) {
        if let Some(budget) = self.unreported_budget(attempt) {
            if paid.is_some() {
                budget.on_success(paid);
                budget_scope::mark_reported(budget.address());
            } else {
                budget.succeeded_at_once();
            }
        }
    }

    /// Reports a failure to the budget. After a rejection, no attempt was made, so the token is
    /// refunded.
    pub(super) fn report_failure(&self, attempt: &Attempt, paid: Option<Token>, failure: Failure) {
        let Some(budget) = self.unreported_budget(attempt) else { return };
        match paid {
            Some(paid) if is_unmade(failure) => budget.refund(paid),
            None if is_unmade(failure) => {}
            _ => {
                budget.on_failure(failure.kind());
                budget_scope::mark_reported(budget.address());
            }
        }
    }

    /// The budget, unless an inner retry has reported the outcome of this attempt to it.
    #[inline]
    fn unreported_budget(&self, attempt: &Attempt) -> Option<&AnyBudget> {
        self.budget.as_ref().filter(|_| !attempt.is_accounted())
    }
}
