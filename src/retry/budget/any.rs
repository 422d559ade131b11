use std::{any::Any, fmt, ops::Deref, sync::Arc};

use super::{Budget, Reservation, Token, TokenBucket, budget::address};
use crate::{FailureKind, call_context::budget_scope};

/// A shared budget of any type. Made from an `Arc` of one.
///
/// # Clone
///
/// A clone shares the budget. It counts one reference.
#[derive(Clone)]
pub struct AnyBudget {
    kind: Kind,
    /// Identifies the budget among those of other retries.
    address: usize,
}

#[derive(Clone)]
enum Kind {
    Bucket(Arc<TokenBucket>),
    Other(Arc<dyn Budget>),
}

impl AnyBudget {
    fn new(kind: Kind) -> Self {
        let address = address(kind.as_budget());
        Self { kind, address }
    }

    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.address
    }

    /// Whether other retries may use the budget, too. A budget that belongs to one retry has no
    /// other handle.
    pub(crate) fn is_shared(&self) -> bool {
        match &self.kind {
            Kind::Bucket(bucket) => Arc::strong_count(bucket) > 1,
            Kind::Other(budget) => Arc::strong_count(budget) > 1,
        }
    }

    /// Deposits for a request, unless a retry around this one has done so.
    #[inline]
    pub(crate) fn deposit_once(&self) {
        if !budget_scope::contains(self.address()) {
            match &self.kind {
                Kind::Bucket(bucket) => bucket.deposit(),
                Kind::Other(budget) => budget.deposit(),
            }
        }
    }

    /// Reports that a first attempt has succeeded. If there is a retry around on the same budget,
    /// that retry reports it: only it knows whether the attempt was paid for.
    #[inline]
    pub(crate) fn succeeded_at_once(&self) {
        match &self.kind {
            // `TokenBucket` ignores successes.
            Kind::Bucket(_) => {}
            Kind::Other(budget) => {
                if !budget_scope::contains(self.address()) {
                    budget.on_success(None);
                }
            }
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
        let budget: Arc<dyn Budget> = match &self.kind {
            Kind::Bucket(bucket) => bucket.clone(),
            Kind::Other(budget) => budget.clone(),
        };
        Reservation::of(token, budget)
    }
}

impl<B: Budget> From<Arc<B>> for AnyBudget {
    fn from(budget: Arc<B>) -> Self {
        match (&budget as &dyn Any).downcast_ref::<Arc<TokenBucket>>() {
            Some(bucket) => Self::new(Kind::Bucket(Arc::clone(bucket))),
            None => Self::new(Kind::Other(budget)),
        }
    }
}

impl From<Arc<dyn Budget>> for AnyBudget {
    fn from(budget: Arc<dyn Budget>) -> Self {
        Self::new(Kind::Other(budget))
    }
}

impl Kind {
    fn as_budget(&self) -> &dyn Budget {
        match self {
            Self::Bucket(bucket) => &**bucket,
            Self::Other(budget) => &**budget,
        }
    }
}

impl Deref for AnyBudget {
    type Target = dyn Budget;

    fn deref(&self) -> &Self::Target {
        self.kind.as_budget()
    }
}

impl fmt::Debug for AnyBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(all(test, not(recourse_loom)))]
mod tests {
    use super::*;
    use crate::retry::CostBucket;

    #[test]
    fn a_token_bucket_is_recognised_by_its_type() {
        let bucket = Arc::new(TokenBucket::default());
        let known = AnyBudget::from(Arc::clone(&bucket));
        let unknown = AnyBudget::from(Arc::clone(&bucket) as Arc<dyn Budget>);
        let other = AnyBudget::from(Arc::new(CostBucket::default()));
        assert!(matches!((&known.kind, &unknown.kind, &other.kind), (Kind::Bucket(_), Kind::Other(_), Kind::Other(_))));
        let at = Arc::as_ptr(&bucket) as usize;
        assert_eq!((known.address(), unknown.address()), (at, at));
        assert_eq!(format!("{known:?}"), format!("{bucket:?}"));
        assert!(format!("{other:?}").starts_with("CostBucket"));
    }
}
