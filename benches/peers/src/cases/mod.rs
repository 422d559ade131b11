//! The cases: each compares the bare service, tower-recourse, and the crates with the same feature.

pub mod breaker;
pub mod fallback;
mod floors;
mod http;
mod keyed;
#[cfg(feature = "observers")]
mod observers;
pub mod retry;
pub mod stacked;
pub mod threads;
mod tracing;

use crate::{contender::Case, options::Size};

pub use floors::{ADD, CLOCK, COUNTED, FLOORS};

pub fn all(size: Size) -> Vec<Case> {
    let cases = [
        floors::cases(),
        retry::cases(),
        breaker::cases(),
        fallback::cases(),
        stacked::cases(),
        http::cases(),
        keyed::cases(size),
        tracing::cases(),
        threads::cases(),
        #[cfg(feature = "observers")]
        observers::cases(),
    ];
    cases.into_iter().flatten().collect()
}
