//! Recorders that are installed late, and publishing in the background.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, NoopRecorder, Recorder, SharedString, Unit};
use tower_recourse::{
    Circuit, Registry, RetryConfig, RetryLayer,
    breaker::keyed::CircuitRegistry,
    metrics::{METRICS, MetricsObserver},
    retry::Backoff,
};

use crate::{circuits::config, exporter::Exporter};

fn retried_once(layer: &RetryLayer<RetryConfig>) {
    let fails =
        |attempt: u32| if attempt == 1 { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) } else { Ok(()) };
    layer.run_blocking(|attempt| fails(attempt.number())).unwrap();
}

#[test]
fn a_recorder_that_is_installed_late_is_found() {
    let exporter = Exporter::new();
    let observer = MetricsObserver::new();
    let retry = RetryConfig::default().name("a").backoff(Backoff::none()).without_observers().observe(observer);
    let layer = RetryLayer::new(retry);
    let registry = Registry::new();
    let circuit = Circuit::new(config("a", &registry));
    // Without a recorder, these go nowhere.
    retried_once(&layer);
    circuit.try_acquire().unwrap().failure();
    registry.publish();

    metrics::with_local_recorder(&*exporter.recorder, || {
        retried_once(&layer);
        registry.publish();
    });
    let scrape = exporter.scrape_only();
    assert_eq!(scrape.sum("recourse_retries_total", &[("name", "a")]), 1.0);
    // What the registry counts isn't lost.
    assert_eq!(scrape.value("recourse_circuit_calls_total", &[("name", "a"), ("outcome", "failure")]), Some(1.0));
    assert!(scrape.text.contains("# HELP recourse_retries_total Retries, by the number"), "{}", scrape.text);
}

#[tokio::test(start_paused = true)]
async fn publishing_in_the_background_ends_with_the_registry() {
    let exporter = Exporter::new();
    let _installed = metrics::set_default_local_recorder(&*exporter.recorder);
    let registry = Registry::new();
    let publishing = tokio::spawn(registry.publish_every(Duration::from_secs(1)));
    let circuit = Circuit::new(config("a", &registry));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(exporter.scrape_only().states(&[("name", "a")]), ["closed"]);
    circuit.force_open();
    assert_eq!(exporter.scrape_only().states(&[("name", "a")]), ["closed"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(exporter.scrape_only().states(&[("name", "a")]), ["open"]);

    // The circuit holds the registry, too.
    drop(registry);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!publishing.is_finished());
    drop(circuit);
    publishing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_period_of_zero_leaves_time_for_other_tasks() {
    let registry = Registry::new();
    let publishing = tokio::spawn(registry.publish_every(Duration::ZERO));
    tokio::time::sleep(Duration::from_secs(1)).await;
    publishing.abort();
    assert!(publishing.await.unwrap_err().is_cancelled());
}

/// A recorder that uses the registry whenever it is used.
struct Reentrant {
    registry: Registry,
    circuits: CircuitRegistry<u32>,
    uses: AtomicU32,
}

impl Reentrant {
    fn use_registry(&self) {
        let key = self.uses.fetch_add(1, Ordering::Relaxed);
        // Evicts a circuit with counts.
        self.circuits.get(&key).try_acquire().unwrap().neutral();
        self.registry.limit_keys_in_metrics(3);
        self.registry.publish_to(&NoopRecorder);
    }
}

impl Recorder for Reentrant {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.use_registry();
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.use_registry();
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.use_registry();
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.use_registry();
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        self.use_registry();
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        self.use_registry();
        Histogram::noop()
    }
}

#[test]
fn a_recorder_may_use_the_registry() {
    let registry = Registry::new();
    let circuits = CircuitRegistry::with_capacity(config("a", &registry), 2).unwrap();
    let recorder = Reentrant { registry: registry.clone(), circuits, uses: AtomicU32::new(0) };
    registry.publish_to(&recorder);
    let uses = recorder.uses.load(Ordering::Relaxed);
    assert!(uses as usize > METRICS.len(), "{uses}");

    // What was evicted meanwhile isn't lost.
    let exporter = Exporter::new();
    registry.publish_to(&*exporter.recorder);
    let neutral = [("name", "a"), ("outcome", "neutral")];
    let counted = exporter.scrape_only().value("recourse_circuit_calls_total", &neutral);
    assert_eq!(counted, Some(f64::from(uses)));
}

#[test]
fn an_observer_and_its_clones_use_their_own_recorder() {
    let (own, current) = (Exporter::new(), Exporter::new());
    let observer = MetricsObserver::with_recorder(own.recorder.clone());
    let retry = RetryConfig::default().name("a").backoff(Backoff::none()).without_observers().observe(observer.clone());
    metrics::with_local_recorder(&*current.recorder, || retried_once(&RetryLayer::new(retry)));
    assert_eq!(own.scrape_only().sum("recourse_retries_total", &[]), 1.0);
    assert_eq!(current.scrape_only().series, []);
}
