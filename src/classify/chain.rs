use std::{fmt, marker::PhantomData};

#[cfg(feature = "breaker")]
use super::RejectionMark;
use super::{Classifier, DrainFuture, FailureDescription, Origin, classifier::forward_classifier};
use crate::{Verdict, time::Instant};

/// Starts a chain of classifiers. The first one with an opinion decides.
///
/// The chain calls the [`opinion`](Classifier::opinion) of each classifier in order. If none has
/// one, the last classifier's default decides. The default of
/// [`ErrorClassifier`](super::ErrorClassifier) and of closures is: a response is a success, and an
/// error is a transient failure marked as [`idempotency_unknown`](Verdict::idempotency_unknown).
/// [`otherwise`](Chain::otherwise) sets another default.
///
/// ```
/// use std::io;
/// use tower_recourse::{RetryConfig, Verdict, classify::{self, ErrorClassifier}};
///
/// # type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// # #[derive(Debug)] struct Deadlock;
/// # impl std::fmt::Display for Deadlock { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("deadlock") } }
/// # impl std::error::Error for Deadlock {}
/// let config = RetryConfig::default().classifier(
///     classify::first(classify::errors(|error: &BoxError| error.is::<Deadlock>().then(Verdict::transient)))
///         .or(ErrorClassifier)
///         .otherwise(Verdict::permanent()),
/// );
/// # let _ = config;
/// ```
pub fn first<C>(classifier: C) -> Chain<C> {
    Chain(classifier)
}

/// A chain of classifiers. See [`first`].
#[derive(Debug, Clone, Copy)]
pub struct Chain<C>(C);

impl<C> Chain<C> {
    /// Adds a classifier, which decides if none before it has an opinion.
    pub fn or<Next>(self, next: Next) -> Chain<Or<C, Next>> {
        Chain(Or(self.0, next))
    }

    /// Sets the verdict on errors about which no classifier has an opinion. A response about which
    /// none has one is a success.
    pub fn otherwise(self, verdict: Verdict) -> Chain<Or<C, Otherwise>> {
        self.or(Otherwise(verdict))
    }

    /// Adds a function that receives the verdict so far and may replace it: `|verdict: Verdict,
    /// outcome: Result<&Res, &Err>| …`. The chain calls it for each outcome about which a
    /// classifier before it has an opinion.
    ///
    /// ```
    /// use std::{io, time::Duration};
    /// use tower_recourse::{FailureKind, RetryConfig, Verdict, classify::{self, ErrorClassifier}};
    ///
    /// // Timeouts of this service come from overload, so it needs a pause.
    /// let config = RetryConfig::default().classifier(
    ///     classify::first(ErrorClassifier).refine(|verdict: Verdict, _outcome: Result<&(), &io::Error>| match verdict {
    ///         Verdict::Failure(failure) if failure.kind() == FailureKind::TimedOut => {
    ///             verdict.retry_after(Duration::from_secs(5))
    ///         }
    ///         other => other,
    ///     }),
    /// );
    /// # let _ = config;
    /// ```
    pub fn refine<F, Res, Err>(self, refine: F) -> Chain<Refine<C, F, Res, Err>>
    where
        F: Fn(Verdict, Result<&Res, &Err>) -> Verdict,
    {
        Chain(Refine { inner: self.0, refine, outcome: PhantomData })
    }
}

impl<C, Req, Res, Err> Classifier<Req, Res, Err> for Chain<C>
where
    C: Classifier<Req, Res, Err>,
{
    forward_classifier!(|self| self.0);

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        self.0.describe_failure(outcome)
    }
}

/// Two classifiers: the second decides if the first has no opinion. See [`Chain::or`].
#[derive(Debug, Clone, Copy)]
pub struct Or<C, Next>(C, Next);

impl<C, Next, Req, Res, Err> Classifier<Req, Res, Err> for Or<C, Next>
where
    C: Classifier<Req, Res, Err>,
    Next: Classifier<Req, Res, Err>,
{
    type Memo = (C::Memo, Next::Memo);

    fn memo(&self, request: &Req) -> Self::Memo {
        (self.0.memo(request), self.1.memo(request))
    }

    fn memo_without_retry(&self, request: &Req) -> Self::Memo {
        (self.0.memo_without_retry(request), self.1.memo_without_retry(request))
    }

    fn classify(&self, (first, next): &Self::Memo, outcome: Result<&Res, &Err>) -> Verdict {
        self.0.opinion(first, outcome).unwrap_or_else(|| self.1.classify(next, outcome))
    }

    fn opinion(&self, (first, next): &Self::Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        self.0.opinion(first, outcome).or_else(|| self.1.opinion(next, outcome))
    }

    fn deadline(&self, (first, next): &Self::Memo) -> Option<Instant> {
        let (first, next) = (self.0.deadline(first), self.1.deadline(next));
        first.into_iter().chain(next).min()
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Result<DrainFuture, Result<Res, Err>> {
        self.0.discard(outcome).or_else(|outcome| self.1.discard(outcome))
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.0.origin(outcome).or_else(|| self.1.origin(outcome))
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        self.0.describe_failure(outcome).or_else(|| self.1.describe_failure(outcome))
    }

    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        self.0.rejection_mark().or_else(|| self.1.rejection_mark())
    }
}

/// One verdict on every error. See [`Chain::otherwise`].
#[derive(Debug, Clone, Copy)]
pub struct Otherwise(Verdict);

impl<Req, Res, Err> Classifier<Req, Res, Err> for Otherwise {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        if outcome.is_ok() { Verdict::Success } else { self.0 }
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.is_err().then_some(self.0)
    }
}

/// A classifier whose verdicts a function may replace. See [`Chain::refine`].
pub struct Refine<C, F, Res, Err> {
    pub(super) inner: C,
    pub(super) refine: F,
    outcome: PhantomData<fn(&Res, &Err)>,
}

impl<C, F, Req, Res, Err> Classifier<Req, Res, Err> for Refine<C, F, Res, Err>
where
    C: Classifier<Req, Res, Err>,
    F: Fn(Verdict, Result<&Res, &Err>) -> Verdict,
{
    type Memo = C::Memo;

    fn memo(&self, request: &Req) -> Self::Memo {
        self.inner.memo(request)
    }

    fn memo_without_retry(&self, request: &Req) -> Self::Memo {
        self.inner.memo_without_retry(request)
    }

    /// If no classifier follows, the default is refined, too.
    fn classify(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Verdict {
        (self.refine)(self.inner.classify(memo, outcome), outcome)
    }

    fn opinion(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        self.inner.opinion(memo, outcome).map(|verdict| (self.refine)(verdict, outcome))
    }

    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        self.inner.deadline(memo)
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Result<DrainFuture, Result<Res, Err>> {
        self.inner.discard(outcome)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.inner.origin(outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        self.inner.describe_failure(outcome)
    }

    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        self.inner.rejection_mark()
    }
}

impl<C: Clone, F: Clone, Res, Err> Clone for Refine<C, F, Res, Err> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), refine: self.refine.clone(), outcome: PhantomData }
    }
}

impl<C: Copy, F: Copy, Res, Err> Copy for Refine<C, F, Res, Err> {}

impl<C: fmt::Debug, F, Res, Err> fmt::Debug for Refine<C, F, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refine").field("inner", &self.inner).finish_non_exhaustive()
    }
}
