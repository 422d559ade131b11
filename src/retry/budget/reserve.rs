use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

/// A number of retries per second, by the generic cell rate algorithm (GCRA). One word stores the
/// time until which the reserve is used up. Times are nanoseconds since the bucket was made, and at
/// most half of the range.
///
/// Relaxed, as in [`Level`](super::level::Level): the word orders no other memory.
#[derive(Debug)]
pub(super) struct Reserve {
    used_until: AtomicU64,
    /// How many nanoseconds one retry uses up; `None` without a reserve.
    each: Option<u64>,
    /// How far ahead of the current time the reserve may be used up, in nanoseconds.
    burst: u64,
}

impl Reserve {
    const SECOND: u64 = Duration::from_secs(1).as_nanos() as u64;

    /// Makes a reserve that holds the retries of the time `over`, which is at most a minute.
    pub(super) fn new(per_second: u32, over: Duration) -> Self {
        // The resolution is one nanosecond, so rates above a billion per second count as a billion.
        let per_second = u64::from(per_second).min(Self::SECOND);
        let each = (per_second > 0).then(|| Self::SECOND.div_ceil(per_second));
        let held = (u128::from(per_second) * over.as_nanos() / u128::from(Self::SECOND)) as u64;
        Self { used_until: AtomicU64::new(0), each, burst: held * each.unwrap_or(0) }
    }

    pub(super) fn is_none(&self) -> bool {
        self.each.is_none()
    }

    pub(super) fn take(&self, now: u64) -> bool {
        let Some(each) = self.each else { return false };
        let later = |used_until: u64| {
            let next = used_until.max(now) + each;
            (next <= now + self.burst).then_some(next)
        };
        self.used_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).is_ok()
    }

    pub(super) fn give_back(&self) {
        let each = self.each.unwrap_or(0);
        let earlier = |used_until: u64| Some(used_until.saturating_sub(each));
        // The closure always returns `Some`, so this can't fail.
        let _ = self.used_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earlier);
    }

    /// The number of retries in a full reserve.
    pub(super) fn most(&self) -> u64 {
        self.each.map_or(0, |each| self.burst / each)
    }

    pub(super) fn left(&self, now: u64) -> u64 {
        let Some(each) = self.each else { return 0 };
        let used = self.used_until.load(Ordering::Relaxed).saturating_sub(now);
        self.burst.saturating_sub(used) / each
    }
}
