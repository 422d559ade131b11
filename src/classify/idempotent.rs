use std::fmt;

#[cfg(feature = "breaker")]
use super::RejectionMark;
use super::{Classifier, DrainFuture, FailureDescription, Origin};
use crate::{Verdict, time::Instant};

/// Wraps a classifier for a service with requests that must not be processed twice. Failures of
/// these requests get the mark [`unsafe_to_resend`](Verdict::unsafe_to_resend): a retry sends them
/// again only if they provably weren't sent.
///
/// A predicate decides which requests are idempotent: `|request: &Req| -> bool`. Return `true` for
/// requests that may be processed twice: reads, and writes with an idempotency key.
///
/// ```
/// use tower_recourse::{RetryConfig, classify::{ErrorClassifier, IdempotencyCheck}};
///
/// enum Command { Get(u64), Add(u64) }
///
/// let config = RetryConfig::default()
///     .classifier(IdempotencyCheck::new(ErrorClassifier, |command: &Command| matches!(command, Command::Get(_))));
/// # let _ = config;
/// ```
///
/// With [`ErrorClassifier`](super::ErrorClassifier), a `Get` is retried after any transient
/// failure. An `Add` is retried if its connection was refused, but not if its connection was lost.
/// If every request is idempotent, use `RetryConfig::idempotent` instead.
#[derive(Clone, Copy)]
pub struct IdempotencyCheck<C, F> {
    classifier: C,
    is_idempotent: F,
}

impl<C, F> IdempotencyCheck<C, F> {
    /// Wraps `classifier`, and marks failures of requests for which `is_idempotent` returns
    /// `false`.
    pub fn new<Req>(classifier: C, is_idempotent: F) -> Self
    where
        F: Fn(&Req) -> bool,
    {
        Self { classifier, is_idempotent }
    }
}

impl<C, F, Req, Res, Err> Classifier<Req, Res, Err> for IdempotencyCheck<C, F>
where
    C: Classifier<Req, Res, Err>,
    F: Fn(&Req) -> bool,
{
    type Memo = (bool, C::Memo);

    fn memo(&self, request: &Req) -> Self::Memo {
        ((self.is_idempotent)(request), self.classifier.memo(request))
    }

    fn memo_without_retry(&self, request: &Req) -> Self::Memo {
        // Only a retry reads the mark that depends on the predicate.
        (true, self.classifier.memo_without_retry(request))
    }

    fn classify(&self, (idempotent, memo): &Self::Memo, outcome: Result<&Res, &Err>) -> Verdict {
        marked(*idempotent, self.classifier.classify(memo, outcome))
    }

    fn opinion(&self, (idempotent, memo): &Self::Memo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        self.classifier.opinion(memo, outcome).map(|verdict| marked(*idempotent, verdict))
    }

    fn deadline(&self, memo: &Self::Memo) -> Option<Instant> {
        self.classifier.deadline(&memo.1)
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Result<DrainFuture, Result<Res, Err>> {
        self.classifier.discard(outcome)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.classifier.origin(outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        self.classifier.describe_failure(outcome)
    }

    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        self.classifier.rejection_mark()
    }
}

/// The predicate decides if the classifier left the question open. If the classifier itself marked
/// a failure as unsafe to resend, the mark stays.
fn marked(idempotent: bool, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failure(failure) if idempotent && failure.is_idempotency_unknown() => verdict.safe_to_resend(),
        _ if idempotent => verdict,
        _ => verdict.unsafe_to_resend(),
    }
}

impl<C: fmt::Debug, F> fmt::Debug for IdempotencyCheck<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyCheck").field("classifier", &self.classifier).finish_non_exhaustive()
    }
}
