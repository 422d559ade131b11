use std::time::Duration;

use crate::breaker::{
    config::{Dropped, ThrottledCalls},
    micros::micros,
};

#[derive(Clone, Copy)]
pub(super) enum PermitOutcome {
    Success,
    Failure {
        asked: Option<Duration>,
    },
    Neutral,
    /// The service, or a queue in front of it, asked for fewer calls. `answered`: the service
    /// itself did, in an answer.
    Throttled {
        asked: Option<Duration>,
        answered: bool,
    },
    /// No call was made, or only to a breaker further in, which rejected it.
    Unused,
    Cancelled,
    CancelledAfterResponse,
}

impl PermitOutcome {
    pub(super) const FAILURE: Self = Self::Failure { asked: None };

    /// All but successes are rare enough.
    pub(super) fn is_always_counted(self) -> bool {
        !matches!(self, Self::Success)
    }

    /// Whether the service accepted the request, as
    /// [`OpenRule::Throttle`](super::OpenRule::Throttle) counts it. `None`: it doesn't count.
    pub(super) fn accepted_by_service(self) -> Option<bool> {
        match self {
            Self::Success => Some(true),
            Self::Failure { .. } | Self::Throttled { .. } => Some(false),
            Self::Neutral | Self::Unused | Self::Cancelled | Self::CancelledAfterResponse => None,
        }
    }

    /// What a dropped or throttled call counts as by the settings, given how long it ran.
    pub(super) fn resolve(self, dropped: Dropped, throttled: ThrottledCalls, ran: Option<u64>) -> Self {
        if let (Self::Throttled { asked, .. }, ThrottledCalls::Failure) = (self, throttled) {
            return Self::Failure { asked };
        }
        match (self, dropped) {
            (Self::Cancelled | Self::CancelledAfterResponse, Dropped::Failure) => Self::FAILURE,
            (Self::Cancelled | Self::CancelledAfterResponse, Dropped::FailureAfter(limit))
                if ran.is_some_and(|ran| ran > micros(limit)) =>
            {
                Self::FAILURE
            }
            _ => self,
        }
    }
}
