use std::sync::Arc;

use super::{Budget, Token};
use crate::FailureKind;

/// A token held across the wait. Dropped, it goes back; spent, it doesn't.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<dyn Budget>,
    token: Option<Token>,
}

impl Reservation {
    pub(crate) fn of(budget: &Arc<dyn Budget>, kind: FailureKind) -> Option<Self> {
        budget.withdraw(kind).map(|token| Self { budget: Arc::clone(budget), token: Some(token) })
    }

    /// The attempt is made.
    pub(crate) fn spend(mut self) {
        self.token = None;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            self.budget.give_back(token);
        }
    }
}
