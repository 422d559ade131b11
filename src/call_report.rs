//! How a result came about.

use std::fmt;

use crate::{Cause, sanitize};

/// How a result came about: the attempts made, the fallback that answered, and why.
///
/// [`ReportLayer`](crate::report::ReportLayer) attaches it to each result. For HTTP,
/// `http::ReportExtensionLayer` puts it into the response's extensions.
/// [`with_report`](crate::report::with_report) attaches it to the result of a future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallReport {
    steps: StepCounts,
    /// The fallback that answered.
    fallback: Option<&'static str>,
    /// Why the call failed.
    failure_cause: Option<Cause>,
    /// The rejection of an inner breaker, if a retry stopped for another reason.
    rejection: Option<Cause>,
    /// Why the fallback that answered was called.
    fallback_cause: Option<Cause>,
    /// The result contains the [`Rejection`](crate::Rejection).
    pub(crate) holds_rejection: bool,
}

/// How many attempts and fallbacks there were before the result was returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepCounts {
    attempts: u32,
    failed_fallbacks: u32,
    /// Fallbacks that weren't called, because they don't treat the error as a failure.
    fallbacks_skipped: u32,
}

/// A first attempt that succeeded at the service itself.
impl Default for CallReport {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl CallReport {
    pub(crate) const PLAIN: Self = Self {
        steps: StepCounts { attempts: 1, failed_fallbacks: 0, fallbacks_skipped: 0 },
        fallback: None,
        failure_cause: None,
        rejection: None,
        fallback_cause: None,
        holds_rejection: false,
    };

    /// How many attempts were made, as counted by the outermost retry around the service. An
    /// attempt that an inner breaker rejected counts, too: after two failures and a rejection, this
    /// is 3. 1 without a retry, and if the retry's report [was lost](crate::report).
    pub fn attempts(&self) -> u32 {
        self.steps.attempts
    }

    /// The name of the fallback that answered, if one did. A name that isn't a literal is reported
    /// as `fallback`.
    pub fn fallback(&self) -> Option<&'static str> {
        self.fallback
    }

    /// The position of the service or fallback that answered: 0 is the service itself, 1 the
    /// innermost fallback, 2 the fallback around it, and so on. Fallbacks that weren't called
    /// count, too. If the service and all fallbacks failed, this is the position of the last
    /// fallback.
    pub fn fallback_depth(&self) -> u32 {
        self.steps.failed_fallbacks + self.steps.fallbacks_skipped + u32::from(self.fallback.is_some())
    }

    /// How many fallbacks were called and failed.
    pub fn failed_fallbacks(&self) -> u32 {
        self.steps.failed_fallbacks
    }

    /// Why the service itself didn't answer: why the fallback was called or, after a failure, why
    /// no further attempt was made. `None` if the service itself succeeded.
    pub fn cause(&self) -> Option<Cause> {
        self.failure_cause.or(self.fallback_cause)
    }

    #[cfg_attr(not(any(feature = "retry", feature = "fallback")), allow(dead_code))]
    pub(crate) fn failure_cause(&self) -> Option<Cause> {
        self.failure_cause
    }

    /// The rejection of a breaker, if the call ended with one.
    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
    pub(crate) fn rejection(&self) -> Option<Cause> {
        self.failure_cause.filter(Cause::is_rejection).or(self.rejection)
    }
}

#[cfg_attr(not(all(feature = "retry", feature = "fallback")), allow(dead_code))]
impl CallReport {
    /// The report of a call that failed for this reason at its first attempt.
    #[inline]
    pub(crate) fn failed_because(cause: Cause) -> Self {
        Self { failure_cause: Some(cause), ..Self::default() }
    }

    /// Records why no further attempt is made. A rejection stays the cause, unless `reason` is one
    /// that the policy checks before rejections, or that the user has stated. The rejection is kept
    /// in both cases.
    pub(crate) fn with_failure_cause(self, reason: Option<Cause>) -> Self {
        let rejection = self.rejection();
        let failure_cause = match reason {
            Some(Cause::RetriesDisabled | Cause::TotalQuota { .. } | Cause::Custom(_)) => reason,
            _ => rejection.or(reason),
        };
        Self { failure_cause, rejection, ..self }
    }

