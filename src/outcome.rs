//! What came back.

use std::time::Duration;

use crate::Cause;

/// What came back from one attempt: the result by reference, and the time that it took.
///
/// A readiness error and a time-out are outcomes like any other.
#[derive(Debug)]
pub struct Outcome<'a, Res, Err> {
    result: Result<&'a Res, &'a Err>,
    elapsed: Option<Duration>,
    cause: Option<Cause>,
}

impl<'a, Res, Err> Outcome<'a, Res, Err> {
    /// An outcome by hand, which is how a policy is tested.
    pub fn new(result: Result<&'a Res, &'a Err>) -> Self {
        Self { result, elapsed: None, cause: None }
    }

    /// With the time that it took.
    pub fn with_elapsed(mut self, elapsed: Option<Duration>) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// With what a layer further in said of it.
    pub fn with_cause(mut self, cause: Option<Cause>) -> Self {
        self.cause = cause;
        self
    }

    /// The response or the error.
    pub fn result(&self) -> Result<&'a Res, &'a Err> {
        self.result
    }

    /// The time that it took. `None` where nothing in the policy asks for the time.
    pub fn elapsed(&self) -> Option<Duration> {
        self.elapsed
    }

    /// What a layer of this crate further in said of it: that its breaker rejected the call, or that its own
    /// attempts are spent. `None` if nothing was said, which is the rule.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Whether a breaker further in rejected the call, so that the service was never asked.
    pub fn is_rejected(&self) -> bool {
        self.cause.is_some_and(|cause| cause.is_rejection())
    }
}
