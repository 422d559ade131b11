//! Sources of time. All are monotonic.
//!
//! [`Clock::default`] reads tokio's clock, so `tokio::time::pause` works in tests: it stops
//! circuits, budgets, delays and time limits together. [`ManualClock`] only moves when a test
//! advances it, and needs no runtime. It moves the circuits and budgets that it was set for, and no
//! delays.

mod clock;
mod manual;
#[cfg(any(feature = "breaker", feature = "retry"))]
mod set_back;
mod shown_time;
#[cfg(feature = "retry")]
mod thread_sleep;
#[cfg(any(feature = "audit", feature = "http", feature = "store"))]
mod wall;

pub use clock::Clock;
#[cfg(feature = "breaker")]
pub(crate) use clock::{micros_since_base, now_since_base};
pub use manual::ManualClock;
#[cfg(any(feature = "breaker", feature = "retry"))]
pub(crate) use set_back::SetBack;
pub(crate) use shown_time::ShownTime;
#[cfg(all(feature = "retry", feature = "testing"))]
pub(crate) use thread_sleep::replace_thread_sleep;
#[cfg(feature = "retry")]
pub(crate) use thread_sleep::thread_sleep;
pub use tokio::time::Instant;
#[cfg(any(feature = "audit", feature = "http", feature = "store"))]
pub(crate) use wall::Wall;
