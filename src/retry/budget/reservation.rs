use std::sync::Arc;

use super::{Budget, Token};

/// A token held across the wait, or none. Dropped, it goes back; spent, it doesn't.
#[derive(Debug)]
pub(crate) struct Reservation {
    /// `None` holds nothing.
    budget: Option<Arc<dyn Budget>>,
    token: Token,
}

impl Reservation {
    pub(super) fn of(token: Token, budget: Arc<dyn Budget>) -> Self {
        Self { budget: Some(budget), token }
    }

    /// The attempt is made.
    #[inline]
    pub(crate) fn spend(&mut self) {
        self.budget = None;
    }

    /// The attempt wasn't made, and won't be.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if self.budget.is_some() {
            self.give_back_token();
        }
    }

    #[cold]
    fn give_back_token(&mut self) {
        if let Some(budget) = self.budget.take() {
            budget.give_back(self.token);
        }
    }

    /// Attempt `number` has come to its end: what it has cost, if it was a retry that was made. If it wasn't made, the token
    /// goes back.
    #[inline]
    pub(crate) fn settle(&mut self, number: u32) -> Option<Token> {
        let paid = (number > 1 && self.budget.is_none()).then_some(self.token);
        self.give_back();
        paid
    }
}

impl Default for Reservation {
    fn default() -> Self {
        Self { budget: None, token: Token::new(0) }
    }
}

impl Drop for Reservation {
    #[inline]
    fn drop(&mut self) {
        self.give_back();
    }
}
