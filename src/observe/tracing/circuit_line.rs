//! The lines of a circuit.

use std::time::Duration;

use tracing::Level;

use super::{
    at_level::at_level,
    fields::{self, FailureFields},
    shown_open_time::ShownOpenTime,
};
use crate::{FailureInfo, Name, sanitize::name_str};

/// What a line shows. Fields that are `None` are left out.
pub(super) struct CircuitLine<'a> {
    pub(super) message: &'static str,
    pub(super) name: &'a Name,
    pub(super) mode: Option<&'a str>,
    pub(super) stays_open_for: Option<Duration>,
    pub(super) openings_in_a_row: Option<u32>,
    pub(super) counts: Option<CallCounts>,
    pub(super) may_admit_in: Option<Duration>,
    pub(super) failing_for: Option<Duration>,
    pub(super) failed_for: Option<Duration>,
    pub(super) failure: Option<FailureInfo<'a>>,
}

/// The calls that a circuit counted.
#[derive(Clone, Copy)]
pub(super) struct CallCounts {
    pub(super) failures_in_a_row: u32,
    pub(super) calls: u32,
    pub(super) failures: u32,
    pub(super) slow: u32,
}

impl<'a> CircuitLine<'a> {
    pub(super) const fn new(message: &'static str, name: &'a Name) -> Self {
        Self {
            message,
            name,
            mode: None,
            stays_open_for: None,
            openings_in_a_row: None,
            counts: None,
            may_admit_in: None,
            failing_for: None,
            failed_for: None,
            failure: None,
        }
    }

    pub(super) fn emit(&self, level: Level) {
        let (counts, failure) = (self.counts, FailureFields(self.failure));
        at_level!(
            level,
            target: "tower_recourse::breaker",
            message = self.message,
            name = &*self.name.sanitized(),
            circuit_key = fields::circuit_key(self.name).as_deref(),
            mode = self.mode.map(name_str).as_deref(),
            stays_open_for = self.stays_open_for.map(|open_for| tracing::field::debug(ShownOpenTime(open_for))),
            openings_in_a_row = self.openings_in_a_row,
            failures_in_a_row = counts.map(|counts| counts.failures_in_a_row).filter(|&failures| failures > 0),
            calls = counts.map(|counts| counts.calls),
            failures = counts.map(|counts| counts.failures),
            slow = counts.map(|counts| counts.slow).filter(|&slow| slow > 0),
            may_admit_in = fields::time(self.may_admit_in),
            failing_for = fields::time(self.failing_for),
            failed_for = fields::time(self.failed_for),
            "error.type" = failure.kind(),
            error = failure.error().as_deref(),
            "http.response.status_code" = failure.http_status(),
            "rpc.status_code" = failure.grpc_status().as_deref(),
            call_duration = fields::time(failure.duration()),
            labels = fields::labels(self.name).as_deref(),
        );
    }
}
