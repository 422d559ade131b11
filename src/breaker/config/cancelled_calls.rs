use std::time::Duration;

/// What a call counts as that is dropped before it has ended: by a caller that gives up, by a
/// `tower::timeout` or by a hedge around the breaker. Two kinds of dropped calls are always
/// failures: one that a retry drops because its attempt timed out, and one that panics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CancelledCalls {
    /// A failure while every call is dropped, neutral otherwise. A caller that loses interest
    /// doesn't mean that the service is down; if all callers give up, it is as good as down.
    ///
    /// - Closed: a row of dropped calls opens the circuit once it is as long as the row of failures
    ///   that would, at least three calls, and has lasted 30 s, or the length of a time window of
    ///   failures. So a burst of cancellations doesn't open a healthy circuit.
    /// - Half-open: a row of dropped probes reopens the circuit once it is as long as the number of
    ///   results needed, and at least three.
    ///
    /// A call whose response has arrived and whose body is dropped counts as answered.
    #[default]
    FailureIfAll,
    /// Neither a success nor a failure, even if every call is dropped. For calls that always end
    /// this way, such as waits for a message.
    Neutral,
    /// A failure.
    Failure,
    /// A failure if the call ran for longer than this; neutral otherwise.
    FailureAfter(Duration),
}
