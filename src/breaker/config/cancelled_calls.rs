use std::time::Duration;

/// What a call counts as that is dropped before it has ended: by a caller that gives up, a `tower::timeout` or a hedge around the breaker. One that a retry cuts off because its time is over is a failure
/// whatever is set here, and so is one that panics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dropped {
    /// A failure while every call is dropped, neutral otherwise: a caller that loses interest says nothing of the service, but a service
    /// whose callers all give up is as good as down.
    ///
    /// - Closed: as many dropped calls in a row as it takes failures to open the circuit do so, and never fewer than three, once
    ///   the row has lasted 30 s, or the time of the window of failures: a burst of cancellations opens no healthy circuit.
    /// - Half-open: as many dropped probes in a row as results are needed, and never fewer than three, reopen the circuit.
    ///
    /// A call whose response has come, and whose body is dropped, was answered.
    #[default]
    FailureIfAll,
    /// Neither a success nor a failure, even if every call is dropped: for calls that always end so, such as waits for a message.
    Neutral,
    /// A failure.
    Failure,
    /// A failure if it ran for longer than this; neutral otherwise.
    FailureAfter(Duration),
}
