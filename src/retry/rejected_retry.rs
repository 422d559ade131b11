//! What the caller gets if a breaker rejects a retry.

use std::fmt;

/// What a retry returns if an attempt has failed and an inner breaker then rejects the next one:
/// the rejection, or the failure before it. See
/// [`RetryConfig::on_rejected_retry`](super::RetryConfig::on_rejected_retry).
///
/// A circuit that opens because of the request's own attempts causes this case: the first attempts
/// fail, the circuit opens, and the breaker rejects the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RejectedRetry {
    /// Return the rejection, as for a first attempt. The failure before it is discarded before the
    /// delay.
    #[default]
    ReturnRejection,
    /// Return the error before the rejection. If that outcome was a response, return the rejection.
    ///
    /// The request keeps the error until the next attempt has ended.
    ReturnLastError,
    /// Return the outcome before the rejection, whether it is an error or a response.
    ///
    /// The request keeps the outcome until the next attempt has ended. A response whose body
    /// wasn't read keeps its connection occupied for that time. If the next attempt has another
    /// outcome than a rejection, the response is dropped or, before another delay, drained.
    ReturnLastOutcome,
}

impl RejectedRetry {
    /// Whether this outcome is kept while the next attempt is made.
    pub(super) fn keeps<Res, Err>(self, outcome: Result<&Res, &Err>) -> bool {
        match self {
            Self::ReturnRejection => false,
            Self::ReturnLastError => outcome.is_err(),
            Self::ReturnLastOutcome => true,
        }
    }
}

/// Such as `return the last error`.
impl fmt::Display for RejectedRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReturnRejection => "return the rejection",
            Self::ReturnLastError => "return the last error",
            Self::ReturnLastOutcome => "return the last outcome",
        })
    }
}
