//! Which budgets the retries around a call use.
//!
//! - **Writer:** each retry with a budget, while it calls or polls the inner service. An inner
//!   retry on the same budget reports back that the budget has received the attempt's outcome.
//! - **Reader:** an inner retry reads whether its budget is in scope; if so, the request has paid
//!   its deposit. The retry that opened the scope reads whether its budget has received the
//!   outcome.
//! - **Direction:** inwards; the report goes outwards.
//! - **Lifetime:** one call or one poll of the inner service.

use std::cell::Cell;

/// How many nested budgets are tracked. A request that crosses more budgets may deposit into one of
/// them twice.
const MAX_BUDGETS: usize = 4;

/// The budgets that have received a request's deposit, the innermost first; 0 marks an unused
/// entry. A request that can carry this list takes it to another task: see
/// [`RequestReplay::carry_deposits`](crate::retry::RequestReplay::carry_deposits).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deposits([usize; MAX_BUDGETS]);

impl Deposits {
    /// `budget`, followed by the budgets of the enclosing retries; at most four in total.
    pub(crate) fn with(budget: usize) -> Self {
        let (innermost, [second, third, _]) = SCOPES.with(|scopes| (scopes.innermost.get(), scopes.outer.get()));
        let [second, third] = if innermost == 0 { [0; 2] } else { [second, third] };
        Self([budget, innermost, second, third])
    }

    /// These budgets, followed by others.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) fn and(self, others: Self) -> Self {
        let mut all = self.0.into_iter().chain(others.0).filter(|&budget| budget != 0);
        Self(std::array::from_fn(|_| all.next().unwrap_or(0)))
    }

    /// Makes these the budgets in scope until the guard is dropped.
    pub(crate) fn enter(self) -> Option<DepositsScope> {
        let [innermost, second, third, fourth] = self.0;
        (innermost != 0).then(|| {
            SCOPES.with(|scopes| DepositsScope {
                innermost: scopes.innermost.replace(innermost),
                outer: scopes.outer.replace([second, third, fourth]),
            })
        })
    }
}

/// Restores the budgets that were in scope before.
pub(crate) struct DepositsScope {
    innermost: usize,
    outer: [usize; MAX_BUDGETS - 1],
}

impl Drop for DepositsScope {
    fn drop(&mut self) {
        SCOPES.with(|scopes| {
            scopes.innermost.set(self.innermost);
            scopes.outer.set(self.outer);
        });
    }
}

thread_local! {
    static SCOPES: Scopes = const {
        Scopes {
            innermost: Cell::new(0),
            outer: Cell::new([0; MAX_BUDGETS - 1]),
            reported: Cell::new(0),
        }
    };
}

/// One cell per field. Most calls have no budget around them, and then only `innermost` is read.
struct Scopes {
    /// The budget of the innermost retry around the call; 0 if there is none.
    innermost: Cell<usize>,
    /// The budgets of the other outer retries, the innermost first.
    outer: Cell<[usize; MAX_BUDGETS - 1]>,
    /// One bit per budget, the innermost first: the budget has received the outcome of the current
    /// attempt.
    reported: Cell<u8>,
}

impl Scopes {
    /// The position of a budget in the scopes: 0 is the innermost.
    #[inline]
    fn find(&self, budget: usize) -> Option<usize> {
        match self.innermost.get() {
            // The usual case: no enclosing retry.
            0 => None,
            innermost if innermost == budget => Some(0),
            _ => self.find_outer(budget),
        }
    }

    #[cold]
    #[inline]
    fn find_outer(&self, budget: usize) -> Option<usize> {
        if budget == 0 {
            return None;
        }
        self.outer.get().iter().position(|&around| around == budget).map(|place| place + 1)
    }
}

/// While this guard exists, the calls and polls that run are inside a retry with a budget. Dropping
/// the guard restores the outer scope, also when the inner service panics. Reports to the outermost
/// scope stay written, but no retry reads them.
pub(crate) struct BudgetScope {
    budget: usize,
    /// The innermost budget before this scope; 0 if there was none.
    innermost: usize,
    /// Only set if there was an outer budget.
    outer: [usize; MAX_BUDGETS - 1],
    /// Only set if there was an outer budget.
    reported: u8,
}

impl BudgetScope {
    /// Opens a scope for the budget at this address; `None` for 0, which is no budget.
    #[inline]
    pub(crate) fn enter(budget: usize) -> Option<Self> {
        if budget == 0 {
            return None;
        }
        Some(SCOPES.with(|scopes| {
            let innermost = scopes.innermost.replace(budget);
            let (mut outer, mut reported) = Default::default();
            if innermost != 0 {
                (outer, reported) = (scopes.outer.get(), scopes.reported.get());
                let [second, third, _] = outer;
                scopes.outer.set([innermost, second, third]);
            }
            scopes.reported.set(0);
            Self { budget, innermost, outer, reported }
        }))
    }

    /// Closes the scope. Returns whether an inner retry has reported the attempt's outcome to the
    /// budget.
    #[inline]
    pub(crate) fn exit(self) -> bool {
        let budget = self.budget;
        let reported = SCOPES.with(|scopes| scopes.reported.get());
        drop(self);
        reported != 0 && report_outwards(budget, reported)
    }
}

impl Drop for BudgetScope {
    #[inline]
    fn drop(&mut self) {
        SCOPES.with(|scopes| {
            scopes.innermost.set(self.innermost);
            if self.innermost != 0 {
                scopes.reported.set(self.reported);
                scopes.outer.set(self.outer);
            }
        });
    }
}

#[cold]
#[inline]
fn report_outwards(budget: usize, reported: u8) -> bool {
    SCOPES.with(|scopes| scopes.reported.set(scopes.reported.get() | reported >> 1));
    let innermost = reported & 1 != 0;
    if innermost {
        mark_reported(budget);
    }
    innermost
}

/// Whether a retry around this one has deposited into the same budget for this request.
#[inline]
pub(crate) fn contains(budget: usize) -> bool {
    SCOPES.with(|scopes| scopes.find(budget).is_some())
}

/// Reports to the next retry out on the same budget that the budget has received the attempt's
/// outcome.
#[inline]
pub(crate) fn mark_reported(budget: usize) {
    SCOPES.with(|scopes| {
        if let Some(place) = scopes.find(budget) {
            scopes.reported.set(scopes.reported.get() | 1 << place);
        }
    });
}
