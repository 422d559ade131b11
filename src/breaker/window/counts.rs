/// What a window holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Calls among which the failures are counted.
    pub(crate) calls: u32,
    pub(crate) failures: u32,
    /// Calls among which the slow ones are counted: that window may be another.
    pub(crate) timed: u32,
    pub(crate) slow: u32,
    /// Failures in a row, which no window holds: those that opened a closed circuit, or would have.
    pub(crate) in_a_row: u32,
}

/// What a window holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowStats {
    /// Calls among which failures are counted; 0 if no rule asks for them. Probes are always counted.
    pub calls: u32,
    /// Failures among them.
    pub failures: u32,
    /// Calls among which slow ones are counted; 0 if no rule asks for them. Probes are always counted.
    pub timed: u32,
    /// Slow ones among them.
    pub slow: u32,
}

impl WindowStats {
    /// The share of failures; `None` before the first call.
    pub fn failure_rate(&self) -> Option<f64> {
        share(self.failures, self.calls)
    }

    /// The share of slow calls; `None` before the first call.
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
