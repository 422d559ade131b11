use std::{fmt, marker::PhantomData};

use super::{Classifier, classifier::by_default};
#[cfg(feature = "breaker")]
use super::{Origin, ThroughBreaker};
#[cfg(feature = "breaker")]
use crate::BreakerError;
use crate::Verdict;

/// Classifies errors by a predicate: `true` is a transient failure, `false` a permanent one. It has
/// no opinion on responses, so they are successes. The classifier of
/// [`RetryConfig::transactions`](crate::RetryConfig::transactions).
///
/// It also classifies a `BreakerError<Err>`, by the service's own error.
///
/// It doesn't depend on the response type. So one field of a struct can retry functions with
/// different results. The predicate is then a function pointer, because the type of a closure or a
/// function has no name:
///
/// ```
/// use tower_recourse::{RetryConfig, RetryLayer, classify::ConflictClassifier};
///
/// #[derive(Debug)]
/// struct DbError { sqlstate: &'static str }
///
/// fn is_conflict(error: &DbError) -> bool {
///     matches!(error.sqlstate, "40001" | "40P01")
/// }
///
/// type IsConflict = fn(&DbError) -> bool;
///
/// struct Bank {
///     retry: RetryLayer<RetryConfig<ConflictClassifier<IsConflict, DbError>>>,
/// }
///
/// impl Bank {
///     fn new() -> Self {
///         Self { retry: RetryLayer::new(RetryConfig::transactions(is_conflict as IsConflict)) }
///     }
///
///     async fn transfer(&self) -> Result<(), DbError> {
///         self.retry.run(|_| async { Ok(()) }).await
///     }
///
///     async fn balance(&self) -> Result<i64, DbError> {
///         self.retry.run(|_| async { Ok(500) }).await
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), DbError> {
/// # let bank = Bank::new();
/// # bank.transfer().await?;
/// # assert_eq!(bank.balance().await?, 500);
/// # Ok(())
/// # }
/// ```
///
/// *When not to use it*: for errors after which the call may have taken effect. It retries each
/// error that the predicate accepts, whatever the request.
pub struct ConflictClassifier<F, Err> {
    is_conflict: F,
    error: PhantomData<fn(&Err)>,
}

impl<F, Err> ConflictClassifier<F, Err>
where
    F: Fn(&Err) -> bool,
{
    /// A classifier by this predicate.
    pub fn new(is_conflict: F) -> Self {
        Self { is_conflict, error: PhantomData }
    }

    fn verdict(&self, error: &Err) -> Verdict {
        if (self.is_conflict)(error) { Verdict::transient() } else { Verdict::permanent() }
    }
}

impl<F, Req, Res, Err> Classifier<Req, Res, Err> for ConflictClassifier<F, Err>
where
    F: Fn(&Err) -> bool,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        outcome.err().map_or_else(|| by_default(outcome), |error| self.verdict(error))
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().map(|error| self.verdict(error))
    }
}

#[cfg(feature = "breaker")]
impl<F, Req, Res, Err> Classifier<Req, Res, BreakerError<Err>> for ConflictClassifier<F, Err>
where
    F: Fn(&Err) -> bool,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &BreakerError<Err>>) -> Verdict {
        <_ as Classifier<Req, Res, _>>::classify(&ThroughBreaker(self), &(), outcome)
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &BreakerError<Err>>) -> Option<Verdict> {
        <_ as Classifier<Req, Res, _>>::opinion(&ThroughBreaker(self), &(), outcome)
    }

    fn origin(&self, outcome: Result<&Res, &BreakerError<Err>>) -> Origin {
        <_ as Classifier<Req, Res, _>>::origin(&ThroughBreaker(self), outcome)
    }
}

impl<F: Clone, Err> Clone for ConflictClassifier<F, Err> {
    fn clone(&self) -> Self {
        Self { is_conflict: self.is_conflict.clone(), error: PhantomData }
    }
}

impl<F: Copy, Err> Copy for ConflictClassifier<F, Err> {}

impl<F, Err> fmt::Debug for ConflictClassifier<F, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConflictClassifier(..)")
    }
}
