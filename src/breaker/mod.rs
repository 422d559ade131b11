//! Stop calling what is down: [`BreakerLayer`] around a shared [`Circuit`].
//!
//! ```
//! use std::{io, time::Duration};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerError, BreakerLayer, Circuit, State, breaker::{OpenFor, OpenRule}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = BreakerConfig::default()
//!     .name("inventory")
//!     .open_when(OpenRule::consecutive(2)?)
//!     .open_for(OpenFor::fixed(Duration::from_secs(10)));
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
//! // The service isn't asked any more, not even whether it is ready.
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
//! - Where failures are about the request and not the service: what one caller does wrong must not stop the others. CallState such
//!   failures [neutral](crate::Verdict::Neutral).
//! - Around many hosts at once: one that is down opens the circuit for all. One circuit a host.
//! - Where every call must be tried whatever the odds. Then a time-out is the better tool.
//! - Without any time-out: a call that hangs has no outcome. Put one inside the breaker (`tower::timeout`), or use those of a
//!   retry around it, which count here. A `tower::timeout` *between* retry and breaker only drops the call, and a dropped call
//!   is a failure only while every call is dropped, unless [`dropped`](BreakerConfig::dropped) says otherwise.
//! - Inside a hedge (`tower::hedge`, or callers that race two calls): while the circuit is half-open, the second call is rejected at once, the
//!   hedge takes that for its answer, and drops the probe. Probes that are all dropped [reopen the circuit](Dropped::FailureIfAll), and it closes only once one is
//!   answered before the second call is made. Put the hedge inside the breaker: then the answer to either call closes the circuit.
//!
//! # The states
//!
//! ```text
//!                      a rule says so
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
//! Every transition begins a new generation, and a [`Permit`] belongs to the generation that gave
//! it: a call that began before the circuit opened can neither close nor reopen it when it comes
//! back late. Two limits apply to probes: how many may be on their way at a time, and how many
//! results are needed at all. A probe that never comes back loses its slot when its lease is over.
//! Probes that [trickle](Probes::trickle) are limited by time alone.
//!
//! | result of a call | closed | half-open |
//! |---|---|---|
//! | success | ends the row of failures; counts in windows | counts towards closing |
//! | failure, of any kind but the next two | counts | reopens, or counts towards the share |
//! | [throttled](crate::FailureKind::Throttled) failure | nothing, as a neutral one; [`Throttle`](OpenRule::Throttle) counts it as not accepted; or a failure [as set](BreakerConfig::on_throttled) | an answer of the service: a success; otherwise as a neutral one |
//! | [rejected](crate::FailureKind::Rejected) by a breaker further in | nothing | gives the slot back |
//! | neutral | nothing; calls aren't all dropped | gives the slot back |
//! | dropped by its caller | a failure [while all are](Dropped::FailureIfAll); [a slow call](OpenRule::Slow); otherwise nothing, or as set | gives the slot back; reopens if all are dropped; or as a slow one, or as set |
//! | cut off by a retry's time-out, or panicked | a failure | a failure |
//!
//! # Which rule when
//!
//! | rule | good for | its limits |
//! |---|---|---|
//! | [`OpenRule::Consecutive`] | low traffic; what is up or down; with [`lasting`](OpenRule::lasting) also high traffic | where half of the calls fail, 5 in a row come after 62 calls on average, where a fifth does, after 3,900: it opens late, and by chance |
//! | [`OpenRule::Ratio`], last N calls | steady traffic, partial failure | after a quiet night the window holds yesterday's calls; below its minimum it says nothing |
//! | [`OpenRule::Ratio`], last T of time | traffic that comes and goes | low traffic never reaches the minimum; a write and a clock read a call |
//! | [`OpenRule::Slow`] | answers that come too late to be of use | a long tail that is normal needs a share above it; fan-out to many shards makes one slow shard everybody's; calls that hang are seen when they are dropped, not before |
//! | [`OpenRule::Throttle`] | a service that is overloaded, not down; many clients of one service | what is down for long is still asked, once in a while, by everybody |
//! | [`OpenRule::Custom`] | what these can't say | its window is that of `Ratio` |
//!
//! Several can stand together ([`or_when`](BreakerConfig::or_when)): a row of failures beside a ratio opens at once when all fails, and
//! in time when half does.
//!
//! Three things no rule is good at:
//!
//! - **Low traffic.** With a call a minute, a window that reaches its minimum reaches into another hour. Failures in a row need the
//!   fewest calls, and a time-out does more than any circuit.
//! - **Long tails.** Where the slowest 2 % take ten times as long on a good day, a share of 1 % opens a healthy circuit. Measure
//!   first: in [`Mode::MetricsOnly`] a circuit tells when it would have opened, and opens nothing.
//! - **Fan-out.** A request that asks 100 shards, each of which is slow once in 100 times, is slow 63 times in 100. A circuit around
//!   the whole sees a sick service where one around each shard sees a hundred healthy ones.
//!
//! No rule helps where one circuit stands for many things that fail apart: use one circuit a host, or a
//! [keyed breaker](#one-circuit-a-key).
//!
//! `cargo run --example breaker_tour` prints what each of them does, step by step, against an upstream that fails.
//!
//! # Opening and coming back
//!
//! [`OpenFor`] sets the open time: fixed, growing, a share of the time for which calls have been
//! failing, by a function, as the service asks, or until the circuit is reset. Jitter keeps clients
//! from coming back together. [`Probes`] sets how the service is probed then: how many probes, how
//! many at a time or [one per interval](Probes::trickle), what closes the circuit, for how long at
//! most, or by your own health check instead of users' requests. [`ramp`](BreakerConfig::ramp) lets
//! the traffic grow again after closing.
//!
//! # RejectState
//!
//! A [`Rejection`] carries the time after which a retry makes sense. An open circuit returns the
//! rest of the open time. A half-open one returns 50 to 150 ms at random, because a probe may close
//! it at any moment, and callers that were rejected together must not come back together.
//!
//! By default a rejected call fails with [`BreakerError::Rejected`]. The layer may instead
//! [answer with a response](BreakerLayer::respond_when_open), which keeps the service's error type, or
//! [stay not-ready](BreakerLayer::wait_when_open), so that a load balancer goes elsewhere.
//!
//! # Steering
//!
//! | [`Mode`] | calls | counting | opens |
//! |---|---|---|---|
//! | `Auto` | as the state says | yes | yes |
//! | `ForcedOpen` | rejected | rejections | is open |
//! | `ForcedClosed` | admitted | yes | no |
//! | `MetricsOnly` | admitted | yes | no, but tells that it would: once, until it is reset or its rules are exchanged |
//! | `Disabled` | admitted | totals only | no |
//!
//! A mode stays until it is changed; changing it forgets what was counted. [`Circuit::reset`] closes and forgets, within the mode.
//! [`Circuit::reconfigure`] exchanges the config while calls go on.
//!
//! # After a restart
//!
//! [`Circuit::snapshot`] takes its state down as plain data, and [`Circuit::restore`] takes it up, with the open time that is left. With
//! the feature `store`, a `FileStore` does both.
//!
//! # One circuit a key
//!
//! With the feature `keyed`, `BreakerLayer::keyed` keeps a circuit for each host, method or tenant, a bounded number of them.
//!
//! # What it costs
//!
//! While the circuit is closed and nothing fails, a call reads two words of memory and writes none: no lock, no allocation, no
//! clock (unless [`OpenRule::Slow`] asks), no reference count. The circuit's memory is never freed but used again, so that a call
//! can hold it without counting; as much is kept as there were ever circuits at a time. What each rule adds is on the page of
//! [costs](crate::costs).
//!
//! # Errors
//!
//! [`BreakerError`]: rejected, or the service's own.
//!
//! # Clone
//!
//! A [`BreakerLayer`] is one circuit, however many services it makes and however often they are cloned.
//!
//! # Cancel safety
//!
//! A call that is dropped ends its permit; see the table.

mod admission;
mod call;
mod cell;
mod circuit;
mod config;
mod core;
pub mod future;
mod generation;
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

pub use circuit::{Circuit, Snapshot, Stats};
pub use config::{BreakerConfig, Dropped, OpenFor, OpenRule, Opening, Probes, Throttle, ThrottledCalls, Window};
pub use layer::BreakerLayer;
pub use permit::Permit;
pub use rejection::{BreakerError, Fail, OnRejection, Rejection, Respond, Wait};
pub use service::Breaker;
pub use state::{Mode, State};
pub use transition::{Rule, Undecided};
pub use window::WindowStats;

#[cfg(feature = "http")]
pub(crate) use {admission::AdmissionGate, service::start_call};
