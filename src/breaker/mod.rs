//! Stops calling a service that is down: [`BreakerLayer`] around a shared [`Circuit`].
//!
//! A circuit breaker counts the failures of a service. When a rule is met, it opens: calls fail at
//! once, without reaching the service. After the open time, a few calls test the service as probes,
//! and the breaker closes when they succeed. So callers don't wait for a service that is down, and
//! the service isn't loaded while it recovers.
//!
//! ```
//! use std::{io, time::Duration};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerError, BreakerLayer, Circuit, State, breaker::{OpenDuration, TripRule}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = BreakerConfig::default()
//!     .name("inventory")
//!     .open_when(TripRule::consecutive(2)?)
//!     .open_for(OpenDuration::fixed(Duration::from_secs(10)));
//! let circuit = Circuit::new(config);
//! let mut service = ServiceBuilder::new()
//!     .layer(BreakerLayer::on(&circuit))
//!     .service(service_fn(|_: ()| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }));
//!
//! for _ in 0..2 {
//!     let error = service.ready().await?.call(()).await.unwrap_err();
//!     assert!(matches!(error, BreakerError::Inner(_)));
//! }
//! assert_eq!(circuit.state(), State::Open);
//!
//! // The breaker rejects the call without calling or polling the service.
//! let error = service.ready().await?.call(()).await.unwrap_err();
//! let rejection = error.rejection().expect("rejected");
//! assert_eq!(rejection.to_string(), "circuit `inventory` is open; retry in 10.0 s");
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! # When not to use it
//!
//! - If the request causes the failures, and not the service: invalid requests of one caller must
//!   not stop the other callers. They are [client errors](crate::Verdict::ClientError).
//! - Around many hosts at once: one host that is down would open the circuit for all. Use [one
//!   circuit per key](#one-circuit-per-key).
//! - If every call must be tried, even if it will probably fail. Use a timeout instead.
//! - Without any timeout: a call that hangs has no outcome. Put a timeout inside the breaker
//!   (`tower::timeout`), or use the timeouts of a retry around the breaker, which the breaker
//!   counts as failures. A `tower::timeout` *between* retry and breaker only drops the call. A
//!   dropped call is a failure only while every call is dropped, unless
//!   [`on_cancelled`](BreakerConfig::on_cancelled) is set.
//! - Inside a hedge (`tower::hedge`, or callers that race two calls). While the circuit is
//!   half-open, it rejects the second call at once; the hedge returns that rejection and drops the
//!   probe. If all probes are dropped, [the circuit reopens](CancelledCalls::FailureIfAll). Put the
//!   hedge inside the breaker: then the first response to either call closes the circuit.
//!
//! # States
//!
//! ```text
//!                      a rule is met
//!          ┌────────┐ ─────────────────▶ ┌────────┐
//!          │ closed │                    │  open  │ ◀─────────────┐
//!          └────────┘ ◀──┐               └────────┘               │
//!            calls are   │                 calls are rejected     │
//!            admitted    │                      │                 │
//!                        │                      │ open time over  │ probes fail
//!            enough      │                      ▼                 │
//!            probes      │              ┌───────────┐             │
//!            succeed     └───────────── │ half-open │ ────────────┘
//!                                       └───────────┘
//!                                         a few calls are admitted as probes
//! ```
//!
//! Every transition starts a new generation, and a [`Permit`] belongs to the generation that issued
//! it. So a call that began before the circuit opened can neither close nor reopen it when it ends
//! late. Two limits apply to probes: how many may be in flight at a time, and how many results are
//! needed. A probe in flight takes a *slot*, and keeps it at most for a time limit, its
//! [lease](Probes::lease). [Trickling](Probes::trickle) probes have no slots: the circuit admits
//! one per interval.
//!
//! | result of a call | closed | half-open |
//! |---|---|---|
//! | success | ends the row of failures (failures without a success in between); counts in windows | counts towards closing |
//! | failure, except the two kinds below | counts | reopens, or counts towards the [failure rate](Probes::failure_rate) |
//! | [throttled](crate::FailureKind::Throttled) failure | neutral; [`AdaptiveThrottle`](TripRule::AdaptiveThrottle) counts it as not accepted; with [`ThrottledCalls::Failure`], a failure | a success if the service answered; otherwise neutral |
//! | [rejected](crate::FailureKind::Rejected) by a breaker further in | no effect | frees the slot |
//! | neutral | ends a row of dropped calls | frees the slot, and ends a row of dropped probes |
//! | dropped by its caller | a failure [while all calls are dropped](CancelledCalls::FailureIfAll), unless [`on_cancelled`](BreakerConfig::on_cancelled) is set; may count as [slow](TripRule::SlowCallRate) | frees the slot; reopens if all probes are dropped, unless `on_cancelled` is set; may count as slow |
//! | timed out by a retry, or panicked | a failure | a failure |
//!
//! # Rules
//!
//! | rule | good for | limits |
//! |---|---|---|
//! | [`TripRule::ConsecutiveFailures`] | low traffic; services that are up or down; with [`lasting`](TripRule::lasting) also high traffic | If half of the calls fail, 5 failures in a row take 62 calls on average; if a fifth fails, 3,900. So at a partial failure it opens late, and by chance. |
//! | [`TripRule::FailureRate`], last N calls | steady traffic, partial failure | After a quiet night, the window holds yesterday's calls. A window with fewer calls than its minimum has no effect. |
//! | [`TripRule::FailureRate`], last T of time | bursts of traffic | Low traffic never reaches the minimum. Each call reads the clock and writes shared memory. |
//! | [`TripRule::SlowCallRate`] | answers that come too late to be useful | A long tail that is normal needs a higher share. With fan-out to many shards, one slow shard makes all requests slow. A call that hangs counts only when it is dropped. |
//! | [`TripRule::AdaptiveThrottle`] | a service that is overloaded, not down; many clients of one service | While a service is down, each client still sends it about one call per window. |
//! | [`TripRule::Custom`] | conditions that the others don't cover | It shares its window with `FailureRate`. |
//!
//! Rules can be combined with [`or_when`](BreakerConfig::or_when). For example, failures in a row
//! open the circuit at once if all calls fail, and a failure rate opens it if half of them do.
//!
//! `cargo run --example breaker_tour` shows each rule. In four situations, no rule works well:
//!
//! - **Low traffic.** With one call per minute, a window of 100 calls covers 100 minutes. Failures
//!   in a row need the fewest calls. Use a timeout; it helps more than any circuit.
//! - **Long tails.** If the slowest 2 % of calls always take ten times as long, a share of 1 %
//!   opens a healthy circuit. Measure first: in [`Mode::MetricsOnly`], a circuit reports when it
//!   would open, and stays closed.
//! - **Fan-out.** If a request calls 100 shards, and each is slow once in 100 times, 63 % of the
//!   requests are slow for a circuit around the whole request, and 1 % for one around each shard.
//! - **One circuit for many hosts** that fail separately: use a [keyed one](#one-circuit-per-key).
//!
//! # Defaults
//!
//! [`BreakerConfig`] lists all settings with their defaults and reasons. In short: the circuit
//! opens after 5 failures in a row that last 500 ms; it stays open for 10 % of the failing time,
//! between 100 ms and 2 s; then one probe per open time tests the service, and the first success
//! closes the circuit. `benches/presets` and `tests/field` compare these defaults with others.
//!
//! [`OpenDuration`] sets the open time. [`Probes`] sets how the service is probed: the number of
//! probes, how many at a time or [one per interval](Probes::trickle), what closes the circuit, the
//! longest time in half-open, or your own health checks instead of users' requests.
//! [`slow_start`](BreakerConfig::slow_start) admits a growing share of the calls after the circuit
//! has closed.
//!
//! # Rejections
//!
//! A [`Rejection`] carries the time after which a retry makes sense. An open circuit returns the
//! rest of the open time. A half-open circuit returns 50 to 150 ms at random. The time is short,
//! because a probe may close the circuit at any moment. It is random, so that callers that were
//! rejected together don't return together.
//!
//! By default, a rejected call fails with [`BreakerError::Rejected`]. A layer can also keep the
//! error type of the service: it [converts](BreakerLayer::keep_error) the rejection into that type,
//! [makes a response](BreakerLayer::respond_when_open), or [isn't
//! ready](BreakerLayer::wait_when_open). A [`CircuitGroup`] limits how many circuits are open.
//! If the circuit opens during the attempts of a retry around it, `RetryConfig::on_rejected_retry`
//! sets whether the caller gets the rejection or the failure before it.
//!
//! # Events
//!
//! Every [observer](BreakerConfig::observe) receives these [`Event`](crate::observe::Event)s. By
//! default, the `tracing` observer logs them. Successful calls emit no event.
//!
//! | event | when |
//! |---|---|
//! | [`CircuitOpened`](crate::observe::Event::CircuitOpened) | the circuit opened; with the open time, the counts that led to it, and the failure that opened it |
//! | [`CircuitHalfOpened`](crate::observe::Event::CircuitHalfOpened) | the first probe was admitted, or the state was read, after the open time |
//! | [`CircuitClosed`](crate::observe::Event::CircuitClosed) | probes succeeded, or the circuit was closed by hand; with the time for which calls had been failing |
//! | [`CircuitWouldOpen`](crate::observe::Event::CircuitWouldOpen) | a rule was met in [`Mode::MetricsOnly`], or the [group](CircuitGroup) had no slot |
//! | [`CircuitModeChanged`](crate::observe::Event::CircuitModeChanged) | the mode changed |
//! | [`CallFailed`](crate::observe::Event::CallFailed) | a call counted as a failure; with its kind, its error, and its duration if [calls are timed](BreakerConfig::time_calls) |
//! | [`CallRejected`](crate::observe::Event::CallRejected) | the circuit rejected a call; with the time for which calls have been failing |
//!
//! # Modes
//!
//! | [`Mode`] | calls | counting | opens |
//! |---|---|---|---|
//! | `Auto` | depends on the state | yes | yes |
//! | `ForcedOpen` | rejected | rejections | is open |
//! | `ForcedClosed` | admitted | yes | no |
//! | `MetricsOnly` | admitted | yes | no; emits `CircuitWouldOpen` instead, once until the next reset or change of rules |
//! | `Disabled` | admitted | totals only | no |
//!
//! A mode stays until it is changed. A change of the mode forgets the counts in the windows.
//! [`Circuit::reset`] closes the circuit and forgets these counts, but keeps the mode.
//! [`Circuit::reconfigure`] replaces the config while calls go on.
//!
//! # After a restart
//!
//! [`Circuit::snapshot`] returns the state as plain data, and [`Circuit::restore`] continues from
//! it, with the rest of the open time. With the feature `store`, a `FileStore` does both.
//!
//! # One circuit per key
//!
//! With the feature `keyed`, `BreakerLayer::keyed` keeps one circuit per key, such as a host, a
//! method or a tenant. The number of circuits is bounded.
//!
//! # Anti-patterns
//!
//! **A new circuit per request.** Each circuit counts one call, so none opens. Make the layer once.
//!
//! ```
//! use tower::{Layer, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer};
//! let client = service_fn(|_: ()| async { Ok::<(), std::io::Error>(()) });
//! // Wrong: for each request.
//! let service = BreakerLayer::new(BreakerConfig::default()).layer(client);
//!
//! // Right: the layer when the program starts, and only the service for each request.
//! let breaker = BreakerLayer::new(BreakerConfig::default());
//! let service = breaker.layer(client);
//! # let _ = service;
//! ```
//!
//! **The breaker outside of the retry.** The breaker counts one outcome per request instead of one
//! per attempt, so it opens later. It also can't reject single attempts. Put it inside.
//!
//! ```
//! # #[cfg(feature = "retry")] {
//! use tower::{Layer, ServiceBuilder, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer};
//! let client = service_fn(|_: ()| async { Ok::<(), std::io::Error>(()) });
//! let retry = RetryLayer::new(RetryConfig::default());
//! let breaker = BreakerLayer::new(BreakerConfig::default());
//!
//! // Wrong: the breaker is the outer layer.
//! let service = ServiceBuilder::new().layer(breaker.clone()).layer(retry.clone()).service(client);
//!
//! // Right: the breaker is the inner layer.
//! let service = ServiceBuilder::new().layer(retry).layer(breaker).service(client);
//! # let _ = service;
//! # }
//! ```
//!
//! **A caller's error counts as a failure.** Invalid requests of one caller then open the circuit
//! for all. Classify them as client errors.
//!
//! ```
//! use tower_recourse::{BreakerConfig, Verdict};
//! enum DbError { UniqueViolation, Deadlock }
//! // Wrong: every `DbError` counts.
//! let config = BreakerConfig::default();
//!
//! // Right: a violated constraint doesn't count.
//! let config = BreakerConfig::default().classify_errors(|error: &DbError| match error {
//!     DbError::UniqueViolation => Verdict::ClientError,
//!     _ => Verdict::transient(),
//! });
//! # let _ = config;
//! ```
//!
//! # Cost
//!
//! While the circuit is closed and no call fails, a call reads two words of memory and writes none:
//! no lock, no allocation, no reference count, and no clock unless a rule needs it. A circuit's
//! memory is recycled instead of freed, so calls can reference it without a reference count. Memory
//! use is bounded by about twice the peak number of live circuits. The page on
//! [costs](crate::costs) lists what each rule adds.
//!
//! # Errors
//!
//! By default, a call returns [`BreakerError`]: [`Rejected`](BreakerError::Rejected) if the circuit
//! rejected the call, or [`Inner`](BreakerError::Inner) with the service's own error. An error of
//! the service's `poll_ready` is the outcome of the next call. The constructors of settings return
//! [`InvalidConfig`](crate::InvalidConfig) for numbers out of range.
//!
//! # Clone
//!
//! A [`BreakerLayer`], the services that it makes, and all clones of both share one circuit.
//!
//! # Cancel safety
//!
//! A call can be dropped at any time, which ends its permit; [States](#states) shows the effect.

mod admission;
mod call;
mod cell;
mod circuit;
mod config;
mod core;
pub mod future;
mod generation;
mod group;
#[cfg(feature = "keyed")]
pub mod keyed;
mod layer;
#[cfg(all(test, recourse_loom))]
mod loom;
mod micros;
mod permit;
mod rejection;
mod service;
mod state;
mod transition;
mod window;

pub use circuit::{Circuit, CircuitHandle, CircuitSnapshot, CircuitStats, NoClassifier};
pub use config::{
    AdaptiveThrottle, BreakerConfig, CancelledCalls, OpenContext, OpenDuration, Probes, ThrottledCalls, TripRule,
    Window,
};
pub use group::CircuitGroup;
pub use layer::BreakerLayer;
pub use permit::Permit;
pub use rejection::{BreakerError, KeepError, NotReady, OnRejection, RejectWithError, RejectWithResponse, Rejection};
pub use service::Breaker;
pub use state::{Mode, State};
pub use transition::{CustomTripRule, HalfOpenTimeout};
pub use window::WindowStats;

#[cfg(feature = "http")]
pub(crate) use {admission::AdmissionGate, service::start_call};
