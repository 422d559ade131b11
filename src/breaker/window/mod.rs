//! Windows: the outcomes of recent calls, by number of calls or by time.

mod count_ring;
mod counters;
mod counts;
mod fast_record;
mod layout;
mod time_fast_path;
mod time_ring;
mod time_slot;
mod window_state;

pub use counts::WindowStats;

#[cfg(all(test, recourse_loom))]
pub(crate) use count_ring::CountRing;
#[cfg(all(test, recourse_loom))]
pub(crate) use time_ring::TimeRing;
pub(crate) use {
    count_ring::MAX_CALLS,
    counts::Counts,
    fast_record::FastRecord,
    layout::{WindowKind, WindowLayout},
    time_fast_path::TimeFastPath,
    window_state::WindowState,
};
