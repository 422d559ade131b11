use std::pin::Pin;

use super::Origin;
#[cfg(feature = "breaker")]
use crate::Rejection;
use crate::{Verdict, time::Instant};

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

    /// When the request must be answered, if it says so itself, as remembered of it. A retry honours it.
    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        let _ = memo;
        None
    }

    /// Takes over an outcome that a retry lets go, to end it well: what is returned is polled during the wait before the next
    /// attempt, and dropped with it. `Err` gives it back, to be dropped at once.
    fn let_go(&self, outcome: Result<Res, Err>) -> Result<LetGo, Result<Res, Err>> {
        Err(outcome)
    }

    /// Whether a breaker made this outcome in place of the service, as far as the value itself says. The layers ask this
    /// before [`classify`](Self::classify): a rejection isn't retried, and isn't counted by a breaker, whatever the verdict.
    ///
    /// [`Origin::Unknown`] unless it is written. Then an error is inspected by the layers themselves where they can (see
    /// [the page](crate::classify#rejections)). To be written by classifiers of responses that can carry a mark, and of errors
    /// that the layers can't look into.
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        let _ = outcome;
        Origin::Unknown
    }

    /// How to mark a response that a breaker has made in place of an answer, so that [`origin`](Self::origin) finds the
    /// mark. `None` where responses can't carry one.
    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        None
    }
}

/// Puts a rejection into a response that stands for it.
#[cfg(feature = "breaker")]
pub type RejectionMark<Res> = fn(&mut Res, Rejection);

/// Ends an outcome that isn't needed any more: reads a response to its end, say, so that its connection can be used again.
pub type LetGo = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The verdict on an outcome that no classifier has an opinion on: a response is a success, an error is transient. Whether the
/// request is idempotent isn't known.
pub(crate) fn by_default<Res, Err>(outcome: Result<&Res, &Err>) -> Verdict {
    if outcome.is_ok() { Verdict::Success } else { Verdict::transient().idempotency_unknown() }
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

    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        (**self).deadline(memo)
    }

    fn let_go(&self, outcome: Result<Res, Err>) -> Result<LetGo, Result<Res, Err>> {
        (**self).let_go(outcome)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        (**self).origin(outcome)
    }

    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        (**self).rejection_mark()
    }
}
