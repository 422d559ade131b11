//! Classifiers of a service's own error, applied to the error of a breaker around it.

use super::{
    ClassifierFn, DrainFuture, ErrorClassifierFn, FailureDescription, IntoOpinion, MemoClassifierFn, Origin, Refine,
    RejectionMark,
};
use crate::{BreakerError, Classifier, Rejection, Verdict, observe::ErrorText, time::Instant};

/// Applies a classifier of `Err` to outcomes with a `BreakerError<Err>`: the service's own error
/// decides. A rejection is a rejection.
///
/// Closures, and chains that begin with them, don't need it: a closure over `Err` also classifies
/// `BreakerError<Err>`. Use it for a [`Classifier`] of your own that is implemented for one error
/// type:
///
/// ```
/// use tower_recourse::{BreakerConfig, Classifier, RetryConfig, Verdict, classify::ThroughBreaker};
///
/// #[derive(Debug)]
/// enum DbError { Deadlock, UniqueViolation }
///
/// #[derive(Clone, Copy)]
/// struct ByCode;
///
/// impl<Req, Res> Classifier<Req, Res, DbError> for ByCode {
///     type Memo = ();
///
///     fn memo(&self, _: &Req) {}
///
///     fn classify(&self, (): &(), outcome: Result<&Res, &DbError>) -> Verdict {
///         match outcome {
///             Ok(_) => Verdict::Success,
///             Err(DbError::Deadlock) => Verdict::transient(),
///             Err(DbError::UniqueViolation) => Verdict::ClientError,
///         }
///     }
/// }
///
/// let breaker = BreakerConfig::default().classifier(ByCode);
/// let retry = RetryConfig::default().classifier(ThroughBreaker(ByCode)); // around the breaker
/// # let _ = (breaker, retry);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ThroughBreaker<C>(pub C);

/// The part of an outcome that a classifier of the service's own error sees, or the rejection.
fn inner<'a, Res, Err>(
    outcome: Result<&'a Res, &'a BreakerError<Err>>,
) -> Result<Result<&'a Res, &'a Err>, &'a Rejection> {
    match outcome {
        Ok(response) => Ok(Ok(response)),
        Err(BreakerError::Inner(error)) => Ok(Err(error)),
        Err(BreakerError::Rejected(rejection)) => Err(rejection),
    }
}

fn rejected(rejection: &Rejection) -> Verdict {
    Verdict::rejected(rejection.retry_in())
}

/// The origin of an outcome, if the breaker in the error's type rejected the call.
fn origin<Res, Err>(outcome: Result<&Res, &BreakerError<Err>>) -> Origin {
    match outcome {
        Err(BreakerError::Rejected(rejection)) => Origin::Rejected(rejection.cause()),
        _ => Origin::Unknown,
    }
}

impl<C, Req, Res, Err> Classifier<Req, Res, BreakerError<Err>> for ThroughBreaker<C>
where
    C: Classifier<Req, Res, Err>,
{
    type Memo = C::Memo;

    fn memo(&self, request: &Req) -> Self::Memo {
        self.0.memo(request)
    }

    fn memo_without_retry(&self, request: &Req) -> Self::Memo {
        self.0.memo_without_retry(request)
    }

    fn classify(&self, memo: &Self::Memo, outcome: Result<&Res, &BreakerError<Err>>) -> Verdict {
        inner(outcome).map_or_else(rejected, |outcome| self.0.classify(memo, outcome))
    }

    fn opinion(&self, memo: &Self::Memo, outcome: Result<&Res, &BreakerError<Err>>) -> Option<Verdict> {
        inner(outcome).map_or_else(|rejection| Some(rejected(rejection)), |outcome| self.0.opinion(memo, outcome))
    }

    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        self.0.deadline(memo)
    }

    fn discard(&self, outcome: Result<Res, BreakerError<Err>>) -> Result<DrainFuture, Result<Res, BreakerError<Err>>> {
        let outcome = match outcome {
            Err(BreakerError::Rejected(rejection)) => return Err(Err(BreakerError::Rejected(rejection))),
            Err(BreakerError::Inner(error)) => Err(error),
            Ok(response) => Ok(response),
        };
        self.0.discard(outcome).map_err(|outcome| outcome.map_err(BreakerError::Inner))
    }

    fn origin(&self, outcome: Result<&Res, &BreakerError<Err>>) -> Origin {
        match inner(outcome) {
            Ok(outcome) => self.0.origin(outcome),
            Err(rejection) => Origin::Rejected(rejection.cause()),
        }
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a BreakerError<Err>>) -> FailureDescription<'a> {
        match inner(outcome) {
            Ok(outcome) => self.0.describe_failure(outcome),
            Err(rejection) => FailureDescription::new().error(ErrorText::error(rejection)),
        }
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        self.0.rejection_mark()
    }
}

