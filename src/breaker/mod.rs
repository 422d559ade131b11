//! Stop calling what is down: [`BreakerLayer`].
pub(crate) mod cell;
mod circuit;
mod config;
mod error;
pub mod future;
mod layer;
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
