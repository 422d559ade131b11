use std::fmt;

use crate::{FailureKind, description::type_name};

/// Decides whether another attempt is within the limit. All services of a layer share one budget,
/// and several layers can share one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a budget",
    label = "not a budget",
    note = "constructors that check their arguments return a `Result`: `TokenBucket::retry_ratio(0.2)?`",
    note = "pass an `Arc` of a budget to `shared_budget`"
)]
pub trait Budget: Send + Sync + fmt::Debug + 'static {
    /// Called once per request, however many attempts it makes and however many retries on this
    /// budget it crosses.
    fn deposit(&self);

    /// Withdraws the cost of another attempt after a failure of this kind. `None` if the budget
    /// can't pay it.
    ///
    /// It is called before the wait, so that waiting retries count, too.
    fn withdraw(&self, kind: FailureKind) -> Option<Token>;

    /// Returns what was withdrawn for an attempt that was never made: the caller dropped the
    /// request, the service didn't become ready, or a breaker rejected the call. If the budget has
    /// filled up meanwhile, the part above its capacity is lost.
    fn refund(&self, token: Token);

    /// Called when an attempt has succeeded. `paid` is what was withdrawn for it; `None` for the
    /// first attempt of a request, which costs nothing. Implement it for budgets that refund or
    /// refill on success.
    ///
    /// A refund of this kind doesn't lower [`BudgetStats::granted`]. If a request crosses several
    /// retries on this budget, each outcome is reported once, by the innermost retry that knows it.
    fn on_success(&self, paid: Option<Token>) {
        let _ = paid;
    }

    /// Whether [`on_success`](Self::on_success) has no effect for the first attempt of a request. A
    /// retry reads this once, when it is configured, and then doesn't report such successes.
    /// `false` unless implemented.
    fn ignores_successes(&self) -> bool {
        false
    }

    /// Called when an attempt has failed, whether it is retried or not, before
    /// [`withdraw`](Self::withdraw). Not called for a call that a breaker rejected, because no
    /// attempt was made. Implement it for budgets that failures drain.
    fn on_failure(&self, kind: FailureKind) {
        let _ = kind;
    }

    /// The budget's balance and counts.
    fn stats(&self) -> BudgetStats;

    /// The highest possible [`balance`](Self::balance). `None` if it isn't known. Metrics show it.
    fn max_balance(&self) -> Option<u64> {
        None
    }

    /// How many more attempts the budget could pay now.
    fn balance(&self) -> u64 {
        self.stats().balance
    }

    /// The budget's settings as text, without its balance, for
    /// [`RetryConfig::describe`](crate::RetryConfig::describe). The name of the type unless
    /// implemented.
    fn description(&self) -> String {
        type_name::<Self>().to_owned()
    }
}

/// The balance and the counts of a [`Budget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BudgetStats {
    /// How many more attempts the budget could pay now.
    pub balance: u64,
    /// How many attempts it has paid for. Attempts that were refunded because they were never made
    /// don't count.
    pub granted: u64,
    /// How many attempts it has refused to pay.
    pub refused: u64,
}

impl BudgetStats {
    /// Makes the statistics from the three numbers.
    pub const fn new(balance: u64, granted: u64, refused: u64) -> Self {
        Self { balance, granted, refused }
    }
}

/// What a budget withdrew for an attempt. Only that budget interprets the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(u64);

impl Token {
    /// Makes a token. `value` has a meaning only for the budget that makes it.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The value that the budget chose.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// The budget's address, which identifies it.
pub(crate) fn address(budget: &dyn Budget) -> usize {
    std::ptr::from_ref(budget).cast::<()>() as usize
}
