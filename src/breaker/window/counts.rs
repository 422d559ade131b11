//! The contents of a window.

/// The contents of the windows of a circuit, or the results of its probes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The calls among which failures are counted.
    pub(crate) calls: u32,
    pub(crate) failures: u32,
    /// The calls among which slow calls are counted. Their window may differ from that of the
    /// failures.
    pub(crate) timed: u32,
    pub(crate) slow: u32,
    /// Failures in a row. Windows don't count them; the end of a call sets this number, for the
    /// event of an opening.
    pub(crate) in_a_row: u32,
}

/// The contents of a window, as plain data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "store", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WindowStats {
    /// The calls among which failures are counted. 0 if no rule needs them; probes are always
    /// counted.
    pub calls: u32,
    /// The failures among them.
    pub failures: u32,
    /// The calls among which slow calls are counted. 0 if no rule needs them; probes are always
    /// counted.
    pub timed: u32,
    /// The slow calls among them.
    pub slow: u32,
}

impl WindowStats {
    /// The share of failures, from 0 to 1, or `None` before the first call.
    pub fn failure_rate(&self) -> Option<f64> {
        share(self.failures, self.calls)
    }

    /// The share of slow calls, from 0 to 1, or `None` before the first call.
    pub fn slow_rate(&self) -> Option<f64> {
        share(self.slow, self.timed)
    }
}

impl From<Counts> for WindowStats {
    fn from(counts: Counts) -> Self {
        Self { calls: counts.calls, failures: counts.failures, timed: counts.timed, slow: counts.slow }
    }
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}
