use std::{any::Any, fmt, ops::Deref, sync::Arc};

use super::{Budget, Reservation, Token, TokenBucket, budget::address};
use crate::{FailureKind, call_context::budget_scope};

/// A budget of any kind, shared: made of an `Arc` of one.
///
/// A [`TokenBucket`] is known by its type, so that what it takes for a call is compiled into the call.
///
/// # Clone
///
/// A clone is the same budget: one reference count.
#[derive(Clone)]
pub struct AnyBudget {
    kind: Kind,
    /// What tells it from others.
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

    /// Whether other retries may draw on it too. One that it was given to alone has no handle but its own.
    pub(crate) fn is_shared(&self) -> bool {
        match &self.kind {
            Kind::Bucket(bucket) => Arc::strong_count(bucket) > 1,
            Kind::Other(budget) => Arc::strong_count(budget) > 1,
        }
    }

    /// A request has come, through this retry first.
    #[inline]
    pub(crate) fn deposit_once(&self) {
        if !budget_scope::contains(self.address()) {
            match &self.kind {
                Kind::Bucket(bucket) => bucket.deposit(),
                Kind::Other(budget) => budget.deposit(),
            }
        }
    }

    /// A first attempt has succeeded. It may be a retry of somebody around, who knows what it has cost, and tells.
    #[inline]
    pub(crate) fn succeeded_at_once(&self) {
        match &self.kind {
            // It takes no notice.
            Kind::Bucket(_) => {}
            Kind::Other(budget) => {
                if !budget_scope::contains(self.address()) {
                    budget.succeeded(None);
                }
            }
        }
    }

    /// Takes what another attempt costs, to be given back unless it is made. `None`: it can't be afforded.
    pub(crate) fn reserve(&self, kind: FailureKind) -> Option<Reservation> {
        let token = self.withdraw(kind)?;
        Some(self.hold(token))
    }

    /// Holds a token of this budget, to be given back unless the attempt is made.
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
    fn a_token_bucket_is_known_by_its_type_and_any_other_is_what_it_was() {
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
