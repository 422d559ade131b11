use super::{
    counters::Sums,
    counts::Counts,
    layout::{Shape, Span},
    time_fast_path::ShortCut,
    time_ring::Slices,
};

/// The window of one circuit: what its rules need, and no more.
#[derive(Debug)]
pub(crate) struct Window {
    failures: Option<Sums>,
    // These are boxed, as few circuits have them, and there may be a million circuits.
    slow: Option<Box<Sums>>,
    aside: Option<Box<Aside>>,
}

/// What some windows have beside their sums. Never both: a throttled circuit has something to write for every call.
#[derive(Debug)]
enum Aside {
    /// Requests, and those of them that were accepted: for throttling.
    Requests(Slices),
    /// For a window of time, and no other.
    ShortCut(ShortCut),
}

/// What a window alone has done about a good call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    /// Nothing: it takes more than the window.
    Nothing,
    /// Counted it, and there is nothing that it could change.
    All,
    /// Counted it, but others have failed meanwhile: the circuit is to be asked what they come to together.
    Counted,
}

impl Window {
    pub(crate) fn new(shape: Shape) -> Self {
        let aside = match shape {
            Shape { requests: Span::Time { slice, slices }, .. } => Some(Aside::Requests(Slices::new(slice, slices))),
            shape if shape.is_time_alone() => Some(Aside::ShortCut(ShortCut::new())),
            _ => None,
        };
        let slow = Sums::new(shape.slow).map(Box::new);
        Self { failures: Sums::new(shape.failures), slow, aside: aside.map(Box::new) }
    }

    /// The shape that it was made from.
    pub(crate) fn shape(&self) -> Shape {
        let span = |sums: Option<&Sums>| sums.map_or(Span::None, Sums::span);
        Shape {
            failures: span(self.failures.as_ref()),
            slow: span(self.slow.as_deref()),
            requests: self.throttling().map_or(Span::None, Slices::span),
        }
    }

    /// Counts one call of `generation`, and says what the window holds with it. `failed` and `slow` are `None` for a call that
    /// says nothing of that. `None` if a later generation has begun to count: the call is of no interest any more.
    pub(crate) fn record(
        &self,
        generation: u32,
        failed: Option<bool>,
        slow: Option<bool>,
        now: impl Fn() -> u64,
    ) -> Option<Counts> {
        let record = |sums: Option<&Sums>, mark| match (sums, mark) {
            (Some(sums), Some(mark)) => sums.record(generation, mark, &now),
            (Some(sums), None) => Some(sums.read(generation, &now)),
            (None, _) => Some((0, 0)),
        };
        let (calls, failures) = match self.short_cut() {
            Some((short_cut, slices)) if failed.is_some() => {
                // One time for both, or the mark might be of the slice before.
                let (now, failed) = (now(), failed == Some(true));
                short_cut.arrive(slices.number(now));
                if failed {
                    short_cut.mark(slices.when(generation, now));
                }
                slices.record(generation, now, 1, failed.into())?
            }
            _ => record(self.failures.as_ref(), failed)?,
        };
        let (timed, slow) = record(self.slow.as_deref(), slow)?;
        Some(Counts { calls, failures, timed, slow, in_a_row: 0 })
    }

    /// What it holds of `generation`.
    pub(crate) fn counts(&self, generation: u32, now: impl Fn() -> u64) -> Counts {
        let read = |sums: Option<&Sums>| sums.map_or((0, 0), |sums| sums.read(generation, &now));
        let (calls, failures) = read(self.failures.as_ref());
        let (timed, slow) = read(self.slow.as_deref());
        Counts { calls, failures, timed, slow, in_a_row: 0 }
    }

    /// Begins to count for another circuit, whose time begins at this instant of tokio's clock: what looks later than its first
    /// generation is of long ago.
    pub(crate) fn begin(&self, generation: u32, epoch: i64) {
        self.failures.iter().chain(self.slow.as_deref()).for_each(|sums| sums.begin(generation));
        self.throttling().iter().for_each(|requests| requests.begin(generation));
        if let Some((short_cut, _)) = self.short_cut() {
            short_cut.begin(generation, epoch);
        }
    }

    /// Whether a good, fast call of `generation` would change nothing.
    pub(crate) fn is_quiet(&self, generation: u32) -> bool {
        let quiet = |sums: Option<&Sums>| sums.is_none_or(|sums| sums.is_quiet(generation));
        quiet(self.failures.as_ref()) && quiet(self.slow.as_deref())
    }

    /// Whether a good call of `generation` would change nothing, as can be seen at once of a window of calls for the failures.
    #[inline]
    pub(crate) fn is_quiet_at_once(&self, generation: u32) -> bool {
        matches!(&self.failures, Some(Sums::Calls(marks)) if marks.is_quiet(generation))
    }

    /// Counts a good call of `generation` if fewer have failed than this: then there is nothing that it could change.
    pub(crate) fn succeed_below(&self, generation: u32, failures: u32) -> Alone {
        self.succeed_below_by(ShortCut::now, generation, failures)
    }

    /// The same, by another clock.
    #[inline]
    pub(crate) fn succeed_below_by(&self, now: impl FnOnce(&ShortCut) -> u64, generation: u32, failures: u32) -> Alone {
        match (&self.failures, self.short_cut()) {
            (Some(Sums::Calls(marks)), _) => marks.add_below(generation, failures),
            (_, Some((short_cut, slices))) => succeed_in_time(now, short_cut, slices, generation, failures),
            _ => Alone::Nothing,
        }
    }

    /// As after a call that was recorded the long way in the slice of `now`.
    #[cfg(all(test, recourse_loom))]
    pub(crate) fn arrive(&self, now: u64) {
        if let Some((short_cut, slices)) = self.short_cut() {
            short_cut.arrive(slices.number(now));
        }
    }

    /// The circuit's time begins so many microseconds after the process's base.
    pub(crate) fn begin_at(&self, epoch: i64) {
        if let Some((short_cut, _)) = self.short_cut() {
            short_cut.begin_at(epoch);
        }
    }

    fn short_cut(&self) -> Option<(&ShortCut, &Slices)> {
        match (self.aside.as_deref(), &self.failures) {
            (Some(Aside::ShortCut(short_cut)), Some(Sums::Time(slices))) => Some((short_cut, slices)),
            _ => None,
        }
    }

    fn throttling(&self) -> Option<&Slices> {
        match self.aside.as_deref() {
            Some(Aside::Requests(requests)) => Some(requests),
            _ => None,
        }
    }

    /// (requests, accepted ones) of `generation`.
    pub(crate) fn requests(&self, generation: u32, now: u64) -> (u32, u32) {
        self.throttling().map_or((0, 0), |requests| requests.read(generation, now))
    }

    /// Counts a request, which was accepted by the service or wasn't.
    pub(crate) fn request(&self, generation: u32, now: u64, accepted: bool) {
        if let Some(requests) = self.throttling() {
            requests.record(generation, now, 1, accepted.into());
        }
    }
}

/// Apart, so that windows of calls don't pay for what it takes.
#[inline(never)]
fn succeed_in_time(
    now: impl FnOnce(&ShortCut) -> u64,
    short_cut: &ShortCut,
    slices: &Slices,
    generation: u32,
    failures: u32,
) -> Alone {
    short_cut.add_below(slices, generation, now(short_cut), failures)
}
