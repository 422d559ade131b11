use std::pin::Pin;

use super::{FailureDescription, Origin};
#[cfg(feature = "breaker")]
use crate::Rejection;
use crate::{Verdict, time::Instant};

/// Classifies outcomes. It may read the request before the call, without copying it: its memo
/// stores what it needs.
///
/// A closure is enough for most purposes: see the [module](crate::classify).
/// [`classify::first`](crate::classify::first) combines several classifiers.
///
/// ```
/// use tower_recourse::{Classifier, Verdict};
///
/// struct Request { read_only: bool }
///
/// /// Retries reads only: a failed write may have been carried out.
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
    message = "`{Self}` can't classify outcomes `Result<&{Res}, &{Err}>`",
    label = "not a classifier of this service's outcomes",
    note = "a classifier closure takes the service's own types: `.classify(|outcome: Result<&{Res}, &{Err}>| …)`",
    note = "the error type of a service with a breaker is `BreakerError<E>`",
    note = "a `CircuitHandle` has no classifier: state one with `BreakerLayer::on(&circuit.classified_by(…))`"
)]
pub trait Classifier<Req, Res, Err> {
    /// What the classifier needs of the request. `()` if the outcome is enough.
    type Memo;

    /// Reads the request before the call.
    fn memo(&self, request: &Req) -> Self::Memo;

    /// Reads the request for a layer that never sends a request again: a breaker or a fallback. It
    /// needs neither the [deadline](Self::deadline) nor the marks about resending. The provided
    /// implementation calls [`memo`](Self::memo). Override it if the memo takes time, and a part of
    /// it is only for retries.
    fn memo_without_retry(&self, request: &Req) -> Self::Memo {
        self.memo(request)
    }

    /// Returns the verdict on an outcome.
    fn classify(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Verdict;

    /// Returns the verdict on an outcome, or `None` if this classifier knows nothing about it, so
    /// that [`classify`](Self::classify) would return its default. A
    /// [`Chain`](crate::classify::Chain) calls this. The provided implementation always returns the
    /// verdict of `classify`.
    fn opinion(&self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        Some(self.classify(memo, outcome))
    }

    /// The time by which the request must be answered, if the request contains one. A retry uses it
    /// as the request's deadline.
    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        let _ = memo;
        None
    }

    /// Takes over an outcome that a retry discards, and finishes it: for example, reads a response
    /// to its end. The retry polls the returned future during the wait before the next attempt, and
    /// drops it after the wait. `Err` returns the outcome, and the retry drops it at once.
    fn discard(&self, outcome: Result<Res, Err>) -> Result<DrainFuture, Result<Res, Err>> {
        Err(outcome)
    }

    /// Whether a breaker made this outcome in place of the service, as far as the value shows. The
    /// layers call this before [`classify`](Self::classify): they don't retry or count a rejection,
    /// whatever its verdict.
    ///
    /// The provided implementation returns [`Origin::Unknown`]. Then the layers inspect an error
    /// themselves if they can (see the [module](crate::classify#rejections)). Implement it in a
    /// classifier for responses that can carry a [rejection mark](Self::rejection_mark), or for
    /// errors that the layers can't inspect.
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        let _ = outcome;
        Origin::Unknown
    }

    /// Describes a failed outcome for events: the status of the response, and the text of the
    /// error. The layers call it only for failures, and only if they have observers. The
    /// classifiers of HTTP and gRPC return the status.
    ///
    /// By default, it returns an empty description. If an error has no text, the layers take the
    /// text of an error of a type that they can inspect (see the
    /// [module](crate::classify#rejections)), and otherwise the name of the type. Never return a
    /// header, a body or another part of the request: events are logged.
    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        let _ = outcome;
        FailureDescription::new()
    }

    /// The function that marks a response which a breaker has made, so that
    /// [`origin`](Self::origin) finds the mark. `None` if responses can't carry one.
    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        None
    }
}

/// Stores a rejection in the response that a breaker has made for it.
#[cfg(feature = "breaker")]
pub type RejectionMark<Res> = fn(&mut Res, Rejection);

/// Finishes an outcome that is no longer needed. For example, it reads a response to its end, so
/// that the connection can be used again.
pub type DrainFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The verdict on an outcome about which no classifier has an opinion: a response is a success, and
/// an error is a transient failure of a request that may not be idempotent.
pub(crate) fn by_default<Res, Err>(outcome: Result<&Res, &Err>) -> Verdict {
    if outcome.is_ok() { Verdict::Success } else { Verdict::transient().idempotency_unknown() }
}

/// Implements all items of [`Classifier`] except `describe_failure` by those of
/// the wrapped classifier `C`. Most methods of the trait have a default. A wrapper that doesn't
/// forward one of them compiles, and hides that part of the wrapped classifier.
macro_rules! forward_classifier {
    (|$self:ident| $inner:expr) => {
        type Memo = C::Memo;

        fn memo(&$self, request: &Req) -> Self::Memo {
            $inner.memo(request)
        }

        fn memo_without_retry(&$self, request: &Req) -> Self::Memo {
            $inner.memo_without_retry(request)
        }

        fn classify(&$self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> $crate::Verdict {
            $inner.classify(memo, outcome)
        }

        fn opinion(&$self, memo: &Self::Memo, outcome: Result<&Res, &Err>) -> Option<$crate::Verdict> {
            $inner.opinion(memo, outcome)
        }

        fn deadline(&$self, memo: &Self::Memo) -> Option<$crate::time::Instant> {
            $inner.deadline(memo)
        }

        fn discard(&$self, outcome: Result<Res, Err>) -> Result<$crate::classify::DrainFuture, Result<Res, Err>> {
            $inner.discard(outcome)
        }

        fn origin(&$self, outcome: Result<&Res, &Err>) -> $crate::classify::Origin {
            $inner.origin(outcome)
        }

        #[cfg(feature = "breaker")]
        fn rejection_mark(&$self) -> Option<$crate::classify::RejectionMark<Res>> {
            $inner.rejection_mark()
        }
    };
}

pub(super) use forward_classifier;

impl<C, Req, Res, Err> Classifier<Req, Res, Err> for &C
where
    C: Classifier<Req, Res, Err> + ?Sized,
{
    forward_classifier!(|self| (**self));

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        (**self).describe_failure(outcome)
    }
}
