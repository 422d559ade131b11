//! The lines of a retry.

use std::time::Duration;

use tracing::Level;

use super::{
    at_level::at_level,
    fields::{self, FailureFields},
};
use crate::{
    Cause, FailureInfo, Name,
    observe::{QuotaUsage, RequestOutcome},
    sanitize::name_str,
};

/// What a line shows. Fields that are `None` are left out.
pub(super) struct RetryLine<'a> {
    pub(super) message: &'static str,
    pub(super) name: &'a Name,
    pub(super) attempt: Option<u32>,
    pub(super) attempts: Option<u32>,
    pub(super) max_attempts: Option<u32>,
    pub(super) delay: Option<Duration>,
    pub(super) outcome: Option<RequestOutcome>,
    pub(super) cause: Option<Cause>,
    /// The reason of an override.
    pub(super) reason: Option<&'static str>,
    pub(super) failure: Option<FailureInfo<'a>>,
    /// How long the successful attempt took.
    pub(super) duration: Option<Duration>,
    pub(super) elapsed: Option<Duration>,
    pub(super) quota: Option<QuotaUsage<'a>>,
}

impl<'a> RetryLine<'a> {
    pub(super) const fn new(message: &'static str, name: &'a Name) -> Self {
        Self {
            message,
            name,
            attempt: None,
            attempts: None,
            max_attempts: None,
            delay: None,
            outcome: None,
            cause: None,
            reason: None,
            failure: None,
            duration: None,
            elapsed: None,
            quota: None,
        }
    }

    pub(super) fn emit(&self, level: Level) {
        let failure = FailureFields(self.failure);
        at_level!(
            level,
            target: "tower_recourse::retry",
            message = self.message,
            name = &*self.name.sanitized(),
            attempt = self.attempt,
            attempts = self.attempts,
            max_attempts = self.max_attempts,
            delay = fields::time(self.delay),
            outcome = self.outcome.map(RequestOutcome::label),
            cause = fields::text(self.cause).as_deref(),
            reason = self.reason.or(self.cause.as_ref().map(Cause::label)),
            "error.type" = failure.kind(),
            error = failure.error().as_deref(),
            "http.response.status_code" = failure.http_status(),
            "rpc.status_code" = failure.grpc_status().as_deref(),
            attempt_duration = fields::time(self.duration.or(failure.duration())),
            elapsed = fields::time(self.elapsed),
            key = self.quota.map(|quota| name_str(quota.key)).as_deref(),
            retries = self.quota.map(|quota| quota.retries),
            total = self.quota.map(|quota| quota.total),
            labels = fields::labels(self.name).as_deref(),
        );
    }
}
