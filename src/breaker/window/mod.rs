//! What the last calls came to.

mod count_ring;
mod counters;
mod counts;
mod layout;
mod time_fast_path;
mod time_ring;
mod time_slot;
mod window_state;

pub use counts::WindowStats;

#[cfg(all(test, recourse_loom))]
pub(crate) use count_ring::Marks;
#[cfg(all(test, recourse_loom))]
pub(crate) use time_ring::Slices;
pub(crate) use {
    count_ring::MAX_CALLS,
    counts::Counts,
    layout::{Shape, Span},
    window_state::{Alone, Window},
};
