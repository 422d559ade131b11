use super::core_windows::InUse;
use crate::breaker::config::{Dropped, Settings};

/// What a call must know before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(pub(super) u64);

impl Flags {
    const COUNTED: u64 = 1;

    const TIMED: u64 = 2;

    const THROTTLED: u64 = 4;

    /// Its clock is tokio's.
    const BY_TOKIO: u64 = 16;

    /// Its window is one of calls, for the failures and nothing else, and the one that the core was made with.
    const CALLS_ALONE: u64 = 32;

    const FIRST: u64 = 1 << 8;

    const REPLACEMENT: u64 = 2 << 8;

    const OPENS_SHIFT: u32 = 32;

    pub(super) fn of(settings: &Settings, in_use: InUse) -> Self {
        let timed = settings.slow_after.is_some() || matches!(settings.dropped, Dropped::FailureAfter(_));
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        let bits = bit(settings.count_calls, Self::COUNTED)
            | bit(timed, Self::TIMED)
            | bit(settings.throttle.is_some(), Self::THROTTLED)
            | bit(settings.clock.is_tokio(), Self::BY_TOKIO)
            | bit(in_use == InUse::First && settings.shape.is_calls_alone(), Self::CALLS_ALONE)
            | u64::from(settings.opens_from()) << Self::OPENS_SHIFT;
        let window = match in_use {
            InUse::None => 0,
            InUse::First => Self::FIRST,
            InUse::Replacement => Self::REPLACEMENT,
        };
        Self(bits | window)
    }

    /// Nothing to do before a call, and nothing after a good one, but for the windows.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (Self::COUNTED | Self::TIMED | Self::THROTTLED) == 0
    }

    /// With how many failures in the window a good call may open the circuit; 0 if the window alone can't tell.
    #[inline]
    pub(crate) fn opens_from(self) -> u32 {
        (self.0 >> Self::OPENS_SHIFT) as u32
    }

    pub(super) fn is_by_tokio(self) -> bool {
        self.0 & Self::BY_TOKIO != 0
    }

    pub(crate) fn is_timed(self) -> bool {
        self.0 & Self::TIMED != 0
    }

    #[inline]
    pub(crate) fn has_calls_alone(self) -> bool {
        self.0 & Self::CALLS_ALONE != 0
    }

    #[inline]
    pub(crate) fn has_window(self) -> bool {
        self.0 & (Self::FIRST | Self::REPLACEMENT) != 0
    }

    #[inline]
    pub(super) fn in_use(self) -> InUse {
        match self.0 & (Self::FIRST | Self::REPLACEMENT) {
            0 => InUse::None,
            Self::FIRST => InUse::First,
            _ => InUse::Replacement,
        }
    }
}
