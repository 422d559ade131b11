/// How a throttled call counts: a call that ended with a failure of the kind
/// [`Throttled`](crate::FailureKind::Throttled), such as HTTP 429, 503 with a `Retry-After`, or
/// gRPC RESOURCE_EXHAUSTED.
///
/// [`TripRule::AdaptiveThrottle`](super::TripRule::AdaptiveThrottle) always counts such a call as a
/// request that wasn't accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThrottledCalls {
    /// Neither a success nor a failure: a service that asks for fewer calls isn't down, and an open
    /// circuit would also reject the calls that the service still accepts.
    ///
    /// - Closed: the call doesn't count in a window, and doesn't end a row of failures.
    /// - Half-open: a probe tests whether the service answers. A throttled answer
    ///   ([`Delivery::Sent`](crate::Delivery::Sent)) counts as a success of the probe, because the
    ///   same answer wouldn't open a closed circuit. If the classifier doesn't report that the
    ///   service answered (a limit on the client's side), the probe is neutral, and another one is
    ///   admitted.
    ///
    /// In both states the call counts in
    /// [`CircuitStats::total_neutral`](crate::breaker::CircuitStats::total_neutral), and no
    /// [`Event::CallFailed`](crate::observe::Event::CallFailed) is emitted.
    #[default]
    Neutral,
    /// A failure like any other. With
    /// [`OpenDuration::honor_retry_after`](super::OpenDuration::honor_retry_after), the circuit
    /// then stays open for as long as the server asks.
    Failure,
}
