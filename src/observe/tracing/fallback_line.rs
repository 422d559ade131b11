//! The lines of a fallback.

use std::time::Duration;

use tracing::Level;

use super::{
    at_level::at_level,
    fields::{self, FailureFields},
};
use crate::{Cause, FailureInfo, Name};

/// What a line shows. Fields that are `None` are left out.
pub(super) struct FallbackLine<'a> {
    pub(super) message: &'static str,
    pub(super) name: &'a Name,
    /// Why the primary failed.
    pub(super) cause: Cause,
    pub(super) failure: Option<FailureInfo<'a>>,
    /// How long the successful backup took.
    pub(super) duration: Option<Duration>,
}

impl FallbackLine<'_> {
    pub(super) fn emit(&self, level: Level) {
        let failure = FailureFields(self.failure);
        at_level!(
            level,
            target: "tower_recourse::fallback",
            message = self.message,
            name = &*self.name.sanitized(),
            cause = fields::text(Some(self.cause)).as_deref(),
            reason = self.cause.label(),
            "error.type" = failure.kind(),
            error = failure.error().as_deref(),
            "http.response.status_code" = failure.http_status(),
            "rpc.status_code" = failure.grpc_status().as_deref(),
            backup_duration = fields::time(self.duration.or(failure.duration())),
            labels = fields::labels(self.name).as_deref(),
        );
    }
}
