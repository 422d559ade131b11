//! How a permit ends.

use std::time::Duration;

use crate::{
    Failure, FailureKind, Health,
    breaker::{
        config::{CancelledCalls, ThrottledCalls},
        micros::micros,
    },
};

#[derive(Clone, Copy)]
pub(super) enum PermitOutcome {
    Success,
    Failure {
        requested: Option<Duration>,
    },
    Neutral,
    /// The service, or a queue in front of it, asked for fewer calls. `answered`: the service
    /// itself asked, in a response.
    Throttled {
        requested: Option<Duration>,
        answered: bool,
    },
    /// No call was made, or a breaker further in rejected it.
    Unused,
    Cancelled,
    CancelledAfterResponse,
}

impl PermitOutcome {
    pub(super) const FAILURE: Self = Self::Failure { requested: None };

    /// How a failure counts.
    pub(super) fn of(failure: Failure) -> Self {
        let requested = failure.retry_after();
        match failure.health() {
            _ if failure.kind() == FailureKind::Rejected => Self::Unused,
            Health::Healthy => Self::Success,
            Health::Unhealthy => Self::Failure { requested },
            Health::Throttled => Self::Throttled { requested, answered: failure.is_answered() },
            Health::Unknown => Self::Neutral,
        }
    }

    /// Returns whether the outcome counts in the totals without `count_all_calls`. Outcomes other
    /// than successes are rare, so counting them is cheap.
    pub(super) fn is_always_counted(self) -> bool {
        !matches!(self, Self::Success)
    }

    /// Returns whether the service accepted the request, for
    /// [`TripRule::AdaptiveThrottle`](crate::breaker::TripRule::AdaptiveThrottle). `None`: the
    /// request doesn't count.
    pub(super) fn accepted_by_service(self) -> Option<bool> {
        match self {
            Self::Success => Some(true),
            Self::Failure { .. } | Self::Throttled { .. } => Some(false),
            Self::Neutral | Self::Unused | Self::Cancelled | Self::CancelledAfterResponse => None,
        }
    }

    /// Applies the settings for cancelled and throttled calls. `ran`: how long the call ran, in
    /// microseconds, if known.
    pub(super) fn resolve(self, cancelled: CancelledCalls, throttled: ThrottledCalls, ran: Option<u64>) -> Self {
        if let (Self::Throttled { requested, .. }, ThrottledCalls::Failure) = (self, throttled) {
            return Self::Failure { requested };
        }
        match (self, cancelled) {
            (Self::Cancelled | Self::CancelledAfterResponse, CancelledCalls::Failure) => Self::FAILURE,
            (Self::Cancelled | Self::CancelledAfterResponse, CancelledCalls::FailureAfter(limit))
                if ran.is_some_and(|ran| ran > micros(limit)) =>
            {
                Self::FAILURE
            }
            _ => self,
        }
    }
}
