//! All windows of one circuit.

use super::{
    counters::Counters,
    counts::Counts,
    fast_record::FastRecord,
    layout::{WindowKind, WindowLayout},
    time_fast_path::TimeFastPath,
    time_ring::TimeRing,
};

/// The windows of one circuit: only those that its rules need.
#[derive(Debug)]
pub(crate) struct WindowState {
    failures: Option<Counters>,
    // Boxed, because few circuits have them and there may be a million circuits.
    slow: Option<Box<Counters>>,
    extras: Option<Box<TimeExtras>>,
}

/// Data that only some windows need. A circuit has at most one of the two: a throttle records every
/// call, so a circuit with a throttle has no fast path.
#[derive(Debug)]
enum TimeExtras {
    /// The requests, and how many of them the service accepted: for the throttle.
    Requests(TimeRing),
    /// Only if the failures over time are the only window.
    FastPath(TimeFastPath),
}

impl WindowState {
    pub(crate) fn new(layout: WindowLayout) -> Self {
        let extras = match layout {
            WindowLayout { requests: WindowKind::Time { slot, slots }, .. } => {
                Some(TimeExtras::Requests(TimeRing::new(slot, slots)))
            }
            layout if layout.is_only_time_window() => Some(TimeExtras::FastPath(TimeFastPath::new())),
            _ => None,
        };
        let slow = Counters::new(layout.slow).map(Box::new);
        Self { failures: Counters::new(layout.failures), slow, extras: extras.map(Box::new) }
    }

    /// The layout from which the windows were made.
    pub(crate) fn layout(&self) -> WindowLayout {
        let kind = |sums: Option<&Counters>| sums.map_or(WindowKind::None, Counters::kind);
        WindowLayout {
            failures: kind(self.failures.as_ref()),
            slow: kind(self.slow.as_deref()),
            requests: self.throttle_ring().map_or(WindowKind::None, TimeRing::kind),
        }
    }

    /// Records one call of `generation`, and returns the contents of the windows with it. `failed`
    /// or `slow` is `None` if the call doesn't count in that window. Returns `None` if a later
    /// generation has begun: the call is stale.
    pub(crate) fn record(
        &self,
        generation: u32,
        failed: Option<bool>,
        slow: Option<bool>,
        now: impl Fn() -> u64,
    ) -> Option<Counts> {
        let record = |sums: Option<&Counters>, mark| match (sums, mark) {
            (Some(sums), Some(mark)) => sums.record(generation, mark, &now),
            (Some(sums), None) => Some(sums.read(generation, &now)),
            (None, _) => Some((0, 0)),
        };
        let (calls, failures) = match self.fast_path() {
            Some((fast_path, ring)) if failed.is_some() => {
                // The clock is read once for both uses; with two reads, `current_slot` could be the
                // slot before the one of the call.
                let (now, failed) = (now(), failed == Some(true));
                fast_path.set_current_slot(ring.slot_number(now));
                if failed {
                    fast_path.mark(ring.slot_id(generation, now));
                }
                ring.record(generation, now, 1, failed.into())?
            }
            _ => record(self.failures.as_ref(), failed)?,
        };
        let (timed, slow) = record(self.slow.as_deref(), slow)?;
        Some(Counts { calls, failures, timed, slow, in_a_row: 0 })
    }

    /// Returns the contents of the windows for `generation`.
    pub(crate) fn counts(&self, generation: u32, now: impl Fn() -> u64) -> Counts {
        let read = |sums: Option<&Counters>| sums.map_or((0, 0), |sums| sums.read(generation, &now));
        let (calls, failures) = read(self.failures.as_ref());
        let (timed, slow) = read(self.slow.as_deref());
        Counts { calls, failures, timed, slow, in_a_row: 0 }
    }

    /// Prepares the windows for a new tenant. `generation`: its first one. `epoch`: the start of
    /// its time, in microseconds since the base of the process.
    pub(crate) fn start_tenant(&self, generation: u32, epoch: i64) {
        self.failures.iter().chain(self.slow.as_deref()).for_each(|sums| sums.start_tenant(generation));
        self.throttle_ring().iter().for_each(|requests| requests.start_tenant(generation));
        if let Some((fast_path, _)) = self.fast_path() {
            fast_path.start_tenant(generation, epoch);
        }
    }

    /// Returns whether a success of `generation` that isn't slow would change nothing.
    pub(crate) fn ignores_success(&self, generation: u32) -> bool {
        let quiet = |sums: Option<&Counters>| sums.is_none_or(|sums| sums.ignores_success(generation));
        quiet(self.failures.as_ref()) && quiet(self.slow.as_deref())
    }

    /// Returns the same as `ignores_success` for a count window of failures. Small enough to be
    /// inlined.
    #[inline]
    pub(crate) fn ignores_success_inline(&self, generation: u32) -> bool {
        matches!(&self.failures, Some(Counters::Calls(marks)) if marks.ignores_success(generation))
    }

    /// Records a success of `generation` without evaluating a rule, if the window holds fewer than
    /// `threshold` failures. `now` is [`TimeFastPath::now`], except in models.
    pub(crate) fn record_success_below(
        &self,
        generation: u32,
        threshold: u32,
        now: impl FnOnce(&TimeFastPath) -> u64,
    ) -> FastRecord {
        match (&self.failures, self.fast_path()) {
            (Some(Counters::Calls(ring)), _) => ring.record_success_below(generation, threshold),
            (_, Some((fast_path, ring))) => fast_path.record_success_below(ring, generation, threshold, now),
            _ => FastRecord::NotRecorded,
        }
    }

    /// Notes in the fast path that the slow path records a call at `now`, as `record` does.
    #[cfg(all(test, recourse_loom))]
    pub(crate) fn set_current_slot(&self, now: u64) {
        if let Some((fast_path, ring)) = self.fast_path() {
            fast_path.set_current_slot(ring.slot_number(now));
        }
    }

    /// Sets the start of the circuit's time, in microseconds since the base of the process.
    pub(crate) fn set_epoch(&self, epoch: i64) {
        if let Some((fast_path, _)) = self.fast_path() {
            fast_path.set_epoch(epoch);
        }
    }

    fn fast_path(&self) -> Option<(&TimeFastPath, &TimeRing)> {
        match (self.extras.as_deref(), &self.failures) {
            (Some(TimeExtras::FastPath(fast_path)), Some(Counters::Time(ring))) => Some((fast_path, ring)),
            _ => None,
        }
    }

    fn throttle_ring(&self) -> Option<&TimeRing> {
        match self.extras.as_deref() {
            Some(TimeExtras::Requests(requests)) => Some(requests),
            _ => None,
        }
    }

    /// Returns the requests and the accepted requests of `generation`.
    pub(crate) fn request_counts(&self, generation: u32, now: u64) -> (u32, u32) {
        self.throttle_ring().map_or((0, 0), |requests| requests.read(generation, now))
    }

    /// Records a request, and whether the service accepted it.
    pub(crate) fn record_request(&self, generation: u32, now: u64, accepted: bool) {
        if let Some(requests) = self.throttle_ring() {
            requests.record(generation, now, 1, accepted.into());
        }
    }
}
