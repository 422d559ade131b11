use std::sync::Arc;

use super::{Budget, Token};

/// A token that is held during the wait, or nothing. Dropping it refunds the token unless it was
/// spent.
#[derive(Debug)]
pub(crate) struct Reservation {
    /// `None` if no token is held.
    budget: Option<Arc<dyn Budget>>,
    token: Token,
}

impl Reservation {
    pub(super) fn of(token: Token, budget: Arc<dyn Budget>) -> Self {
        Self { budget: Some(budget), token }
    }

    /// The attempt is made, so the token is spent.
    #[inline]
    pub(crate) fn spend(&mut self) {
        self.budget = None;
    }

    /// Refunds the token: the attempt isn't made.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if self.budget.is_some() {
            self.give_back_token();
        }
    }

    #[cold]
    fn give_back_token(&mut self) {
        if let Some(budget) = self.budget.take() {
            budget.refund(self.token);
        }
    }

    /// Attempt `number` has ended. Returns what it has cost, if it was a retry that was made. If it
    /// wasn't made, the token is refunded.
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
