//! The series of one name.

use std::{sync::Arc, time::Duration};

use ::metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, SharedString};
use tower_recourse::{metrics::Metric, observe::ErrorText};

const METADATA: Metadata<'static> = Metadata::new("tower_recourse_defer", Level::INFO, None);

/// A recorder, and the name of the series. The recorder finds a series by its name and labels, so
/// this works with a recorder that is installed late, or that has removed an idle series.
#[derive(Clone, Copy)]
pub(super) struct Series<'a> {
    pub(super) recorder: &'a dyn Recorder,
    pub(super) name: &'a SharedString,
}

impl Series<'_> {
    /// Increments a counter. 0 makes the series appear.
    pub(super) fn add(self, metric: &Metric, labels: &[(&'static str, &str)], count: u64) {
        self.counter(metric, labels).increment(count);
    }

    pub(super) fn set(self, metric: &Metric, labels: &[(&'static str, &str)], value: f64) {
        self.gauge(metric, labels).set(value);
    }

    pub(super) fn record(self, metric: &Metric, time: Duration) {
        self.histogram(metric).record(time);
    }

    fn counter(self, metric: &Metric, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder.register_counter(&self.key(metric, labels), &METADATA)
    }

    fn gauge(self, metric: &Metric, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder.register_gauge(&self.key(metric, labels), &METADATA)
    }

    fn histogram(self, metric: &Metric) -> Histogram {
        self.recorder.register_histogram(&self.key(metric, &[]), &METADATA)
    }

    fn key(self, metric: &Metric, labels: &[(&'static str, &str)]) -> Key {
        let mut all = Vec::with_capacity(1 + labels.len());
        all.push(Label::new("name", self.name.clone()));
        all.extend(labels.iter().map(|&(name, value)| Label::new(name, shared(value))));
        Key::from_parts(metric.name, all)
    }
}

/// A value from outside, escaped and cut at 256 bytes. It is shared, because recorders clone the
/// labels.
pub(super) fn shared(value: &str) -> SharedString {
    Arc::<str>::from(ErrorText::text(value).to_string()).into()
}
