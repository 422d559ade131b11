//! What an override receives and returns.

use std::time::Duration;

use super::super::Decision;
use crate::{Attempt, Failure};

/// The decision that a policy proposes after a failure, before it withdraws anything from the
/// budget. See [`overrides`](super).
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    attempt: &'a Attempt,
    failure: Failure,
    decision: Decision,
    retries: u32,
}

impl<'a> Proposal<'a> {
    /// Makes a proposal to test an override with. The override has made no retries.
    pub fn new(attempt: &'a Attempt, failure: Failure, decision: Decision) -> Self {
        Self { attempt, failure, decision, retries: 0 }
    }

    /// Sets the number of retries that the override has made.
    pub fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// The attempt that failed.
    pub fn attempt(&self) -> &'a Attempt {
        self.attempt
    }

    /// The classifier's verdict about the failure.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// What the policy proposes: [`Decision::Retry`] or [`Decision::Return`]. The quota and the
    /// budget may still forbid the retry.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// How many retries of this request this override has made.
    pub fn retries(&self) -> u32 {
        self.retries
    }
}

/// What to do in place of the policy's proposal. See [`overrides`](super).
///
/// The reason appears in events, reports and metric labels: use a short word, such as `locked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Override {
    /// Return the outcome to the caller.
    Return {
        /// Why.
        reason: &'static str,
    },
    /// Discard the outcome, wait, and make another attempt, if the policy's limits allow it.
    Retry {
        /// The time to wait before the attempt. It has no jitter. Zero: none.
        delay: Duration,
        /// Why.
        reason: &'static str,
    },
}
