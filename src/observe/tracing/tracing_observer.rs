use tracing::Level;

use super::lines;
use crate::observe::{Event, Levels, LogEvent, Observer, StopCause};

/// An observer that logs every event through `tracing`. With the feature `tracing`, which is on by
/// default, each layer has it.
///
/// # Levels
///
/// | line | level | reason |
/// |---|---|---|
/// | [`CircuitOpened`](LogEvent::CircuitOpened) | ERROR | an outage begins: calls are rejected |
/// | [`CircuitReopened`](LogEvent::CircuitReopened) | DEBUG | the first opening has reported the outage |
/// | [`CircuitForcedOpen`](LogEvent::CircuitForcedOpen) | WARN | your program did it; calls are rejected |
/// | [`CircuitHalfOpened`](LogEvent::CircuitHalfOpened) | DEBUG | once per open time, with the preset every 2 s of a long outage |
/// | [`CircuitClosed`](LogEvent::CircuitClosed) | INFO | the outage is over |
/// | [`CircuitWouldOpen`](LogEvent::CircuitWouldOpen) | WARN | once per outage; nothing protects the service |
/// | [`CircuitModeChanged`](LogEvent::CircuitModeChanged) | INFO | your program did it |
/// | [`CallFailed`](LogEvent::CallFailed) | DEBUG | one per failed call |
/// | [`CallRejected`](LogEvent::CallRejected) | DEBUG | one per rejected call |
/// | [`RetryScheduled`](LogEvent::RetryScheduled) | WARN | the caller doesn't see this failure |
/// | [`TransparentRetry`](LogEvent::TransparentRetry) | INFO | the server didn't process the call |
/// | [`RejectionWait`](LogEvent::RejectionWait) | DEBUG | the circuit logs its opening |
/// | [`RetrySucceeded`](LogEvent::RetrySucceeded) | INFO | the retry helped |
/// | `RetryStopped`: [`AttemptsExhausted`](StopCause::AttemptsExhausted) | WARN | the fault lasts longer than the retry |
/// | `RetryStopped`: [`Budget`](StopCause::Budget) | WARN | many calls fail |
/// | `RetryStopped`: [`Deadline`](StopCause::Deadline) | WARN | the time limit was too short for a retry |
/// | `RetryStopped`: [`RetryAfterTooLong`](StopCause::RetryAfterTooLong) | WARN | the server asks for a long pause |
/// | `RetryStopped`: [`TotalQuota`](StopCause::TotalQuota) | WARN | your limit was reached |
/// | `RetryStopped`: [`KeyQuota`](StopCause::KeyQuota) | WARN | your limit was reached |
/// | `RetryStopped`: [`OnlyAttempt`](StopCause::OnlyAttempt) | DEBUG | no retry was allowed |
/// | `RetryStopped`: [`Permanent`](StopCause::Permanent) | DEBUG | your classifier decided |
/// | `RetryStopped`: [`UnsafeToResend`](StopCause::UnsafeToResend) | DEBUG | as configured; see `IdempotencyUnknown` |
/// | `RetryStopped`: [`RetriesDisabled`](StopCause::RetriesDisabled) | DEBUG | your switch is off |
/// | `RetryStopped`: [`Custom`](StopCause::Custom) | DEBUG | your override or policy decided |
/// | `RetryStopped`: [`Failure`](StopCause::Failure) | DEBUG | your policy decided |
/// | `RetryStopped`: [`Rejected`](StopCause::Rejected) | DEBUG | the circuit logs its opening |
/// | `RetryStopped`: [`RetryRejected`](StopCause::RetryRejected) | DEBUG | the circuit logs its opening |
/// | `RetryStopped`: [`NotReplayable`](StopCause::NotReplayable) | DEBUG | see `RequestNotReplayable` |
/// | [`RequestNotReplayable`](LogEvent::RequestNotReplayable) | WARN | once; change the configuration |
/// | [`IdempotencyUnknown`](LogEvent::IdempotencyUnknown) | WARN | once; change the configuration |
/// | [`RequestFinished`](LogEvent::RequestFinished) | DEBUG | one per request, if switched on |
/// | [`FallbackCalled`](LogEvent::FallbackCalled) | INFO | the caller gets the backup's response |
/// | [`FallbackSucceeded`](LogEvent::FallbackSucceeded) | DEBUG | expected |
/// | [`FallbackFailed`](LogEvent::FallbackFailed) | WARN | the caller gets an error |
///
/// The caller gets the error of every stop. If it also logs this error, an ERROR of this observer
/// would report the same failure twice. So the only ERROR is the first opening of a circuit, which
/// no caller reports. During an outage, a circuit logs it once.
///
/// The same events elsewhere, with the levels that their sources state:
///
/// | event | here | [Polly 8] | [seatbelt] | [tower-resilience] | [resilience4j] |
/// |---|---|---|---|---|---|
/// | attempt failed, retry follows | WARN | Warning | WARN | DEBUG | not logged |
/// | last of several attempts failed | WARN | Error | WARN | WARN | not logged |
/// | failure that isn't retried | DEBUG | Information | not logged | DEBUG | not logged |
/// | retry budget empty | WARN | no budget | no budget | WARN | no budget |
/// | success after a retry | INFO | Information | not logged | INFO | not logged |
/// | circuit opened | ERROR, then DEBUG | Error | WARN | INFO | DEBUG |
/// | circuit half-open | DEBUG | Warning | INFO per probe | INFO | DEBUG |
/// | circuit closed | INFO | Information | INFO | INFO | DEBUG |
/// | call rejected | DEBUG | not logged | WARN | not logged | DEBUG |
/// | fallback called | INFO | Warning | WARN | DEBUG | not logged |
/// | fallback failed | WARN | not logged | not logged | WARN | not logged |
///
/// resilience4j publishes events, and logs only the event itself, at DEBUG. Polly's severity of
/// `OnCircuitOpened` applies to each opening.
///
/// [Polly 8]: https://www.pollydocs.org/strategies/retry.html#telemetry
/// [seatbelt]: https://github.com/microsoft/oxidizer/tree/main/crates/seatbelt/src
/// [tower-resilience]: https://github.com/joshrotenberg/tower-resilience/tree/main/crates
/// [resilience4j]: https://github.com/resilience4j/resilience4j/blob/master/resilience4j-circuitbreaker/src/main/java/io/github/resilience4j/circuitbreaker/internal/CircuitBreakerStateMachine.java
///
/// # Setting levels
///
/// A layer logs each event once. A `TracingObserver` that is added to a layer replaces its default
/// one; one that is added to a [`Registry`](crate::Registry) replaces the default ones of all
/// registered layers. A layer's own takes precedence.
///
/// ```
/// # #[cfg(all(feature = "retry", feature = "breaker"))] {
/// use tower_recourse::{BreakerConfig, Registry, RetryConfig, observe::{LogEvent, StopCause, TracingObserver}};
/// use tracing::Level;
///
/// const LOG: TracingObserver = TracingObserver::new()
///     .level(LogEvent::CircuitOpened, Level::WARN)
///     .off(LogEvent::RetryScheduled);
///
/// // For all layers of the registry.
/// let registry = Registry::new();
/// registry.observe(LOG);
/// let breaker = BreakerConfig::default().name("search").register(&registry);
///
/// // For one layer.
/// let retry = RetryConfig::default().observe(LOG.stop_level(StopCause::Permanent, Level::ERROR));
/// # let _ = (breaker, retry);
/// # }
/// ```
///
/// With a circuit per key, the first opening is an ERROR for each key. If keys fail often, such as
/// the hosts of a crawler, set [`LogEvent::CircuitOpened`] to WARN or below.
///
/// To log nothing, use `without_observers`. To filter by layer, use the target: it is
/// `tower_recourse::retry`, `tower_recourse::breaker` or `tower_recourse::fallback`. A line that
/// the subscriber doesn't want isn't formatted.
///
/// # Fields
///
/// Fields that aren't known are left out. Durations are rounded, and shown as `12.3ms`, `1.204s` or
/// `2h3m4s`.
///
/// | field | lines | content |
/// |---|---|---|
/// | `name` | all | the layer's name |
/// | `labels` | all | the layer's labels: `team=payments region=eu` |
/// | `circuit_key` | circuit | the key of a keyed circuit |
/// | `error.type` | all with a failure | the kind: `transient`, `throttled`, `timed_out`, `permanent`, `rejected` |
/// | `error` | all with a failure | the text of the error and its sources; the backup's in `FallbackFailed` |
/// | `http.response.status_code`, `rpc.status_code` | all with a failure | the status of the response: `503`, `"UNAVAILABLE"` |
/// | `attempt_duration`, `call_duration`, `backup_duration` | retry; circuit; fallback | how long the attempt, the call or the backup took |
/// | `elapsed` | retry | how long the request has taken |
/// | `attempt` | retry | the number of the attempt: 1 is the first |
/// | `attempts` | `RequestFinished` | the number of attempts |
/// | `max_attempts` | retry | the limit of attempts |
/// | `delay` | `RetryScheduled`, `RejectionWait` | the wait before the next attempt |
/// | `outcome` | `RequestFinished` | `success`, `neutral` or `failure` |
/// | `cause` | retry, fallback | why there is no further attempt, or why the primary failed, as a sentence |
/// | `reason` | retry, fallback | the cause as a stable label, or the reason of an override |
/// | `key`, `retries`, `total` | retry | the quota's key, the retries of this key, and those of all keys |
/// | `stays_open_for` | `CircuitOpened` | when it admits a probe; `until_reset` without an end, `until_next_call` if a probe of `Probes::trickle` failed late |
/// | `openings_in_a_row` | `CircuitOpened`, from the second of an outage on | how often it has opened in this outage |
/// | `failures_in_a_row`, `calls`, `failures`, `slow` | `CircuitOpened`, `CircuitWouldOpen` | the counted calls; the probes, if it opened again |
/// | `failing_for` | circuit | how long the outage has lasted: since the first of the failures that opened it, until now |
/// | `failed_for` | `CircuitClosed` | how long the outage lasted |
/// | `may_admit_in` | `CallRejected` | when a call may be admitted |
/// | `mode` | `CircuitModeChanged` | the new mode |
///
/// Texts are logged as strings, which a subscriber puts between quotes. Before that, the observer
/// escapes them and cuts them at 256 bytes, so that a text from outside can't forge a line or a
/// field.
#[derive(Debug, Clone, Copy)]
pub struct TracingObserver {
    levels: Levels,
}

