//! One circuit a key: a host, a method, a tenant. Made by [`BreakerLayer::keyed`](super::BreakerLayer::keyed).
//!
//! ```
//! use std::io;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, State, breaker::OpenRule};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! struct Request { host: &'static str }
//!
//! // Without a minimum duration, which the default has, so that five calls at once open a circuit.
//! let config = BreakerConfig::default().open_when(OpenRule::consecutive(5)?);
//! let layer = BreakerLayer::keyed(config, |request: &Request| request.host);
//! let circuits = layer.circuits().clone();
//! let mut service = ServiceBuilder::new().layer(layer).service(service_fn(|request: Request| async move {
//!     if request.host == "b" { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) } else { Ok(()) }
//! }));
//!
//! for _ in 0..5 {
//!     service.ready().await?.call(Request { host: "a" }).await?;
//!     assert!(service.ready().await?.call(Request { host: "b" }).await.is_err());
//! }
//! assert_eq!(circuits.get(&"a").state(), State::Closed);
//! assert_eq!(circuits.get(&"b").state(), State::Open);
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["keyed"] }
//! ```
//!
//! # When not to use it
//!
//! - Where each key is called a few times a day: no circuit ever learns anything.
//! - Where the keys share what fails: one circuit for all of them opens sooner.
//!
//! # How many keys
//!
//! As many as the [capacity](Circuits::with_capacity) says, 10,000 unless set; keys may come from outside. The bound holds for all keys
//! together: as many circuits as the capacity can be open at a time. When it is reached, keys that came only once leave first, then
//! idle ones; their circuits are closed when they come again.
//!
//! These circuits are not evicted, so made-up keys can't reset a circuit:
//!
//! - an open one, until its open time is over;
//! - a half-open one with probes on their way, until their [lease](super::Probes::lease) is over;
//! - where [only probes of your own](super::Probes::of_ones_own) are let in, a circuit whose open time is over, for one more lease.
//!
//! A half-open circuit that isn't probed leaves like an idle one. Reading a state changes nothing about that. If no circuit
//! can leave, a new key gets a circuit that isn't remembered.
//!
//! The keys are held in buckets that are replaced as a whole when a key comes or goes: a call reads one bucket, takes no lock, and writes to
//! no memory but the count of references to its circuit. A key's own `Hash`, `Eq`, `Clone` and `Drop` may use the circuits. The cost of a call
//! doesn't grow with the number of keys, but for the memory that no longer fits into the processor's caches. When the table is full, a new key
//! looks at 4,096 others at most to find room.

mod circuits;
mod layer;
mod service;
mod table;

pub use circuits::Circuits;
pub use layer::KeyedBreakerLayer;
pub use service::KeyedBreaker;
