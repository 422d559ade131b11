use std::time::Duration;

/// How a call counts that is dropped before it has ended: by a caller that gives up, by a
/// `tower::timeout` or by a hedge around the breaker. Two kinds of dropped calls are always
/// failures: one that a retry drops because its attempt timed out, and one that panics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CancelledCalls {
    /// A failure while every call is dropped, neutral otherwise. One cancelled call doesn't mean
    /// that the service is down. If callers cancel all calls, the service is probably down.
    ///
    /// - Closed: dropped calls in a row open the circuit once the rules would open it for as many
    ///   failures, there are at least three, and the row has lasted for 30 s, or for the length of
    ///   a time window of failures. So a burst of cancellations doesn't open a healthy circuit.
    /// - Half-open: dropped probes in a row reopen the circuit once there are as many as results
    ///   are needed, and at least three.
    ///
    /// A call whose response has arrived and whose body is dropped counts as answered.
    #[default]
    FailureIfAll,
    /// Neither a success nor a failure, even if every call is dropped. For calls that callers
    /// usually drop, such as waits for a message.
    Neutral,
    /// A failure.
    Failure,
    /// A failure if the call ran for longer than this; neutral otherwise.
    FailureAfter(Duration),
}
