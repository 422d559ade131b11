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
//! # When not to use it
//!
//! - Where failures are about the request and not the service: what one caller does wrong must not stop the others. Judge such
//!   failures [neutral](crate::Verdict::Neutral).
//! - Around many hosts at once: one that is down opens the circuit for all. One circuit a host.
//! - Where every call must be tried whatever the odds. Then a time-out is the better tool.
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
//! Every transition begins a new generation, and a [`Permit`] belongs to the generation that gave it: a call that began
//! before the circuit opened can neither close nor reopen it when it comes back late. Which probes are sent is limited twice: by
//! how many may be on their way at a time, and by how many results are needed at all. A probe that never comes back loses its slot
//! when its lease is over.
//!
//! | ending of a call | closed | half-open |
//! |---|---|---|
//! | success | ends the row of failures; counts in windows | counts towards closing |
//! | failure, of any kind | counts | reopens, or counts towards the share |
//! | neutral, or dropped by its caller | nothing | gives the slot back |
//! | cut off by a retry's time-out, or panicked | a failure | a failure |
//!
//! [`OpenRule`] says which rule is good for what, [`BreakerConfig`] lists the defaults and why they are what they are.
//!
//! # What it costs
//!
//! While the circuit is closed and nothing fails, a call reads two words of memory and writes none: no lock, no allocation, no
//! clock (unless [`OpenRule::Slow`] asks), no reference count. The circuit's memory is never freed but used again, so that a call
//! can hold it without counting; as much is kept as there were ever circuits at a time.
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

pub(crate) mod cell;
mod circuit;
mod config;
mod error;
pub mod future;
mod layer;
#[cfg(all(test, recourse_loom))]
mod loom;
mod open_for;
mod open_rule;
mod permit;
mod probes;
mod rule;
mod service;
mod slab;
mod state;
mod stats;
mod window;

pub use circuit::Circuit;
pub use config::BreakerConfig;
pub use error::{BreakerError, Rejection};
pub use layer::BreakerLayer;
pub use open_for::OpenFor;
pub use open_rule::{OpenRule, Window};
pub use permit::Permit;
pub use probes::Probes;
pub use service::Breaker;
pub use state::State;
pub use stats::{Stats, WindowStats};
