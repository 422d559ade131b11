//! What one client lived through, and the figures that sum it up.

use std::{ops::Range, time::Duration};

use crate::{clients::Client, script::Script};

/// How a request ended, for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a good answer from the upstream.
    Upstream,
    /// With a good answer from the fallback.
    Fallback,
    /// With an error.
    Failed,
}

/// One request: when it came, how it ended, and how long its caller waited for that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) arrival: Duration,
    pub(crate) end: End,
    pub(crate) wait: Duration,
}

/// Everything seen while one client lived through the script.
pub(crate) struct Record {
    pub(crate) client: Client,
    pub(crate) script: Script,
    /// In the order of arrival.
    fates: Vec<Fate>,
    /// When each attempt reached the upstream, in order.
    attempts: Vec<Duration>,
}

/// When a client worked again after the fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Recovery {
    /// This long after its end.
    After(Duration),
    /// Not before the script ended.
    Never,
}

impl Record {
    /// From what the callers and the upstream saw.
    pub(crate) fn new(client: Client, script: Script, mut fates: Vec<Fate>, mut attempts: Vec<Duration>) -> Self {
        fates.sort_by_key(|fate| fate.arrival);
        attempts.sort();
        Self { client, script, fates, attempts }
    }

    /// The part that falls into a span of time: requests by their arrival, attempts by theirs.
    pub(crate) fn during(&self, span: Range<Duration>) -> Slice<'_> {
        Slice {
            fates: within(&self.fates, |fate| fate.arrival, &span),
            attempts: within(&self.attempts, |at| *at, &span).len(),
        }
    }

    /// All of it, from the beginning of the script to its end.
    pub(crate) fn whole(&self) -> Slice<'_> {
        self.during(Duration::ZERO..self.script.length)
    }

    /// The time from the end of the fault until 99 % of the requests end as `counts` wants: in the
    /// next half second, and
    /// in all that is left of the script.
    ///
    /// The half second alone would favour a client that flaps. All that is left would hide a slow
    /// start behind a good end.
    pub(crate) fn recovery(&self, counts: fn(End) -> bool) -> Recovery {
        const STEP: Duration = Duration::from_millis(50);
        const WINDOW: Duration = Duration::from_millis(500);

        let cause_gone = self.script.fault_end();
        let mut from = cause_gone;
        while from + WINDOW <= self.script.length {
            let well = |until| self.during(from..until).share(counts) >= 0.99;
            if well(from + WINDOW) && well(self.script.length) {
                return Recovery::After(from - cause_gone);
            }
            from += STEP;
        }
        Recovery::Never
    }
}

/// A part of a record.
pub(crate) struct Slice<'a> {
    fates: &'a [Fate],
    attempts: usize,
}

impl Slice<'_> {
    /// Share of the requests that ended so, 0 to 1; 0 if there was none.
    pub(crate) fn share(&self, counts: fn(End) -> bool) -> f64 {
        let counted = self.fates.iter().filter(|fate| counts(fate.end)).count();
        counted as f64 / self.fates.len().max(1) as f64
    }

    /// The wait that this share of the callers did not exceed, whether they got an answer or an error.
    pub(crate) fn wait(&self, quantile: f64) -> Duration {
        let mut waits: Vec<_> = self.fates.iter().map(|fate| fate.wait).collect();
        waits.sort();
        let rank = (quantile * waits.len() as f64).ceil() as usize;
        waits.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Attempts that reached the upstream for each request that a caller made.
    pub(crate) fn load(&self) -> f64 {
        self.attempts as f64 / self.fates.len().max(1) as f64
    }
}

/// A good answer, wherever it came from.
pub(crate) fn answered(end: End) -> bool {
    end != End::Failed
}

/// A good answer from the upstream.
pub(crate) fn by_upstream(end: End) -> bool {
    end == End::Upstream
}

/// A good answer from the fallback.
pub(crate) fn by_fallback(end: End) -> bool {
    end == End::Fallback
}

fn within<'a, T>(sorted: &'a [T], time: impl Fn(&T) -> Duration, span: &Range<Duration>) -> &'a [T] {
    let from = sorted.partition_point(|item| time(item) < span.start);
    let to = sorted.partition_point(|item| time(item) < span.end);
    &sorted[from..to.max(from)]
}
