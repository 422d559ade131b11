use std::{error::Error, sync::Arc};

use super::known;
use crate::{FailureKind, Sent, Verdict};

/// How many links of a chain are looked at: a chain may be built to have no end.
pub(super) const LINKS: usize = 64;

/// A walk along an error and its sources.
pub(super) struct Walk {
    left: usize,
    /// Unknown links don't weaken a proof: they belong to a client that makes one call per request.
    one_call: bool,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self { left: LINKS, one_call: false }
    }

    /// The verdict of the first link that one is known for.
    ///
    /// A link of an unknown type may belong to a client that makes several calls per request, such as one that follows
    /// redirects. What its source says of the last of these calls proves nothing about the first one.
    pub(super) fn judge(&mut self, error: &(dyn Error + 'static)) -> Option<Verdict> {
        let mut next = Some(error);
        let mut proves = true;
        while let Some(link) = next {
            self.left = self.left.checked_sub(1)?;
            if let Some(verdict) = known::judge(link, self) {
                return Some(if proves { verdict } else { without_proof(verdict) });
            }
            proves &= self.one_call || known::makes_one_call(link);
            next = beneath(link);
        }
        None
    }

    /// The verdict on the sources of an error whose client makes one call per request, whatever the types of its sources are.
    #[cfg(feature = "tonic")]
    pub(super) fn judge_sources_of_one_call(&mut self, error: &(dyn Error + 'static)) -> Option<Verdict> {
        let outer = std::mem::replace(&mut self.one_call, true);
        let verdict = error.source().and_then(|source| self.judge(source));
        self.one_call = outer;
        verdict
    }
}

/// The same verdict without the conclusion that the request wasn't sent. A breaker's rejection stays one.
fn without_proof(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failure(failure) if failure.sent() == Sent::No && failure.kind() != FailureKind::Rejected => {
            verdict.sent(Sent::Unknown)
        }
        other => other,
    }
}

/// The link after this one. A shared error hands out its own source and not the error that it shares.
pub(super) fn beneath<'a>(link: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match link.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        Some(shared) => Some(&**shared),
        None => link.source(),
    }
}
