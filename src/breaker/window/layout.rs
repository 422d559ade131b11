//! The kinds and sizes of the windows of a circuit.

/// The kinds and sizes of a circuit's windows. A circuit can reuse the memory of a circuit with the
/// same layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WindowLayout {
    pub(crate) failures: WindowKind,
    pub(crate) slow: WindowKind,
    pub(crate) requests: WindowKind,
}

/// The kind and the size of one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WindowKind {
    /// No rule needs this window.
    #[default]
    None,
    /// The last N calls.
    Calls(u16),
    /// The last `slots` × `slot`. `slot` is in microseconds.
    Time { slot: u64, slots: u8 },
}

impl WindowLayout {
    /// Returns whether the only window counts failures among the last calls.
    pub(crate) fn is_only_count_window(self) -> bool {
        matches!(self, Self { failures: WindowKind::Calls(_), slow: WindowKind::None, requests: WindowKind::None })
    }

    /// Returns whether the only window counts failures over time.
    pub(crate) fn is_only_time_window(self) -> bool {
        matches!(self, Self { failures: WindowKind::Time { .. }, slow: WindowKind::None, requests: WindowKind::None })
    }
}
