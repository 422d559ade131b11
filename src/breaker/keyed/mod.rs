//! A breaker with one circuit per key: per host, method or tenant.
//! [`BreakerLayer::keyed`](super::BreakerLayer::keyed) makes its layer.
//!
//! ```
//! use std::io;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, State, breaker::TripRule};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! struct Request { host: &'static str }
//!
//! // Without a minimum duration, which the default has, so that five calls at once open a circuit.
//! let config = BreakerConfig::default().open_when(TripRule::consecutive(5)?);
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
//! - If each key is called only a few times a day: each circuit counts too few calls to open in
//!   time.
//! - If the keys share a backend and fail together: one circuit for all of them opens sooner.
//!
//! # How many keys
//!
//! The number of keys is limited by the [capacity](CircuitRegistry::with_capacity), 10,000 by
//! default, so clients may choose the keys. The capacity holds for all keys together, so up to this
//! number of circuits can be open at a time. When it is reached, the keys that were used only once
//! are evicted first, then idle ones. When an evicted key is used again, it gets a new, closed
//! circuit.
//!
//! These circuits are not evicted, so a client can't reset a circuit by sending many new keys:
//!
//! - an open circuit, until its open time is over;
//! - a half-open circuit with probes in flight, until their [lease](super::Probes::lease) is over;
//! - a circuit that [admits only your own probes](super::Probes::external_only) and whose open time
//!   is over, for one more lease.
//!
//! A half-open circuit without probes in flight is evicted like a closed one. Reading a state
//! doesn't count as use. If no circuit can be evicted, a new key gets a circuit that isn't stored.
//!
//! A call reads one bucket of keys and takes no lock. It writes the reference count of its circuit,
//! and, for the first three visits of a key, the visits. The `Hash`, `Eq`, `Clone` and `Drop`
//! implementations of your key type may themselves use the circuits. The cost of a call doesn't
//! grow with the number of keys, except for cache misses. When the capacity is reached, the
//! insertion of a new key examines up to 4,096 other keys to find one to evict.

mod circuits;
mod layer;
mod register;
mod service;
mod table;

pub use circuits::CircuitRegistry;
pub use layer::KeyedBreakerLayer;
pub use service::KeyedBreaker;
