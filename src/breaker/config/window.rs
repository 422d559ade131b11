use std::time::Duration;

use crate::{
    InvalidConfig,
    breaker::window::{MAX_CALLS, WindowKind},
};

/// The calls among which a rule counts failed or slow ones: the last N calls, or the calls of the
/// last T of time. The window slides with every call. A rule is evaluated only once the window
/// holds its [minimum](Self::minimum) of calls.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::breaker::Window;
///
/// let calls = Window::count(100)?.minimum(20)?;
/// let time = Window::time(Duration::from_secs(60))?.slices(30)?.minimum(20)?;
/// assert_eq!(
///     Window::count(0).unwrap_err().to_string(),
///     "`window` is 0, but must be within 1..=4096 calls",
/// );
/// # let _ = (calls, time);
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub(super) kind: WindowKind,
    pub(super) minimum: u32,
}

impl Window {
    const MIN_SLOT: u64 = 1_000;
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// The last `calls` calls. The minimum is `calls` unless [`minimum`](Self::minimum) is set.
    ///
    /// # Errors
    ///
    /// If `calls` isn't within 1..=4096.
    pub fn count(calls: u32) -> Result<Self, InvalidConfig> {
        match u16::try_from(calls) {
            Ok(kind @ 1..=MAX_CALLS) => Ok(Self { kind: WindowKind::Calls(kind), minimum: calls }),
            _ => Err(InvalidConfig::new("window", calls, "within 1..=4096 calls")),
        }
    }

    /// The calls that ended within the last `time`. The time is divided into ten slots unless
    /// [`slices`](Self::slices) is set. The first slot begins when the circuit is made. Calls leave
    /// the window one slot at a time, so the window covers between 9/10 and 10/10 of `time`. The
    /// minimum is 10 calls unless [`minimum`](Self::minimum) is set.
    ///
    /// Each call reads the clock and writes shared memory, so this costs more than a window of
    /// calls.
    ///
    /// # Errors
    ///
    /// If `time` isn't within 10 ms and 24 hours.
    pub fn time(time: Duration) -> Result<Self, InvalidConfig> {
        if time < Duration::from_millis(10) || time > Self::DAY {
            return Err(InvalidConfig::new("window", time, "within 10 ms and 24 h"));
        }
        let slot = (time.as_micros() / 10) as u64;
        Ok(Self { kind: WindowKind::Time { slot, slots: 10 }, minimum: 10 })
    }

    /// Sets the number of slots into which a time window is divided. A window of calls has no
    /// slots, and this doesn't change it.
    ///
    /// # Errors
    ///
    /// If `slices` isn't within 1..=60, or if a slot would be shorter than 1 ms.
    pub fn slices(self, slices: u32) -> Result<Self, InvalidConfig> {
        const ALLOWED: &str = "within 1..=60, and each at least 1 ms";
        let WindowKind::Time { slot, slots: before } = self.kind else { return Ok(self) };
        let Ok(count @ 1..=60) = u8::try_from(slices) else {
            return Err(InvalidConfig::new("slices", slices, ALLOWED));
        };
        let slot = slot * u64::from(before) / u64::from(count);
        if slot < Self::MIN_SLOT {
            return Err(InvalidConfig::new("slices", slices, ALLOWED));
        }
        Ok(Self { kind: WindowKind::Time { slot, slots: count }, ..self })
    }

    /// Sets how many calls the window must hold before a rule is evaluated. Without a minimum, one
    /// failure among two calls would already be a share of one half.
    ///
    /// # Errors
    ///
    /// If `calls` is 0, or more than a window of calls holds.
    pub fn minimum(self, calls: u32) -> Result<Self, InvalidConfig> {
        let most = if let WindowKind::Calls(kind) = self.kind { kind.into() } else { u32::MAX };
        if (1..=most).contains(&calls) {
            Ok(Self { minimum: calls, ..self })
        } else {
            Err(InvalidConfig::new("minimum", calls, "at least 1, and at most the calls of the window"))
        }
    }
}
