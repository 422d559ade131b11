use std::fmt;

#[cfg(feature = "breaker")]
use super::RejectionMark;
use super::{Classifier, LetGo, Origin};
use crate::{Verdict, time::Instant};

/// Another classifier, for a service some of whose requests must not take effect twice. The failures of those get the mark
/// [`unsafe_to_resend`](Verdict::unsafe_to_resend): they are sent again only if they provably weren't sent.
///
/// Which requests may be repeated, a closure says: `|request: &Req| -> bool`. `true` is for those that do no more harm twice
/// than once: reads, and writes that carry a key by which the other side knows them again.
///
/// ```
/// use tower_recourse::{RetryConfig, classify::{Errors, Idempotent}};
///
/// enum Command { Get(u64), Add(u64) }
///
/// let config = RetryConfig::default()
///     .classifier(Idempotent::new(Errors, |command: &Command| matches!(command, Command::Get(_))));
/// # let _ = config;
/// ```
///
/// With [`Errors`](super::Errors), a `Get` is tried again after any transient failure. An `Add` is tried again if its connection was
/// refused, and isn't if its connection was lost. Where every request is idempotent, `RetryConfig::idempotent` states that.
#[derive(Clone, Copy)]
pub struct Idempotent<C, F> {
    classifier: C,
    is_idempotent: F,
}

impl<C, F> Idempotent<C, F> {
    /// Marks what `classifier` says of requests that `is_idempotent` says no to.
    pub fn new<Req>(classifier: C, is_idempotent: F) -> Self
    where
        F: Fn(&Req) -> bool,
    {
        Self { classifier, is_idempotent }
    }
}

impl<C, F, Req, Res, Err> Classifier<Req, Res, Err> for Idempotent<C, F>
where
    C: Classifier<Req, Res, Err>,
    F: Fn(&Req) -> bool,
{
    type Memo = (bool, C::Memo);

    fn memo(&self, request: &Req) -> Self::Memo {
        ((self.is_idempotent)(request), self.classifier.memo(request))
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

    fn let_go(&self, outcome: Result<Res, Err>) -> Result<LetGo, Result<Res, Err>> {
        self.classifier.let_go(outcome)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.classifier.origin(outcome)
    }

    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<RejectionMark<Res>> {
        self.classifier.rejection_mark()
    }
}

/// What the predicate returns replaces an unknown. A classifier that marks a failure as unsafe to resend itself is believed.
fn marked(idempotent: bool, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failure(failure) if idempotent && failure.is_idempotency_unknown() => verdict.safe_to_resend(),
        _ if idempotent => verdict,
        _ => verdict.unsafe_to_resend(),
    }
}

impl<C: fmt::Debug, F> fmt::Debug for Idempotent<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent").field("classifier", &self.classifier).finish_non_exhaustive()
    }
}
