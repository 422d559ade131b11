//! The outcome of an attempt.

use std::time::Duration;

use crate::Cause;

/// The outcome of one attempt: a reference to the result, and the attempt's duration.
///
/// Readiness errors and timeouts are outcomes, too.
#[derive(Debug)]
pub struct Outcome<'a, Res, Err> {
    result: Result<&'a Res, &'a Err>,
    elapsed: Option<Duration>,
    cause: Option<Cause>,
}

impl<'a, Res, Err> Outcome<'a, Res, Err> {
    /// Makes an outcome to test a policy with. It has no duration and no cause.
    pub fn new(result: Result<&'a Res, &'a Err>) -> Self {
        Self { result, elapsed: None, cause: None }
    }

    /// Sets the duration.
    pub fn with_elapsed(mut self, elapsed: Option<Duration>) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// Sets the cause that an inner layer reported.
    pub fn with_cause(mut self, cause: Option<Cause>) -> Self {
        self.cause = cause;
        self
    }

    /// The response or the error.
    pub fn result(&self) -> Result<&'a Res, &'a Err> {
        self.result
    }

    /// The duration. `None` if nothing in the policy needs the time.
    pub fn elapsed(&self) -> Option<Duration> {
        self.elapsed
    }

    /// The cause that an inner layer of this crate reported: for example, that its breaker rejected
    /// the call, or that its own attempts failed. `None` if no layer reported one, which is the
    /// usual case.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Whether an inner breaker rejected the call, so that the service wasn't called.
    pub fn is_rejected(&self) -> bool {
        self.cause.is_some_and(|cause| cause.is_rejection())
    }
}
