//! A value of one series.

use std::time::Duration;

use ::metrics::{Key, Label, Level, Metadata, Recorder};

use super::{Metric, labels::label};

const METADATA: Metadata<'static> = Metadata::new("tower_recourse", Level::INFO, None);

/// A value, and where it is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    metric: &'static Metric,
    labels: Vec<Label>,
    value: Value,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    Added(u64),
    Total(u64),
    Gauge(f64),
    Observed(Duration),
}

impl Sample {
    /// Increments a counter. 0 makes the series appear.
    pub(crate) fn add(metric: &'static Metric, labels: Vec<Label>, count: u64) -> Self {
        Self { metric, labels, value: Value::Added(count) }
    }

    /// Sets a counter, unless it is larger already.
    pub(crate) fn total(metric: &'static Metric, labels: Vec<Label>, total: u64) -> Self {
        Self { metric, labels, value: Value::Total(total) }
    }

    pub(crate) fn gauge(metric: &'static Metric, labels: Vec<Label>, value: f64) -> Self {
        Self { metric, labels, value: Value::Gauge(value) }
    }

    /// Adds a duration to a histogram.
    pub(crate) fn duration(metric: &'static Metric, labels: Vec<Label>, duration: Duration) -> Self {
        Self { metric, labels, value: Value::Observed(duration) }
    }

    pub(crate) fn with_label(mut self, name: &'static str, value: &'static str) -> Self {
        self.labels.push(label(name, value));
        self
    }

    /// Passes the value to a recorder. The recorder finds its series by the name and the labels, so
    /// this works whenever a recorder is installed, and after it has removed an idle series.
    pub(crate) fn write(self, recorder: &dyn Recorder) {
        let key = Key::from_parts(self.metric.name, self.labels);
        match self.value {
            Value::Added(count) => recorder.register_counter(&key, &METADATA).increment(count),
            Value::Total(total) => recorder.register_counter(&key, &METADATA).absolute(total),
            Value::Gauge(value) => recorder.register_gauge(&key, &METADATA).set(value),
            Value::Observed(duration) => recorder.register_histogram(&key, &METADATA).record(duration),
        }
    }
}
