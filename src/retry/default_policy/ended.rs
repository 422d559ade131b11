use std::time::Duration;

use crate::{FailureInfo, observe::RequestOutcome};

/// How a request ended.
pub(super) struct Ended<'a> {
    pub(super) outcome: RequestOutcome,
    pub(super) failure: Option<FailureInfo<'a>>,
    /// The duration of a timed attempt.
    pub(super) elapsed: Option<Duration>,
}

impl<'a> Ended<'a> {
    /// `info` contains the duration of a timed attempt.
    pub(super) fn failed(info: FailureInfo<'a>) -> Self {
        Self { outcome: RequestOutcome::Failure, failure: Some(info), elapsed: info.duration }
    }
}
