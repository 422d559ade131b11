//! The results of one client and their summary figures.

use std::{ops::Range, time::Duration};

use crate::{clients::Client, script::Script};

/// How a request ended, for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a successful response from the upstream.
    Upstream,
    /// With a response from the fallback.
    Fallback,
    /// With an error.
    Failed,
}

/// One request: when it arrived, how it ended, and how long its caller waited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) arrival: Duration,
    pub(crate) end: End,
    pub(crate) wait: Duration,
}

/// The requests and attempts of one client during the script.
pub(crate) struct Record {
    pub(crate) client: Client,
    pub(crate) script: Script,
    /// In the order of arrival.
    outcomes: Vec<Outcome>,
    /// The times at which attempts reached the upstream, in order.
    attempts: Vec<Duration>,
}

/// When a client recovered after the fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Recovery {
    /// This long after the end of the fault.
    After(Duration),
    /// Not before the end of the script.
    Never,
}

impl Record {
    /// Creates a record of the requests and the attempts.
    pub(crate) fn new(client: Client, script: Script, mut outcomes: Vec<Outcome>, mut attempts: Vec<Duration>) -> Self {
        outcomes.sort_by_key(|outcome| outcome.arrival);
        attempts.sort();
        Self { client, script, outcomes, attempts }
    }

    /// The requests and the attempts that arrived during a time span.
    pub(crate) fn during(&self, span: Range<Duration>) -> Slice<'_> {
        Slice {
            outcomes: within(&self.outcomes, |outcome| outcome.arrival, &span),
            attempts: within(&self.attempts, |at| *at, &span).len(),
        }
    }

    /// The requests and attempts of the whole script.
    pub(crate) fn whole(&self) -> Slice<'_> {
        self.during(Duration::ZERO..self.script.length)
    }

    /// The time from the end of the fault until 99 % of the requests satisfy `counts`, both in the
    /// next half second and in the rest of the script.
    ///
    /// The half second alone would favour a client that flaps. The rest of the script alone would
    /// hide a slow start.
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
    outcomes: &'a [Outcome],
    attempts: usize,
}

impl Slice<'_> {
    /// The share of the requests that satisfy `counts`, from 0 to 1; 0 if there are no requests.
    pub(crate) fn share(&self, counts: fn(End) -> bool) -> f64 {
        let counted = self.outcomes.iter().filter(|outcome| counts(outcome.end)).count();
        counted as f64 / self.outcomes.len().max(1) as f64
    }

    /// A quantile of the callers' waits, for responses and errors.
    pub(crate) fn wait(&self, quantile: f64) -> Duration {
        let mut waits: Vec<_> = self.outcomes.iter().map(|outcome| outcome.wait).collect();
        waits.sort();
        let rank = (quantile * waits.len() as f64).ceil() as usize;
        waits.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The number of attempts that reached the upstream, per request of a caller.
    pub(crate) fn load(&self) -> f64 {
        self.attempts as f64 / self.outcomes.len().max(1) as f64
    }
}

/// Whether the upstream or the fallback answered.
pub(crate) fn answered(end: End) -> bool {
    end != End::Failed
}

/// Whether the upstream answered.
pub(crate) fn by_upstream(end: End) -> bool {
    end == End::Upstream
}

/// Whether the fallback answered.
pub(crate) fn by_fallback(end: End) -> bool {
    end == End::Fallback
}

fn within<'a, T>(sorted: &'a [T], time: impl Fn(&T) -> Duration, span: &Range<Duration>) -> &'a [T] {
    let from = sorted.partition_point(|item| time(item) < span.start);
    let to = sorted.partition_point(|item| time(item) < span.end);
    &sorted[from..to.max(from)]
}
