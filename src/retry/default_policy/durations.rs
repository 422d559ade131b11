//! How long an attempt and its request took, for events.

use std::time::Duration;

use super::AfterFailure;
use crate::{Attempt, cold_option::ColdOption, time::Instant};

/// How long an attempt and its request took, as far as it was measured.
#[derive(Clone, Copy)]
pub(super) struct Durations {
    pub(super) attempt: Option<Duration>,
    /// The request up to the end of the attempt.
    pub(super) request: Option<Duration>,
}

impl Durations {
    /// `elapsed` is the duration of a timed attempt. Of a request that isn't timed, the duration of
    /// each call after the first is known.
    pub(super) fn of(
        after_failure: &ColdOption<Box<AfterFailure>>,
        attempt: &Attempt,
        elapsed: Option<Duration>,
    ) -> Self {
        let earlier = after_failure.as_ref().and_then(|state| state.started);
        match (attempt.started(), elapsed) {
            (Some(started), Some(elapsed)) => {
                let before = earlier.map_or(Duration::ZERO, |request| started.saturating_duration_since(request));
                Self { attempt: Some(elapsed), request: Some(before.saturating_add(elapsed)) }
            }
            _ => {
                let call = earlier.filter(|_| !attempt.is_unsent());
                Self { attempt: call.map(|started| Instant::now().saturating_duration_since(started)), request: None }
            }
        }
    }
}
