use crate::Verdict;

/// Judges an outcome. It may look at the request before the call, without a copy of it: what it needs is its memo.
///
/// For most purposes a closure is enough: see [the page](crate::classify). Several make one by
/// [`classify::first`](crate::classify::first).
///
/// ```
/// use tower_recourse::{Classifier, Verdict};
///
/// struct Request { read_only: bool }
///
/// /// A failed write may have happened: only reads are worth another attempt.
/// struct ReadsOnly;
///
/// impl<Res, Err> Classifier<Request, Res, Err> for ReadsOnly {
///     type Memo = bool;
///
///     fn memo(&self, request: &Request) -> bool {
///         request.read_only
///     }
///
///     fn classify(&self, read_only: &bool, outcome: Result<&Res, &Err>) -> Verdict {
///         match outcome {
///             Ok(_) => Verdict::Success,
///             Err(_) if *read_only => Verdict::transient(),
///             Err(_) => Verdict::permanent(),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't judge outcomes `Result<&{Res}, &{Err}>`",
    label = "not a classifier of this service's outcomes",
    note = "a classifier closure takes the service's own types: `.classify(|outcome: Result<&{Res}, &{Err}>| …)`",
    note = "around a breaker, the error is `BreakerError<E>`"
)]
pub trait Classifier<Req, Res, Err> {
    /// What is remembered of the request until the outcome is there. `()` where the outcome says it all.
    type Memo;

    /// Takes what it needs of the request, before the call.
    fn memo(&self, request: &Req) -> Self::Memo;

    /// Judges the outcome.
    fn classify(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Verdict;

    /// Judges the outcome, or leaves it to somebody else: `None` where [`classify`](Self::classify) has no more to say than
    /// its default. What a [`Chain`](crate::classify::Chain) asks. Unless it is written, every verdict is an opinion.
    fn opinion(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        Some(self.classify(memo, outcome))
    }
}

/// What an outcome means that nobody has an opinion on: errors are worth another attempt, responses are successes.
pub(crate) fn by_default<Res, Err>(outcome: Result<&Res, &Err>) -> Verdict {
    if outcome.is_ok() { Verdict::Success } else { Verdict::transient() }
}

impl<C, Req, Res, Err> Classifier<Req, Res, Err> for &C
where
    C: Classifier<Req, Res, Err> + ?Sized,
{
    type Memo = C::Memo;

    fn memo(&self, request: &Req) -> Self::Memo {
        (**self).memo(request)
    }

    fn classify(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Verdict {
        (**self).classify(memo, outcome)
    }

    fn opinion(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        (**self).opinion(memo, outcome)
    }
}
