//! An exporter for Prometheus that isn't installed, and the scrapes that it answers.

use std::{collections::BTreeMap, sync::Arc};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use tower_recourse::{
    Registry,
    metrics::{DELAY_BUCKETS, DURATION_BUCKETS, MetricsObserver},
};

pub(crate) type Labels = BTreeMap<String, String>;

pub(crate) struct Exporter {
    pub(crate) registry: Registry,
    pub(crate) recorder: Arc<PrometheusRecorder>,
}

impl Exporter {
    /// An exporter with a registry whose events it counts.
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets(DURATION_BUCKETS)
            .unwrap()
            .set_buckets_for_metric(Matcher::Full("recourse_retry_delay_seconds".to_owned()), DELAY_BUCKETS)
            .unwrap()
            .build_recorder();
        let (registry, recorder) = (Registry::new(), Arc::new(recorder));
        registry.observe(MetricsObserver::with_recorder(Arc::clone(&recorder) as _));
        Self { registry, recorder }
    }

    /// Publishes the registry, and returns what a scrape answers.
    pub(crate) fn scrape(&self) -> Scrape {
        self.registry.publish_to(&*self.recorder);
        self.scrape_only()
    }

    /// Returns what a scrape answers.
    pub(crate) fn scrape_only(&self) -> Scrape {
        Scrape::parse(self.recorder.handle().render())
    }
}

/// The series of a scrape.
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) series: Vec<(String, Labels, f64)>,
}

impl Scrape {
    fn parse(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let series = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            (name.to_owned(), parse_labels(labels.strip_suffix('}').unwrap()), value.parse().unwrap())
        });
        Self { series: series.collect(), text }
    }

    /// The value of the series with exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut found = self.series.iter().filter(|(other, of, _)| other == name && *of == labels);
        let value = found.next().map(|&(_, _, value)| value);
        assert!(found.next().is_none(), "{name} {labels:?} is there twice");
        value
    }

    /// The sum over the series of a name that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &Labels| labels.iter().all(|&(name, value)| of.get(name).is_some_and(|other| other == value));
        self.series.iter().filter(|(other, of, _)| other == name && has(of)).map(|&(_, _, value)| value).sum()
    }

    /// The states of a circuit that are 1.
    pub(crate) fn states(&self, labels: &[(&str, &str)]) -> Vec<&'static str> {
        let is_set = |state: &&'static str| {
            let labels = [labels, &[("state", *state)]].concat();
            self.value("recourse_circuit_state", &labels).unwrap_or_else(|| panic!("{labels:?}\n{}", self.text)) == 1.0
        };
        ["closed", "open", "half_open"].into_iter().filter(is_set).collect()
    }
}

fn parse_labels(mut text: &str) -> Labels {
    let mut labels = Labels::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let (mut value, mut chars) = (String::new(), rest.char_indices());
        let end = loop {
            match chars.next().expect("a value ends with a quote") {
                (at, '"') => break at,
                (_, '\\') => match chars.next().unwrap().1 {
                    'n' => value.push('\n'),
                    escaped => value.push(escaped),
                },
                (_, plain) => value.push(plain),
            }
        };
        assert!(labels.insert(name.trim_start_matches(',').to_owned(), value).is_none(), "{name} is there twice");
        text = &rest[end + 1..];
    }
    labels
}
