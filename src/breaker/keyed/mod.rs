//! One circuit a key: a host, a method, a tenant. Made by [`BreakerLayer::keyed`](super::BreakerLayer::keyed).
//!
//! ```
//! use std::io;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerError, BreakerLayer, State};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! struct Request { host: &'static str }
//!
//! let layer = BreakerLayer::keyed(BreakerConfig::default(), |request: &Request| request.host);
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
//! As many as the [capacity](Circuits::with_capacity) says, 10,000 unless set; keys may come from outside. When it is reached, keys
//! that came only once leave first, then idle ones; their circuits are closed when they come again. Open circuits, and half-open ones, don't leave: nobody can have one
//! forgotten by making up keys. If all of them are open, a new key gets a circuit that isn't remembered.
//!
//! They are held by a sharded map ([`quick_cache`](https://docs.rs/quick_cache)): a call takes the read lock of one shard for as long as
//! it takes to find its circuit; only a new key takes a write lock. The cost of a call doesn't grow with the number of
//! keys, but for the memory that no longer fits into the processor's caches.

mod circuits;
mod service;

pub use circuits::Circuits;
pub use service::{KeyedBreaker, KeyedBreakerLayer};
