/// What a window is made of: a circuit can use the window of another one of the same layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WindowLayout {
    pub(crate) failures: WindowKind,
    pub(crate) slow: WindowKind,
    pub(crate) requests: WindowKind,
}

/// Over what something is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WindowKind {
    /// No rule asks.
    #[default]
    None,
    /// The last so many calls.
    Calls(u16),
    /// So many slices of so many microseconds.
    Time { slice: u64, slices: u8 },
}

impl WindowLayout {
    /// A window of calls for the failures, and no other.
    pub(crate) fn is_only_count_window(self) -> bool {
        matches!(self, Self { failures: WindowKind::Calls(_), slow: WindowKind::None, requests: WindowKind::None })
    }

    /// A window of time for the failures, and no other.
    pub(crate) fn is_only_time_window(self) -> bool {
        matches!(self, Self { failures: WindowKind::Time { .. }, slow: WindowKind::None, requests: WindowKind::None })
    }
}
