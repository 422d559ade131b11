use super::{AnyBudget, Reservation};
use crate::FailureKind;

/// The account of one request with a budget, for retry loops that aren't this crate's.
///
/// ```
/// use std::{io, sync::Arc, time::Duration};
/// use tower_recourse::{FailureKind, retry::{AnyBudget, TokenBucket}};
///
/// async fn fetch(attempt: u32) -> io::Result<u32> {
///     if attempt < 3 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(42) }
/// }
///
/// async fn fetch_with_retries(budget: &AnyBudget) -> io::Result<u32> {
///     let mut request = budget.request();                     // deposits
///     for attempt in 1.. {
///         request.spend();                                    // of an earlier `try_retry`
///         match fetch(attempt).await {
///             Ok(item) => {
///                 request.succeeded();
///                 return Ok(item);
///             }
///             Err(error) if attempt == 4 || !request.try_retry(FailureKind::Transient) => return Err(error),
///             Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
///         }
///     }
///     unreachable!("the loop returns at the fourth attempt")
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> io::Result<()> {
/// // All requests share one budget: here two retries per request, and none in reserve.
/// let bucket = Arc::new(TokenBucket::retry_ratio(2.0).expect("valid").min_per_second(0));
/// let budget = AnyBudget::from(bucket);
/// assert_eq!(fetch_with_retries(&budget).await?, 42);
/// assert_eq!((budget.stats().granted, budget.balance()), (2, 0));
/// # Ok(())
/// # }
/// ```
///
/// | call | when |
/// |---|---|
/// | [`AnyBudget::request`] | once per request, before the first attempt |
/// | [`try_retry`](Self::try_retry) | after a failed attempt, as the last check before the wait |
/// | [`spend`](Self::spend) | when the next attempt starts |
/// | [`succeeded`](Self::succeeded) | after an attempt that succeeded |
///
/// It does nothing else, so it works in async and in blocking loops.
///
/// # Cancel safety
///
/// Dropping it refunds a token that was reserved and not spent: the caller gave up during the wait.
///
/// # When not to use it
///
/// Around [`RetryLayer`](crate::RetryLayer), which does all of this.
#[derive(Debug)]
pub struct RequestBudget {
    budget: AnyBudget,
    reservation: Reservation,
    attempt: u32,
}

impl AnyBudget {
    /// Opens the account of one request, which deposits its share. See [`RequestBudget`].
    pub fn request(&self) -> RequestBudget {
        self.deposit_once();
        RequestBudget { budget: self.clone(), reservation: Reservation::default(), attempt: 1 }
    }
}

impl RequestBudget {
    /// Reports that an attempt has failed, and reserves a token for the next one. `false`: the
    /// budget refuses, so return the failure.
    ///
    /// Call it only for a failure that you would retry otherwise, right before the wait. Report
    /// other failures, such as that of the last attempt, by
    /// [`Budget::on_failure`](super::Budget::on_failure), if the budget isn't a
    /// [`TokenBucket`](super::TokenBucket), which ignores them.
    #[must_use = "if the budget refuses, the request must not be retried"]
    pub fn try_retry(&mut self, kind: FailureKind) -> bool {
        self.spend();
        self.budget.on_failure(kind);
        let Some(reservation) = self.budget.reserve(kind) else { return false };
        self.reservation = reservation;
        self.attempt = self.attempt.saturating_add(1);
        true
    }

    /// Spends the reserved token, because the attempt that it pays for starts. Without a reserved
    /// token, this has no effect.
    ///
    /// [`try_retry`](Self::try_retry) and [`succeeded`](Self::succeeded) also spend it: they report
    /// an attempt that was made. If you can't call `spend`, a request that is dropped during its
    /// last attempt gets its token back.
    pub fn spend(&mut self) {
        self.reservation.spend();
    }

    /// Reports that an attempt has succeeded.
    pub fn succeeded(mut self) {
        self.spend();
        let paid = self.reservation.settle(self.attempt);
        self.budget.on_success(paid);
    }
}
