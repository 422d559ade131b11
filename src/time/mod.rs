//! Sources of time. All are monotonic.
//!
//! [`Clock::default`] reads tokio's clock, so `tokio::time::pause` works in tests. [`ManualClock`]
//! only moves when a test advances it, and needs no runtime.

mod clock;
mod manual;
#[cfg(any(feature = "breaker", feature = "retry"))]
mod set_back;
#[cfg(any(feature = "audit", feature = "http", feature = "store"))]
mod wall;

pub use clock::Clock;
#[cfg(feature = "breaker")]
pub(crate) use clock::{micros_since_base, now_since_base};
pub use manual::ManualClock;
#[cfg(any(feature = "breaker", feature = "retry"))]
pub(crate) use set_back::SetBack;
pub use tokio::time::Instant;
#[cfg(any(feature = "audit", feature = "http", feature = "store"))]
pub(crate) use wall::Wall;