impl<F, Req, Res, Err, V> Classifier<Req, Res, BreakerError<Err>> for ClassifierFn<F, Res, Err>
where
    F: Fn(Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &BreakerError<Err>>) -> Verdict {
        Classifier::<Req, _, _>::classify(&ThroughBreaker(self), &(), outcome)
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &BreakerError<Err>>) -> Option<Verdict> {
        Classifier::<Req, _, _>::opinion(&ThroughBreaker(self), &(), outcome)
    }

    fn origin(&self, outcome: Result<&Res, &BreakerError<Err>>) -> Origin {
        Classifier::<Req, _, _>::origin(&ThroughBreaker(self), outcome)
    }
}

impl<F, Req, Res, Err, V> Classifier<Req, Res, BreakerError<Err>> for ErrorClassifierFn<F, Err>
where
    F: Fn(&Err) -> V,
    V: IntoOpinion,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &BreakerError<Err>>) -> Verdict {
        Classifier::<Req, _, _>::classify(&ThroughBreaker(self), &(), outcome)
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &BreakerError<Err>>) -> Option<Verdict> {
        Classifier::<Req, _, _>::opinion(&ThroughBreaker(self), &(), outcome)
    }

    fn origin(&self, outcome: Result<&Res, &BreakerError<Err>>) -> Origin {
        Classifier::<Req, _, _>::origin(&ThroughBreaker(self), outcome)
    }
}

impl<M, F, Req, Memo, Res, Err, V> Classifier<Req, Res, BreakerError<Err>> for MemoClassifierFn<M, F, Memo, Res, Err>
where
    M: Fn(&Req) -> Memo,
    F: Fn(&Memo, Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    type Memo = Memo;

    fn memo(&self, request: &Req) -> Memo {
        (self.remember)(request)
    }

    fn classify(&self, memo: &Memo, outcome: Result<&Res, &BreakerError<Err>>) -> Verdict {
        Classifier::<Req, _, _>::classify(&ThroughBreaker(self), memo, outcome)
    }

    fn opinion(&self, memo: &Memo, outcome: Result<&Res, &BreakerError<Err>>) -> Option<Verdict> {
        Classifier::<Req, _, _>::opinion(&ThroughBreaker(self), memo, outcome)
    }

    fn origin(&self, outcome: Result<&Res, &BreakerError<Err>>) -> Origin {
        Classifier::<Req, _, _>::origin(&ThroughBreaker(self), outcome)
    }
}

impl<C, F, Req, Res, Err> Classifier<Req, Res, BreakerError<Err>> for Refine<C, F, Res, Err>
where
    C: Classifier<Req, Res, BreakerError<Err>>,
    F: Fn(Verdict, Result<&Res, &Err>) -> Verdict,
{
    type Memo = C::Memo;

    fn memo(&self, request: &Req) -> Self::Memo {
        self.inner.memo(request)
    }

    fn memo_without_retry(&self, request: &Req) -> Self::Memo {
        self.inner.memo_without_retry(request)
    }

    fn classify(&self, memo: &Self::Memo, outcome: Result<&Res, &BreakerError<Err>>) -> Verdict {
        let verdict = self.inner.classify(memo, outcome);
        inner(outcome).map_or_else(rejected, |outcome| (self.refine)(verdict, outcome))
    }

    fn opinion(&self, memo: &Self::Memo, outcome: Result<&Res, &BreakerError<Err>>) -> Option<Verdict> {
        let verdict = self.inner.opinion(memo, outcome)?;
        Some(inner(outcome).map_or_else(rejected, |outcome| (self.refine)(verdict, outcome)))
    }

    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        self.inner.deadline(memo)
    }

    fn discard(&self, outcome: Result<Res, BreakerError<Err>>) -> Result<DrainFuture, Result<Res, BreakerError<Err>>> {
        self.inner.discard(outcome)
    }

    fn origin(&self, outcome: Result<&Res, &BreakerError<Err>>) -> Origin {
        self.inner.origin(outcome).or_else(|| origin(outcome))
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a BreakerError<Err>>) -> FailureDescription<'a> {
        self.inner.describe_failure(outcome)
    }

    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        self.inner.rejection_mark()
    }
}
