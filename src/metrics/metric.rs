//! One metric: its name, its type and its labels.

use std::fmt;

use ::metrics::{Recorder, Unit};

/// A metric that this crate reports. [`METRICS`](super::METRICS) lists all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name. The names of counters end with `_total`, those of durations with `_seconds`.
    pub name: &'static str,
    /// The type.
    pub kind: MetricKind,
    /// The labels besides `name`, `key` and those of the layer.
    pub labels: &'static [&'static str],
    /// What it means, in one sentence.
    pub help: &'static str,
}

/// The type of a [`Metric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A count that never decreases.
    Counter,
    /// A value that may decrease.
    Gauge,
    /// A distribution of values.
    Histogram,
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

impl Metric {
    /// Makes the description of a metric, for a crate that extends this one.
    pub const fn new(
        name: &'static str,
        kind: MetricKind,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, labels, help }
    }

    /// The unit of the values: seconds if the name ends with `_seconds`, otherwise none.
    pub fn unit(&self) -> Option<Unit> {
        self.name.ends_with("_seconds").then_some(Unit::Seconds)
    }

    /// Passes the type, the unit and the help text to a recorder.
    pub fn describe(&self, recorder: &dyn Recorder) {
        let (name, unit, help) = (self.name.into(), self.unit(), self.help.into());
        match self.kind {
            MetricKind::Counter => recorder.describe_counter(name, unit, help),
            MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
            MetricKind::Histogram => recorder.describe_histogram(name, unit, help),
        }
    }
}
