use std::time::Duration;

use crate::{Cause, Name};

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An attempt failed, and another one follows.
    RetryScheduled {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt that failed: 1 is the first.
        attempt: u32,
        /// The wait before the next one.
        delay: Duration,
        /// What the ledger holds with this retry, if there is one.
        booked: Option<Booked<'a>>,
    },
    /// A call was refused before anything was done with it, as HTTP/2 refuses streams: the request is sent again at once, as the same
    /// attempt. It costs nothing, and is told once a request at most.
    Resent {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt that is made once more: 1 is the first.
        attempt: u32,
    },
    /// A breaker rejected an attempt for a short time. The retry waits, and then makes the same attempt.
    RejectionWait {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt: 1 is the first.
        attempt: u32,
        /// The wait before it is made.
        delay: Duration,
    },
    /// A request failed and isn't tried again.
    RetryStopped {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt that failed last.
        attempt: u32,
        /// Why it isn't tried again.
        cause: Cause,
        /// What the ledger holds, if there is one.
        booked: Option<Booked<'a>>,
    },
    /// Requests can't be sent again here, since nothing is kept of them: their failures are returned. Told once.
    NothingToRetry {
        /// The retry's name.
        name: &'a Name,
    },
    /// A failure isn't retried, since the request may have been processed and the retry's classifier doesn't know whether it is
    /// idempotent. State it: [`RetryConfig::idempotent`](crate::RetryConfig::idempotent), or
    /// [`classify::Idempotent`](crate::classify::Idempotent). Emitted once per retry.
    IdempotencyUnknown {
        /// The retry's name.
        name: &'a Name,
    },
    /// A request succeeded after it had failed.
    RetrySucceeded {
        /// The retry's name.
        name: &'a Name,
        /// The number of the attempt that succeeded: 2 or more.
        attempt: u32,
    },
    /// A circuit opened: calls are rejected.
    CircuitOpened {
        /// The circuit's name.
        name: &'a Name,
        /// For how long; `Duration::MAX` if until somebody closes it.
        open_for: Duration,
        /// How often it opened in a row, without closing in between: 1 is the first; 0 if it was forced.
        openings_in_a_row: u32,
        /// Failures since the last success, with the one that opened it; 0 if a probe did, or it was forced.
        failures_in_a_row: u32,
        /// Calls in the window that opened it, or probes. Without a window of failures: those in a row. 0 if it was forced.
        calls: u32,
        /// Failures among them.
        failures: u32,
        /// Slow ones among them.
        slow: u32,
    },
    /// A circuit that only measures would have opened. Told once until it is reset, or its rules are exchanged.
    CircuitWouldOpen {
        /// The circuit's name.
        name: &'a Name,
        /// Failures since the last success.
        failures_in_a_row: u32,
        /// Calls in the window that would have opened it. Without a window of failures: those in a row.
        calls: u32,
        /// Failures among them.
        failures: u32,
        /// Slow ones among them.
        slow: u32,
    },
    /// A circuit's mode was changed from outside.
    CircuitSteered {
        /// The circuit's name.
        name: &'a Name,
        /// The new mode, as text.
        mode: &'a str,
    },
    /// A circuit's open time is over: probes are admitted.
    CircuitHalfOpened {
        /// The circuit's name.
        name: &'a Name,
    },
    /// A circuit closed: calls are admitted.
    CircuitClosed {
        /// The circuit's name.
        name: &'a Name,
    },
    /// A circuit counted a failure.
    CallFailed {
        /// The circuit's name.
        name: &'a Name,
    },
    /// A circuit rejected a call.
    CallRejected {
        /// The circuit's name.
        name: &'a Name,
        /// When a call may be admitted again.
        retry_in: Option<Duration>,
    },
    /// The fallback was asked.
    FallbackAsked {
        /// The fallback's name.
        name: &'a Name,
        /// Why.
        cause: Cause,
    },
    /// The fallback failed too.
    FallbackFailed {
        /// The fallback's name.
        name: &'a Name,
        /// Why it had been asked.
        cause: Cause,
    },
}

/// What a ledger holds of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Booked<'a> {
    /// The key, as it came with the request. Escape it where it is shown, as by `{:?}`.
    pub key: &'a str,
    /// Its retries.
    pub retries: u32,
    /// Those of all keys.
    pub in_all: u64,
}

impl<'a> Booked<'a> {
    /// A line by hand, which is how an observer is tested.
    pub const fn new(key: &'a str, retries: u32, in_all: u64) -> Self {
        Self { key, retries, in_all }
    }
}
