use std::time::Duration;

/// What earlier retries of a request leave for the next one. It lies in the future of every request, so it is kept small.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    /// The delay before, zero for none: one that is used again is never zero.
    secs: u32,
    nanos: u32,
    /// The attempt after which the back-off began anew; 0 at first.
    since: u32,
    /// It was refused, and sent again for nothing.
    pub(super) resent: bool,
}

impl Waits {
    /// The delay before the latest retry, unless the back-off began anew after that.
    pub(super) fn previous(&self) -> Option<Duration> {
        Some(Duration::new(self.secs.into(), self.nanos)).filter(|delay| !delay.is_zero())
    }

    /// Which retry it is that would follow attempt `number`, counted from where the back-off began: 1 is the first.
    pub(super) fn retry_after(&self, number: u32) -> u32 {
        number.saturating_sub(self.since).max(1)
    }

    pub(super) fn waited(&mut self, delay: Duration) {
        self.secs = u32::try_from(delay.as_secs()).unwrap_or(u32::MAX);
        self.nanos = delay.subsec_nanos();
    }

    /// The back-off begins anew after attempt `number`.
    pub(super) fn begin_after(&mut self, number: u32) {
        (self.secs, self.nanos, self.since) = (0, 0, number);
    }
}
