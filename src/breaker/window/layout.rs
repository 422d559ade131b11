/// What a window is made of: a circuit can use the window of another one of the same shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    pub(crate) failures: Span,
    pub(crate) slow: Span,
    pub(crate) requests: Span,
}

/// Over what something is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Span {
    /// No rule asks.
    #[default]
    None,
    /// The last so many calls.
    Calls(u16),
    /// So many slices of so many microseconds.
    Time { slice: u64, slices: u8 },
}

impl Shape {
    /// A window of calls for the failures, and no other.
    pub(crate) fn is_calls_alone(self) -> bool {
        matches!(self, Self { failures: Span::Calls(_), slow: Span::None, requests: Span::None })
    }

    /// A window of time for the failures, and no other.
    pub(crate) fn is_time_alone(self) -> bool {
        matches!(self, Self { failures: Span::Time { .. }, slow: Span::None, requests: Span::None })
    }
}
