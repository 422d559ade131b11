use std::time::Duration;

use crate::{Cause, FailureInfo, Name};

/// Something that happened in a layer or circuit. Each is emitted once, to every
/// [`Observer`](super::Observer).
///
/// A request without a time limit reads no clock at its start, so not all durations are known.
/// `elapsed` and the durations of all attempts are known for requests with a time limit or a
/// deadline, and with [`RetryConfig::report_requests`](crate::RetryConfig::report_requests). For
/// other requests, the duration of each attempt after the first is known, from the call of the
/// service to its end.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An attempt failed, and the retry will make another.
    RetryScheduled {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt that failed: 1 is the first.
        attempt: u32,
        /// The limit of attempts. `None` if there is none.
        max_attempts: Option<u32>,
        /// Why the attempt failed.
        failure: FailureInfo<'a>,
        /// The delay before the next attempt.
        delay: Duration,
        /// How long the request has taken so far. `None` if it wasn't measured.
        elapsed: Option<Duration>,
        /// The reason of the override that made this retry; see `retry::overrides`. `None` if the
        /// policy itself made it.
        reason: Option<&'static str>,
        /// The quota's counts, including this retry, if there is a quota.
        quota: Option<QuotaUsage<'a>>,
    },
    /// The server refused a call before it processed anything, as HTTP/2 can refuse a stream. The
    /// retry sends the request again at once, as the same attempt. This costs no budget, and is
    /// emitted at most once per request.
    TransparentRetry {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt that is repeated: 1 is the first.
        attempt: u32,
        /// Why the call failed.
        failure: FailureInfo<'a>,
        /// How long the request has taken so far. `None` if it wasn't measured.
        elapsed: Option<Duration>,
    },
    /// A breaker rejected an attempt for a short time. The retry waits, and then makes the same
    /// attempt.
    RejectionWait {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt: 1 is the first.
        attempt: u32,
        /// The delay before the attempt.
        delay: Duration,
        /// How long the request has taken so far. `None` if it wasn't measured.
        elapsed: Option<Duration>,
    },
    /// A request failed, and the retry makes no further attempt.
    RetryStopped {
        /// The retry's name.
        name: &'a Name,
        /// The number of the last attempt that failed.
        attempt: u32,
        /// The limit of attempts. `None` if there is none.
        max_attempts: Option<u32>,
        /// Why the retry stopped.
        cause: Cause,
        /// Why the last attempt failed. `None` if the classifier doesn't call its outcome a
        /// failure: a policy of your own around a `RetryConfig` may retry other outcomes.
        failure: Option<FailureInfo<'a>>,
        /// How long the request has taken so far. `None` if it wasn't measured.
        elapsed: Option<Duration>,
        /// The quota's counts, if there is a quota.
        quota: Option<QuotaUsage<'a>>,
    },
    /// A request can't be sent again, because not enough of it was kept, so the retry returns its
    /// failure. Emitted once per configuration, however many services and clones share it.
    RequestNotReplayable {
        /// The retry's name.
        name: &'a Name,
    },
    /// A failure isn't retried, because the request may have been processed, and the retry's
    /// classifier doesn't know whether the request is idempotent. To state that requests are
    /// idempotent, use [`RetryConfig::idempotent`](crate::RetryConfig::idempotent) or
    /// [`classify::IdempotencyCheck`](crate::classify::IdempotencyCheck). Emitted once per
    /// configuration.
    IdempotencyUnknown {
        /// The retry's name.
        name: &'a Name,
    },
    /// A request succeeded after at least one failed attempt.
    RetrySucceeded {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt that succeeded: 2 or more.
        attempt: u32,
        /// The limit of attempts. `None` if there is none.
        max_attempts: Option<u32>,
        /// How long the successful attempt took. `None` if it wasn't measured.
        duration: Option<Duration>,
        /// How long the request has taken so far. `None` if it wasn't measured.
        elapsed: Option<Duration>,
    },
    /// A request finished, with any outcome. Emitted only if it is switched on, by
    /// [`RetryConfig::report_requests`](crate::RetryConfig::report_requests), and after the other
    /// events of the request. A request whose future is dropped before it finishes emits none, and
    /// neither does one that panics.
    RequestFinished {
        /// The retry's name.
        name: &'a Name,
        /// The number of the last attempt. An attempt whose service didn't become ready counts,
        /// too.
        attempts: u32,
        /// What the caller received.
        outcome: RequestOutcome,
        /// Why there was no further attempt, if the request failed.
        cause: Option<Cause>,
        /// Why the last attempt failed, if the request failed.
        failure: Option<FailureInfo<'a>>,
        /// How long the request took, from the call of the retry to its result.
        elapsed: Option<Duration>,
    },
    /// A circuit opened. It rejects calls.
    CircuitOpened {
        /// The circuit's name.
        name: &'a Name,
        /// How long it stays open; `Duration::MAX` if it stays open until it is reset.
        ///
        /// Zero if the open time is over already: a probe of [`Probes::trickle`] failed after the
        /// end of its interval. The next call is a probe.
        ///
        /// [`Probes::trickle`]: crate::breaker::Probes::trickle
        open_for: Duration,
        /// How often it has opened without closing in between: 1 is the first time; 0 if it was
        /// forced open.
        openings_in_a_row: u32,
        /// Failures since the last success, including the one that opened it; 0 if a probe opened
        /// it or it was forced open.
        failures_in_a_row: u32,
        /// The calls in the window, or the probes, that opened it. Without a window of failures:
        /// the failures in a row. 0 if it was forced open.
        calls: u32,
        /// The failures among these calls.
        failures: u32,
        /// The slow calls among these calls.
        slow: u32,
        /// The failure that opened it. `None` if a slow call, a timer or a method opened it, or if
        /// the failure was reported without details.
        failure: Option<FailureInfo<'a>>,
        /// How long it has been open or half-open since it was closed last. `None` if it isn't
        /// known.
        failing_for: Option<Duration>,
    },
    /// A circuit would have opened, but stays closed: it is in `MetricsOnly` mode, or its
    /// `CircuitGroup` allows no further open circuit. Emitted once until it opens, is reset, or its
    /// rules are replaced.
    CircuitWouldOpen {
        /// The circuit's name.
        name: &'a Name,
        /// Failures since the last success.
        failures_in_a_row: u32,
        /// The calls in the window that would have opened it. Without a window of failures: the
        /// failures in a row.
        calls: u32,
        /// The failures among these calls.
        failures: u32,
        /// The slow calls among these calls.
        slow: u32,
        /// The failure that would have opened it. `None` as for `CircuitOpened`.
        failure: Option<FailureInfo<'a>>,
    },
    /// The mode of a circuit was changed by a method of [`Circuit`](crate::Circuit), such as
    /// `force_open`.
    CircuitModeChanged {
        /// The circuit's name.
        name: &'a Name,
        /// The new mode, as text.
        mode: &'a str,
    },
    /// A circuit's open time has elapsed. It is half-open and admits probes.
    CircuitHalfOpened {
        /// The circuit's name.
        name: &'a Name,
        /// How long it has been open or half-open since it was closed last. `None` if it isn't
        /// known.
        failing_for: Option<Duration>,
    },
    /// A circuit closed. It admits calls.
    CircuitClosed {
        /// The circuit's name.
        name: &'a Name,
        /// How long it was open or half-open since it was closed last. `None` if it isn't
        /// known.
        failing_for: Option<Duration>,
    },
    /// A circuit counted a failure.
    CallFailed {
        /// The circuit's name.
        name: &'a Name,
        /// Why the call failed. `None` if the failure was reported without details.
        failure: Option<FailureInfo<'a>>,
    },
    /// A circuit rejected a call.
    CallRejected {
        /// The circuit's name.
        name: &'a Name,
        /// The time after which a call may be admitted again. `None` if it isn't known.
        retry_in: Option<Duration>,
        /// How long it has been open or half-open since it was closed last. `None` if it isn't
        /// known.
        failing_for: Option<Duration>,
    },
    /// The primary of a fallback failed, and the backup is called.
    FallbackCalled {
        /// The fallback's name.
        name: &'a Name,
        /// Why the primary failed.
        cause: Cause,
        /// The primary's failure. `None` if it isn't known.
        failure: Option<FailureInfo<'a>>,
    },
    /// The backup of a fallback answered.
    FallbackSucceeded {
        /// The fallback's name.
        name: &'a Name,
        /// Why the primary had failed.
        cause: Cause,
        /// How long the backup took. `None` if it wasn't measured.
        duration: Option<Duration>,
    },
    /// The backup of a fallback failed, too.
    FallbackFailed {
        /// The fallback's name.
        name: &'a Name,
        /// Why the primary had failed.
        cause: Cause,
        /// The backup's failure. `None` if it isn't known.
        failure: Option<FailureInfo<'a>>,
    },
}

/// What the caller of a retry received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestOutcome {
    /// A success.
    Success,
    /// A result that the classifier calls neutral or the client's fault.
    Neutral,
    /// A failure.
    Failure,
}

impl RequestOutcome {
    /// A short, stable name: `success`, `neutral`, `failure`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Neutral => "neutral",
            Self::Failure => "failure",
        }
    }
}

/// The counts of a quota for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaUsage<'a> {
    /// The key, as the request contained it. Escape it before you show it, for example by `{:?}`.
    pub key: &'a str,
    /// The key's retries.
    pub retries: u32,
    /// The retries of all keys.
    pub total: u64,
}

impl<'a> QuotaUsage<'a> {
    /// Makes counts to test an observer with.
    pub const fn new(key: &'a str, retries: u32, total: u64) -> Self {
        Self { key, retries, total }
    }
}
