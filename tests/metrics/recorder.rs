//! Recorders that are installed late, and publishing in the background.

use std::{io, time::Duration};

use tower_recourse::{Circuit, Registry, RetryConfig, RetryLayer, metrics::MetricsObserver, retry::Backoff};

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
