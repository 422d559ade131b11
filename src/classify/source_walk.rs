use std::error::Error;

use super::{
    known_errors::{Finding, examine_link, makes_one_call},
    links::{MAX_LINKS, next_link},
};
use crate::{Delivery, FailureKind, Verdict};

/// The verdict on an error and its sources: that of the first link with a known type.
pub(super) fn verdict_of(error: &(dyn Error + 'static)) -> Option<Verdict> {
    SourceWalk { links_left: MAX_LINKS, one_call: false }.verdict_of(error)
}

/// [`verdict_of`] for the error of a client that makes one call per request.
#[cfg(feature = "reqwest")]
pub(super) fn verdict_of_one_call(error: &(dyn Error + 'static)) -> Option<Verdict> {
    SourceWalk { links_left: MAX_LINKS, one_call: true }.verdict_of(error)
}

struct SourceWalk {
    links_left: usize,
    /// The walk is inside an error whose client makes one call per request. Then links of unknown
    /// types don't weaken a proof.
    one_call: bool,
}

impl SourceWalk {
    /// The verdict of the first link with a known type.
    ///
    /// A link of an unknown type may be the error of a client that makes several calls per request,
    /// such as one that follows redirects. Its source may show that the last of these calls wasn't
    /// sent. That proves nothing about the first one.
    fn verdict_of(&mut self, error: &(dyn Error + 'static)) -> Option<Verdict> {
        let mut next = Some(error);
        let mut proves = true;
        while let Some(link) = next {
            self.links_left = self.links_left.checked_sub(1)?;
            let verdict = match examine_link(link) {
                Some(Finding::Verdict(verdict)) => Some(verdict),
                Some(Finding::Inside { error, one_call, otherwise, sent }) => {
                    let verdict = self.verdict_inside(error, one_call).or(otherwise);
                    verdict.map(|verdict| match sent {
                        // The transport failed, so the service didn't answer.
                        Some(sent) => verdict.delivery(sent).unhealthy_if_permanent(),
                        None => verdict,
                    })
                }
                #[cfg(feature = "reqwest")]
                Some(Finding::LastCall { error, otherwise }) => {
                    let verdict = error.and_then(|error| self.verdict_inside(error, false)).unwrap_or(otherwise);
                    Some(if self.one_call { verdict } else { without_proof(verdict) })
                }
                None => None,
            };
            if let Some(verdict) = verdict {
                return Some(if proves { verdict } else { without_proof(verdict) });
            }
            proves &= self.one_call || makes_one_call(link);
            next = next_link(link);
        }
        None
    }

    fn verdict_inside(&mut self, error: &(dyn Error + 'static), one_call: bool) -> Option<Verdict> {
        let outer = self.one_call;
        self.one_call |= one_call;
        let verdict = self.verdict_of(error);
        self.one_call = outer;
        verdict
    }
}

/// The same verdict without the conclusion that the request wasn't sent. A breaker's rejection
/// keeps that conclusion.
fn without_proof(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failure(failure)
            if failure.delivery() == Delivery::NotSent && failure.kind() != FailureKind::Rejected =>
        {
            verdict.delivery(Delivery::Unknown)
        }
        other => other,
    }
}
