//! The details of a failure that events contain.

use crate::{FailureInfo, FailureKind, Verdict, observe::ErrorText};

/// Returns the details of a failure. It is called only if there is an observer. `None` if the
/// failure was reported without details.
pub(crate) type FailureDetails<'a> = &'a dyn Fn() -> Option<FailureInfo<'a>>;

/// The details of a failure of which only the verdict is known.
pub(super) fn of_verdict(verdict: Verdict) -> Option<FailureInfo<'static>> {
    match verdict {
        Verdict::Failure(failure) => Some(FailureInfo::new(failure.kind())),
        Verdict::Success | Verdict::Neutral | Verdict::ClientError => None,
    }
}

/// The details of a call that was dropped before its end.
pub(super) fn of_dropped_call(timed_out: bool, panicked: bool) -> FailureInfo<'static> {
    let (kind, text) = match (timed_out, panicked) {
        (true, _) => (FailureKind::TimedOut, "the attempt timed out"),
        (false, true) => (FailureKind::Transient, "the call panicked"),
        (false, false) => (FailureKind::Transient, "the caller dropped the call"),
    };
    FailureInfo::new(kind).with_error(Some(ErrorText::text(text)))
}
