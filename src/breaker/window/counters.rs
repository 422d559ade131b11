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
            WindowKind::Time { slot, slots } => Some(Self::Time(TimeRing::new(slot, slots))),
        }
    }

    pub(super) fn kind(&self) -> WindowKind {
        match self {
            Self::Calls(marks) => marks.kind(),
            Self::Time(ring) => ring.kind(),
        }
    }

    pub(super) fn start_tenant(&self, generation: u32) {
        match self {
            Self::Calls(marks) => marks.start_tenant(generation),
            Self::Time(ring) => ring.start_tenant(generation),
        }
    }

    pub(super) fn record(&self, generation: u32, mark: bool, now: impl Fn() -> u64) -> Option<(u32, u32)> {
        match self {
            Self::Calls(marks) => marks.record(generation, mark),
            Self::Time(ring) => ring.record(generation, now(), 1, mark.into()),
        }
    }

    pub(super) fn read(&self, generation: u32, now: impl Fn() -> u64) -> (u32, u32) {
        match self {
            Self::Calls(marks) => marks.read(generation),
            Self::Time(ring) => ring.read(generation, now()),
        }
    }

    /// Returns whether a success of `generation` would change nothing. Always `false` for a time
    /// window, because every call changes it.
    pub(super) fn ignores_success(&self, generation: u32) -> bool {
        match self {
            Self::Calls(marks) => marks.ignores_success(generation),
            Self::Time(_) => false,
        }
    }
}
