//! One ring of counters: by calls, or by time.

use super::{count_ring::CountRing, layout::WindowKind, time_ring::TimeRing};

#[derive(Debug)]
pub(super) enum Counters {
    Calls(CountRing),
    Time(TimeRing),
}

impl Counters {
    pub(super) fn new(kind: WindowKind) -> Option<Self> {
        match kind {
            WindowKind::None => None,
            WindowKind::Calls(calls) => Some(Self::Calls(CountRing::new(calls))),
            WindowKind::Time { slice, slices } => Some(Self::Time(TimeRing::new(slice, slices))),
        }
    }

    pub(super) fn kind(&self) -> WindowKind {
        match self {
            Self::Calls(marks) => marks.kind(),
            Self::Time(slices) => slices.kind(),
        }
    }

    pub(super) fn start_tenant(&self, generation: u32) {
        match self {
            Self::Calls(marks) => marks.start_tenant(generation),
            Self::Time(slices) => slices.start_tenant(generation),
        }
    }

    pub(super) fn record(&self, generation: u32, mark: bool, now: impl Fn() -> u64) -> Option<(u32, u32)> {
        match self {
            Self::Calls(marks) => marks.record(generation, mark),
            Self::Time(slices) => slices.record(generation, now(), 1, mark.into()),
        }
    }

    pub(super) fn read(&self, generation: u32, now: impl Fn() -> u64) -> (u32, u32) {
        match self {
            Self::Calls(marks) => marks.read(generation),
            Self::Time(slices) => slices.read(generation, now()),
        }
    }

    /// Returns whether a success of `generation` would change nothing. In a time window, every call
    /// counts.
    pub(super) fn ignores_success(&self, generation: u32) -> bool {
        match self {
            Self::Calls(marks) => marks.ignores_success(generation),
            Self::Time(_) => false,
        }
    }
}
