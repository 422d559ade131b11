use std::fmt;

use super::{Classifier, IntoOpinion, classifier::by_default};
use crate::Verdict;

/// Judges outcomes by a closure: `|outcome: Result<&Res, &Err>| …`.
///
/// It returns a [`Verdict`], or an `Option` of one: `None` leaves the outcome to the next of a [`Chain`](super::Chain). Where
/// there is none, a response is a success then, and an error transient with the mark
/// [`idempotency_unknown`](Verdict::idempotency_unknown).
///
/// The configs have this as their `classify`.
pub fn outcomes<F, Res, Err, V>(judge: F) -> FromFn<F>
where
    F: Fn(Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    FromFn(judge)
}

/// Judges errors by a closure: `|error: &Err| …`. It has no opinion on responses: they are successes, unless the next of a
/// [`Chain`](super::Chain) knows better.
///
/// It returns a [`Verdict`], or an `Option` of one: `None` leaves the error to the next of the chain. Where there is none, it is
/// transient then, with the mark [`idempotency_unknown`](Verdict::idempotency_unknown).
///
/// The configs have this as their `classify_errors`.
pub fn errors<F, Err, V>(judge: F) -> FromErrorFn<F>
where
    F: Fn(&Err) -> V,
    V: IntoOpinion,
{
    FromErrorFn(judge)
}

/// Judges outcomes by two closures, one of which sees the request: `|request: &Req| memo` before the call, and `|memo: &Memo,
/// outcome: Result<&Res, &Err>| …` after it.
///
/// The second returns a [`Verdict`], or an `Option` of one, as in [`outcomes`].
///
/// The configs have this as their `classify_with`.
pub fn with_memo<M, F, Req, Memo, Res, Err, V>(remember: M, judge: F) -> FromMemoFn<M, F>
where
    M: Fn(&Req) -> Memo,
    F: Fn(&Memo, Result<&Res, &Err>) -> V,
    V: IntoOpinion,
{
    FromMemoFn { remember, judge }
}

/// A closure over `Result<&Res, &Err>` as a classifier: see [`outcomes`].
#[derive(Clone, Copy)]
pub struct FromFn<F>(F);

impl<F, Req, Res, Err, V> Classifier<Req, Res, Err> for FromFn<F>
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

/// A closure over `&Err` as a classifier: see [`errors`].
#[derive(Clone, Copy)]
pub struct FromErrorFn<F>(F);

impl<F, Req, Res, Err, V> Classifier<Req, Res, Err> for FromErrorFn<F>
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

/// A closure over the request, and one over what it remembered and the outcome, as a classifier: see [`with_memo`].
#[derive(Clone, Copy)]
pub struct FromMemoFn<M, F> {
    remember: M,
    judge: F,
}

impl<M, F, Req, Memo, Res, Err, V> Classifier<Req, Res, Err> for FromMemoFn<M, F>
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
        (self.judge)(memo, outcome).into_opinion().unwrap_or_else(|| by_default(outcome))
    }

    fn opinion(&self, memo: &Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        (self.judge)(memo, outcome).into_opinion()
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a closure")
    }
}

impl<F> fmt::Debug for FromErrorFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a closure over errors")
    }
}

impl<M, F> fmt::Debug for FromMemoFn<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a closure with a memo")
    }
}
