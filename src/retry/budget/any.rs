use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Weak},
};

use super::{Budget, Reservation, Token, budget::address};
use crate::{FailureKind, call_context::budget_scope};

/// A shared budget of any type. Made from an `Arc` of one.
///
/// # Clone
///
/// A clone shares the budget. It counts one reference.
#[derive(Clone)]
pub struct AnyBudget {
    budget: Arc<dyn Budget>,
    /// Identifies the budget among those of other retries.
    address: usize,
    /// [`Budget::ignores_successes`], read once.
    ignores_successes: bool,
}

impl AnyBudget {
    pub(crate) fn downgrade(&self) -> Weak<dyn Budget> {
        Arc::downgrade(&self.budget)
    }

    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.address
    }

    /// Whether other retries may use the budget, too. A budget that belongs to one retry has no
    /// other handle.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.budget) > 1
    }

    /// Deposits for a request, unless a retry around this one has done so.
    #[inline]
    pub(crate) fn deposit_once(&self) {
        if !budget_scope::contains(self.address) {
            self.budget.deposit();
        }
    }

    /// Reports that a first attempt has succeeded. If an outer retry uses the same budget, that
    /// retry reports the success instead, because this attempt may be one that it has paid for.
    #[inline]
    pub(crate) fn succeeded_at_once(&self) {
        if !self.ignores_successes && !budget_scope::contains(self.address) {
            self.budget.on_success(None);
        }
    }

    /// Withdraws the cost of another attempt, which is refunded unless the attempt is made. `None`
    /// if the budget refuses.
    pub(crate) fn reserve(&self, kind: FailureKind) -> Option<Reservation> {
        let token = self.withdraw(kind)?;
        Some(self.hold(token))
    }

    /// Holds a token of this budget, which is refunded unless the attempt is made.
    pub(crate) fn hold(&self, token: Token) -> Reservation {
        Reservation::of(token, Arc::clone(&self.budget))
    }
}

impl<B: Budget> From<Arc<B>> for AnyBudget {
    fn from(budget: Arc<B>) -> Self {
        Self::from(budget as Arc<dyn Budget>)
    }
}

impl From<Arc<dyn Budget>> for AnyBudget {
    fn from(budget: Arc<dyn Budget>) -> Self {
        Self { address: address(&*budget), ignores_successes: budget.ignores_successes(), budget }
    }
}

impl Deref for AnyBudget {
    type Target = dyn Budget;

    fn deref(&self) -> &Self::Target {
        &*self.budget
    }
}

impl fmt::Debug for AnyBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.budget.fmt(f)
    }
}

#[cfg(all(test, not(recourse_loom)))]
mod tests {
    use super::*;
    use crate::retry::{CostBucket, TokenBucket};

    #[test]
    fn it_has_the_address_and_the_debug_output_of_its_budget() {
        let bucket = Arc::new(TokenBucket::default());
        let any = AnyBudget::from(Arc::clone(&bucket));
        assert_eq!(any.address(), Arc::as_ptr(&bucket) as usize);
        assert_eq!(format!("{any:?}"), format!("{bucket:?}"));
    }

    #[test]
    fn it_skips_first_successes_that_its_budget_ignores() {
        let cost = Arc::new(CostBucket::capacity(10).unwrap());
        cost.withdraw(FailureKind::Transient).unwrap();
        AnyBudget::from(Arc::clone(&cost)).succeeded_at_once();
        assert_eq!(cost.tokens(), 6);
        assert!(AnyBudget::from(Arc::new(TokenBucket::default())).ignores_successes);
    }
}
