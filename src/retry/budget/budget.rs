use std::fmt;

use crate::FailureKind;

/// Says whether another attempt can be afforded. Shared by everything that one layer makes, and by more if it is given to
/// more.
pub trait Budget: Send + Sync + fmt::Debug + 'static {
    /// A request has come. Once a request, however many attempts it takes and however many retries on this budget it
    /// crosses.
    fn deposit(&self);

    /// Takes what one more attempt costs after a failure of this kind. `None`: it can't be afforded.
    ///
    /// Taken before the wait, so that retries which are waiting are counted too.
    fn withdraw(&self, kind: FailureKind) -> Option<Token>;

    /// Takes back what was withdrawn for an attempt that was never made: the caller gave up before it, the service didn't get
    /// ready for it, or a breaker rejected it. Into a budget that has filled up since, no more goes back than there is room for.
    fn give_back(&self, token: Token);

    /// An attempt succeeded. `paid` is what was withdrawn for it; `None` if it was the first one of its request, which costs
    /// nothing. For budgets that give back what led to a success, or that earn by successes.
    ///
    /// What comes back this way counts as granted all the same. Where a request crosses several retries on this budget, each
    /// outcome is told once: by the innermost that knows of it.
    fn succeeded(&self, paid: Option<Token>) {
        let _ = paid;
    }

    /// An attempt failed, whether it is retried or not. Called before [`withdraw`](Self::withdraw); not for a call that a breaker
    /// rejected, as no attempt was made. For budgets that failures drain.
    fn failed(&self, kind: FailureKind) {
        let _ = kind;
    }

    /// What it holds, and what became of what was asked of it.
    fn stats(&self) -> BudgetStats;

    /// How many more attempts could be afforded at this moment.
    fn balance(&self) -> u64 {
        self.stats().balance
    }
}

/// What a [`Budget`] holds, and what became of what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BudgetStats {
    /// How many more attempts could be afforded at this moment.
    pub balance: u64,
    /// How many attempts it has paid for since it was made; those given back as never made aren't among them.
    pub granted: u64,
    /// How many it has refused.
    pub refused: u64,
}

impl BudgetStats {
    /// The three numbers.
    pub const fn new(balance: u64, granted: u64, refused: u64) -> Self {
        Self { balance, granted, refused }
    }
}

/// What a budget gave, in its own terms: it gets the same back for an attempt that was never made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(u64);

impl Token {
    /// A token that stands for this to the budget that makes it.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// What it stands for.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// Tells one budget from another.
pub(crate) fn address(budget: &dyn Budget) -> usize {
    std::ptr::from_ref(budget).cast::<()>() as usize
}
