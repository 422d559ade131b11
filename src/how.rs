//! How an answer was got.

use std::fmt;

use crate::{Cause, sanitize};

/// How an answer was got, or why there is none: which attempt it came from, which fallback gave it, and why.
///
/// [`AnsweredLayer`](crate::answered::AnsweredLayer) puts it beside the response (for HTTP, `http::HowLayer` among its extensions), [`answered`](crate::answered::answered) beside what
/// a future gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    steps: StepCounts,
    fallback: Option<&'static str>,
    failed: Option<Cause>,
    /// The rejection of a breaker further in, where a retry had another reason to stop.
    rejection: Option<Cause>,
    asked: Option<Cause>,
    /// The result contains the [`Rejection`](crate::Rejection).
    pub(crate) is_held: bool,
}

/// What was done in vain, apart from the last thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepCounts {
    attempts: u32,
    fallbacks_failed: u32,
    /// Fallbacks that weren't asked, as the error wasn't one for them.
    fallbacks_skipped: u32,
}

/// By the service, at the first attempt.
impl Default for How {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl How {
    pub(crate) const PLAIN: Self = Self {
        steps: StepCounts { attempts: 1, fallbacks_failed: 0, fallbacks_skipped: 0 },
        fallback: None,
        failed: None,
        rejection: None,
        asked: None,
        is_held: false,
    };

    /// How many attempts were made at the service itself, as the outermost retry around it counts them. 1 without a retry; also
    /// if a breaker rejected the only one.
    pub fn attempts(&self) -> u32 {
        self.steps.attempts
    }

    /// The name of the fallback that answered, if one did. Names that aren't literals are told as `fallback`.
    pub fn fallback(&self) -> Option<&'static str> {
        self.fallback
    }

    /// Which rung of the ladder answered: 0 is the service itself, 1 the innermost fallback, 2 the one around it, and so on;
    /// those that weren't asked count. Without an answer, the last one.
    pub fn rung(&self) -> u32 {
        self.steps.fallbacks_failed + self.steps.fallbacks_skipped + u32::from(self.fallback.is_some())
    }

    /// How many fallbacks were asked in vain.
    pub fn fallbacks_failed(&self) -> u32 {
        self.steps.fallbacks_failed
    }

    /// Why the service's own answer isn't the one: why the fallback was asked, or, if there is no answer, why nothing
    /// else was tried. `None` for a success of the service itself.
    pub fn cause(&self) -> Option<Cause> {
        self.failed.or(self.asked)
    }

    #[cfg_attr(not(any(feature = "retry", feature = "fallback")), allow(dead_code))]
    pub(crate) fn failed(&self) -> Option<Cause> {
        self.failed
    }

    #[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
    /// The rejection of a breaker, if that is what it came to.
    pub(crate) fn rejection(&self) -> Option<Cause> {
        self.failed.filter(Cause::is_rejection).or(self.rejection)
    }
}

#[cfg_attr(not(all(feature = "retry", feature = "fallback")), allow(dead_code))]
impl How {
    /// The service failed, and this is why it isn't asked again.
    #[inline]
    pub(crate) fn because(cause: Cause) -> Self {
        Self { failed: Some(cause), ..Self::default() }
    }

    /// It isn't tried again, for this reason. A rejection stays known, and stays the reason, unless it is one that is looked at
    /// before rejections are.
    pub(crate) fn with_failed(self, reason: Option<Cause>) -> Self {
        let rejection = self.rejection();
        let failed = match reason {
            Some(Cause::SwitchedOff | Cause::LedgerInAll { .. }) => reason,
            _ => rejection.or(reason),
        };
        Self { failed, rejection, ..self }
    }

    /// Whether the result contains the [`Rejection`](crate::Rejection).
    pub(crate) fn held(self, is_held: bool) -> Self {
        Self { is_held, ..self }
    }

    /// The value backup says that it is this rejection.
    pub(crate) fn with_rejection(self, cause: Cause) -> Self {
        let how = if self.rejection().is_some() { self } else { self.with_failed(Some(cause)) };
        Self { is_held: true, ..how }
    }

    /// What else there is to say of a result that is no rejection after all.
    pub(crate) fn without_rejection(self) -> Option<Self> {
        let failed = self.failed.filter(|cause| !cause.is_rejection());
        let how = Self { failed, rejection: None, is_held: false, ..self };
        (!how.is_plain()).then_some(how)
    }

    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        Self { steps: StepCounts { attempts, ..self.steps }, ..self }
    }

    /// It isn't one that the next fallback is asked for.
    pub(crate) fn skipped_fallback(self) -> Self {
        Self { steps: StepCounts { fallbacks_skipped: self.steps.fallbacks_skipped + 1, ..self.steps }, ..self }
    }

    pub(crate) fn steps(&self) -> StepCounts {
        self.steps
    }

    /// Whether there is anything to say.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::PLAIN
    }
}

#[cfg_attr(not(feature = "fallback"), allow(dead_code))]
impl StepCounts {
    /// After this, a fallback answered, backup in some way.
    pub(crate) fn answered_by_fallback(self, fallback: &'static str, asked: Cause, backup: How) -> How {
        let Self { fallbacks_failed, fallbacks_skipped, .. } = backup.steps;
        let steps = Self {
            fallbacks_failed: self.fallbacks_failed + fallbacks_failed + u32::from(backup.fallback.is_some()),
            fallbacks_skipped: self.fallbacks_skipped + fallbacks_skipped,
            ..self
        };
        How {
            steps,
            fallback: backup.fallback.or(Some(fallback)),
            failed: None,
            rejection: None,
            asked: Some(asked),
            is_held: false,
        }
    }

    /// After this, a fallback failed too; the primary's outcome is returned, which may contain the rejection.
    pub(crate) fn after_failed_fallback(self, asked: Cause, is_held: bool) -> How {
        let steps = Self { fallbacks_failed: self.fallbacks_failed + 1, ..self };
        How { steps, fallback: None, failed: Some(asked), rejection: None, asked: None, is_held }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.fallback, self.failed) {
            (Some(fallback), _) => write!(f, "`{}` answered, rung {}", sanitize::name(fallback), self.rung())?,
            (None, Some(_)) => f.write_str("not answered")?,
            (None, None) if self.steps.attempts == 1 => return f.write_str("answered at once"),
            (None, None) => return write!(f, "answered by attempt {}", self.steps.attempts),
        }
        match self.cause() {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}
