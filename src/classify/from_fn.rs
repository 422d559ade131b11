use std::{fmt, marker::PhantomData};

use super::{Classifier, IntoOpinion, classifier::by_default};
use crate::Verdict;

/// Classifies outcomes by a closure: `|outcome: Result<&Res, &Err>| …`.
///
/// The closure returns a [`Verdict`], or an `Option<Verdict>`: `None` leaves the outcome to the
/// next classifier of a [`Chain`](super::Chain). Without a next one, a response is a success, and
/// an error is a transient failure marked as [`idempotency_unknown`](Verdict::idempotency_unknown).
///
/// A closure over `Err` also classifies a `BreakerError<Err>`, by the service's own error.
///
/// The configurations offer this as `classify`.
pub fn outcomes<F, Res, Err, V>(classify: F) -> ClassifierFn<F, Res, Err>
where
    F: Fn(Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    ClassifierFn(classify, PhantomData)
}

/// Classifies errors by a closure: `|error: &Err| …`. It has no opinion on responses, so they are
/// successes unless a later classifier of a [`Chain`](super::Chain) has one.
///
/// The closure returns a [`Verdict`], or an `Option<Verdict>`: `None` leaves the error to the next
/// classifier of the chain. Without a next one, the error is a transient failure marked as
/// [`idempotency_unknown`](Verdict::idempotency_unknown).
///
/// A closure over `&Err` also classifies a `BreakerError<Err>`, by the service's own error.
///
/// The configurations offer this as `classify_errors`.
pub fn errors<F, Err, V>(classify: F) -> ErrorClassifierFn<F, Err>
where
    F: Fn(&Err) -> V,
    V: IntoOpinion,
{
    ErrorClassifierFn(classify, PhantomData)
}

/// Classifies outcomes by two closures, one of which reads the request: `|request: &Req| memo`
/// before the call, and `|memo: &Memo, outcome: Result<&Res, &Err>| …` after it.
///
/// The second returns a [`Verdict`] or an `Option<Verdict>`, as in [`outcomes`].
///
/// The configurations offer this as `classify_with_request`.
pub fn with_memo<M, F, Req, Memo, Res, Err, V>(remember: M, classify: F) -> MemoClassifierFn<M, F, Memo, Res, Err>
where
    M: Fn(&Req) -> Memo,
    F: Fn(&Memo, Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    MemoClassifierFn { remember, classify, outcome: PhantomData }
}

/// A closure over `Result<&Res, &Err>` as a classifier. See [`outcomes`].
///
/// It also classifies `BreakerError<Err>`, by the service's own error.
pub struct ClassifierFn<F, Res, Err>(pub(super) F, Outcome<Res, Err>);

/// The types that a closure takes. A classifier with this type in its name can tell a closure over
/// `Err` from one over `BreakerError<Err>`.
type Outcome<Res, Err> = PhantomData<fn(&Res, &Err)>;

impl<F, Req, Res, Err, V> Classifier<Req, Res, Err> for ClassifierFn<F, Res, Err>
where
    F: Fn(Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        (self.0)(outcome).into_opinion().unwrap_or_else(|| by_default(outcome))
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        (self.0)(outcome).into_opinion()
    }
}

/// A closure over `&Err` as a classifier. See [`errors`].
///
/// It also classifies `BreakerError<Err>`, by the service's own error.
pub struct ErrorClassifierFn<F, Err>(pub(super) F, PhantomData<fn(&Err)>);

impl<F, Req, Res, Err, V> Classifier<Req, Res, Err> for ErrorClassifierFn<F, Err>
where
    F: Fn(&Err) -> V,
    V: IntoOpinion,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        outcome.err().and_then(|error| (self.0)(error).into_opinion()).unwrap_or_else(|| by_default(outcome))
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(|error| (self.0)(error).into_opinion())
    }
}

/// A closure over the request, and one over its result and the outcome, as a classifier. See
/// [`with_memo`].
///
/// It also classifies `BreakerError<Err>`, by the service's own error.
pub struct MemoClassifierFn<M, F, Memo, Res, Err> {
    pub(super) remember: M,
    pub(super) classify: F,
    outcome: PhantomData<fn(&Memo, &Res, &Err)>,
}

impl<M, F, Req, Memo, Res, Err, V> Classifier<Req, Res, Err> for MemoClassifierFn<M, F, Memo, Res, Err>
where
    M: Fn(&Req) -> Memo,
    F: Fn(&Memo, Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    type Memo = Memo;

    fn memo(&self, request: &Req) -> Memo {
        (self.remember)(request)
    }

    fn classify(&self, memo: &Memo, outcome: Result<&Res, &Err>) -> Verdict {
        (self.classify)(memo, outcome).into_opinion().unwrap_or_else(|| by_default(outcome))
    }

    fn opinion(&self, memo: &Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        (self.classify)(memo, outcome).into_opinion()
    }
}

impl<F: Clone, Res, Err> Clone for ClassifierFn<F, Res, Err> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<F: Copy, Res, Err> Copy for ClassifierFn<F, Res, Err> {}

impl<F: Clone, Err> Clone for ErrorClassifierFn<F, Err> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<F: Copy, Err> Copy for ErrorClassifierFn<F, Err> {}

impl<M: Clone, F: Clone, Memo, Res, Err> Clone for MemoClassifierFn<M, F, Memo, Res, Err> {
    fn clone(&self) -> Self {
        Self { remember: self.remember.clone(), classify: self.classify.clone(), outcome: PhantomData }
    }
}

impl<M: Copy, F: Copy, Memo, Res, Err> Copy for MemoClassifierFn<M, F, Memo, Res, Err> {}

impl<F, Res, Err> fmt::Debug for ClassifierFn<F, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClassifierFn(..)")
    }
}

impl<F, Err> fmt::Debug for ErrorClassifierFn<F, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorClassifierFn(..)")
    }
}

impl<M, F, Memo, Res, Err> fmt::Debug for MemoClassifierFn<M, F, Memo, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoClassifierFn(..)")
    }
}
