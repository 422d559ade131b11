use super::{count_ring::Marks, layout::Span, time_ring::Slices};

#[derive(Debug)]
pub(super) enum Sums {
    Calls(Marks),
    Time(Slices),
}

impl Sums {
    pub(super) fn new(span: Span) -> Option<Self> {
        match span {
            Span::None => None,
            Span::Calls(calls) => Some(Self::Calls(Marks::new(calls))),
            Span::Time { slice, slices } => Some(Self::Time(Slices::new(slice, slices))),
        }
    }

    pub(super) fn span(&self) -> Span {
        match self {
            Self::Calls(marks) => marks.span(),
            Self::Time(slices) => slices.span(),
        }
    }

    pub(super) fn begin(&self, generation: u32) {
        match self {
            Self::Calls(marks) => marks.begin(generation),
            Self::Time(slices) => slices.begin(generation),
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

    /// In a window of time, every call counts.
    pub(super) fn is_quiet(&self, generation: u32) -> bool {
        match self {
            Self::Calls(marks) => marks.is_quiet(generation),
            Self::Time(_) => false,
        }
    }
}