impl TracingObserver {
    /// Makes an observer with the [default levels](Self#levels).
    pub const fn new() -> Self {
        Self { levels: Levels::new() }
    }

    /// An observer with the levels of another one. `None` if that one doesn't log.
    #[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
    pub(crate) fn of(observer: &impl Observer) -> Option<Self> {
        observer.log_levels().map(|levels| Self { levels })
    }

    /// Sets the level of a line. [`LogEvent::RetryStopped`] sets it for all causes.
    pub const fn level(self, event: LogEvent, level: Level) -> Self {
        Self { levels: self.levels.with(event, Some(level)) }
    }

    /// Doesn't write a line. [`LogEvent::RetryStopped`] stands for all causes.
    pub const fn off(self, event: LogEvent) -> Self {
        Self { levels: self.levels.with(event, None) }
    }

    /// Sets the level of [`Event::RetryStopped`] with this cause.
    pub const fn stop_level(self, cause: StopCause, level: Level) -> Self {
        Self { levels: self.levels.with_stop(cause, Some(level)) }
    }

    /// Doesn't write the line of [`Event::RetryStopped`] with this cause.
    pub const fn stop_off(self, cause: StopCause) -> Self {
        Self { levels: self.levels.with_stop(cause, None) }
    }
}

/// The [default levels](TracingObserver#levels).
impl Default for TracingObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for TracingObserver {
    fn on_event(&self, event: &Event<'_>) {
        if let Some(level) = self.levels.of(event) {
            lines::write(event, level);
        }
    }

    fn log_levels(&self) -> Option<Levels> {
        Some(self.levels)
    }
}