    /// Records that a breaker rejected the attempt after this one, and why none is made after it.
    pub(crate) fn with_rejected_retry(self, reason: Option<Cause>) -> Self {
        let failure_cause = match reason {
            Some(Cause::Rejected { retry_in }) => Some(Cause::RetryRejected { retry_in }),
            other => other,
        };
        Self { failure_cause, ..self }
    }

    /// Whether the service made the result: neither a breaker nor a fallback did.
    #[cfg_attr(not(feature = "last-good"), allow(dead_code))]
    pub(crate) fn is_of_service(&self) -> bool {
        self.rejection().is_none() && self.fallback().is_none()
    }

    /// Sets whether the result contains the [`Rejection`](crate::Rejection).
    pub(crate) fn with_held_rejection(self, holds_rejection: bool) -> Self {
        Self { holds_rejection, ..self }
    }

    /// Adds the rejection that the value itself contains.
    pub(crate) fn with_rejection(self, cause: Cause) -> Self {
        let how = if self.rejection().is_some() { self } else { self.with_failure_cause(Some(cause)) };
        Self { holds_rejection: true, ..how }
    }

    /// The rest of the report, for a result that isn't a rejection; `None` if nothing is left.
    pub(crate) fn without_rejection(self) -> Option<Self> {
        let failure_cause = self.failure_cause.filter(|cause| !cause.is_rejection());
        let how = Self { failure_cause, rejection: None, holds_rejection: false, ..self };
        (!how.is_plain()).then_some(how)
    }

    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        Self { steps: StepCounts { attempts, ..self.steps }, ..self }
    }

    /// Counts a fallback that wasn't called, because its classifier doesn't treat this error as a
    /// failure.
    pub(crate) fn skipped_fallback(self) -> Self {
        Self { steps: StepCounts { fallbacks_skipped: self.steps.fallbacks_skipped + 1, ..self.steps }, ..self }
    }

    pub(crate) fn steps(&self) -> StepCounts {
        self.steps
    }

    /// Whether the report contains no more than the default one.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::PLAIN
    }
}

#[cfg_attr(not(feature = "fallback"), allow(dead_code))]
impl StepCounts {
    /// The report of a call that a fallback answered after these steps. `backup` is the report of
    /// the backup itself.
    pub(crate) fn answered_by_fallback(
        self,
        fallback: &'static str,
        fallback_cause: Cause,
        backup: CallReport,
    ) -> CallReport {
        let Self { failed_fallbacks, fallbacks_skipped, .. } = backup.steps;
        let steps = Self {
            failed_fallbacks: self.failed_fallbacks + failed_fallbacks + u32::from(backup.fallback.is_some()),
            fallbacks_skipped: self.fallbacks_skipped + fallbacks_skipped,
            ..self
        };
        CallReport {
            steps,
            fallback: backup.fallback.or(Some(fallback)),
            failure_cause: None,
            rejection: None,
            fallback_cause: Some(fallback_cause),
            holds_rejection: false,
        }
    }

    /// The report of a call whose fallback failed, too. The fallback returns the primary's outcome,
    /// which may contain the rejection.
    pub(crate) fn after_failed_fallback(self, fallback_cause: Cause, holds_rejection: bool) -> CallReport {
        let steps = Self { failed_fallbacks: self.failed_fallbacks + 1, ..self };
        CallReport {
            steps,
            fallback: None,
            failure_cause: Some(fallback_cause),
            rejection: None,
            fallback_cause: None,
            holds_rejection,
        }
    }
}

impl fmt::Display for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.fallback, self.failure_cause) {
            (Some(fallback), _) => {
                write!(f, "fallback `{}` (depth {}) answered", sanitize::name(fallback), self.fallback_depth())?
            }
            (None, Some(_)) => f.write_str("the call failed")?,
            (None, None) if self.steps.attempts == 1 => return f.write_str("the first attempt succeeded"),
            (None, None) => return write!(f, "attempt {} succeeded", self.steps.attempts),
        }
        match self.cause() {
            // "the call failed" is written already.
            Some(Cause::Failure) if self.fallback.is_none() => Ok(()),
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}
