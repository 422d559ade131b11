//! Flags that calls read instead of the settings.

use super::core_windows::ActiveWindow;
use crate::breaker::config::{CancelledCalls, Settings};

/// The settings that a call needs on the fast path, in one word. The lowest 8 bits are flags. The
/// active window begins at bit 8, and the [trip threshold](Self::trip_threshold) at bit 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FastFlags(pub(super) u64);

impl FastFlags {
    const COUNTED: u64 = 1;

    const TIMED: u64 = 2;

    const THROTTLED: u64 = 4;

    /// The circuit's clock is tokio's.
    const TOKIO_CLOCK: u64 = 16;

    /// The circuit's only window counts failures among the last calls, and the core was allocated
    /// with it.
    const ONLY_COUNT_WINDOW: u64 = 32;

    const ORIGINAL: u64 = 1 << 8;

    const REPLACEMENT: u64 = 2 << 8;

    const THRESHOLD_SHIFT: u32 = 32;

    pub(super) fn of(settings: &Settings, active: ActiveWindow) -> Self {
        let timed = settings.time_calls
            || settings.slow_after.is_some()
            || matches!(settings.cancelled, CancelledCalls::FailureAfter(_));
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        let bits = bit(settings.count_all_calls, Self::COUNTED)
            | bit(timed, Self::TIMED)
            | bit(settings.throttle.is_some(), Self::THROTTLED)
            | bit(settings.clock.is_tokio(), Self::TOKIO_CLOCK)
            | bit(active == ActiveWindow::Original && settings.layout.is_only_count_window(), Self::ONLY_COUNT_WINDOW)
            | u64::from(settings.trip_threshold()) << Self::THRESHOLD_SHIFT;
        let window = match active {
            ActiveWindow::None => 0,
            ActiveWindow::Original => Self::ORIGINAL,
            ActiveWindow::Replacement => Self::REPLACEMENT,
        };
        Self(bits | window)
    }

    /// Returns whether a call needs no bookkeeping at its start, and a success is recorded only in
    /// the window.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (Self::COUNTED | Self::TIMED | Self::THROTTLED) == 0
    }

    /// The smallest number of failures in the window at which a success may open the circuit. 0
    /// disables the fast path.
    #[inline]
    pub(crate) fn trip_threshold(self) -> u32 {
        (self.0 >> Self::THRESHOLD_SHIFT) as u32
    }

    pub(super) fn uses_tokio_clock(self) -> bool {
        self.0 & Self::TOKIO_CLOCK != 0
    }

    pub(crate) fn is_timed(self) -> bool {
        self.0 & Self::TIMED != 0
    }

    #[inline]
    pub(crate) fn has_only_count_window(self) -> bool {
        self.0 & Self::ONLY_COUNT_WINDOW != 0
    }

    #[inline]
    pub(crate) fn has_window(self) -> bool {
        self.0 & (Self::ORIGINAL | Self::REPLACEMENT) != 0
    }

    #[inline]
    pub(super) fn active_window(self) -> ActiveWindow {
        match self.0 & (Self::ORIGINAL | Self::REPLACEMENT) {
            0 => ActiveWindow::None,
            Self::ORIGINAL => ActiveWindow::Original,
            _ => ActiveWindow::Replacement,
        }
    }
}
