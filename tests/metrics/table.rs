//! The table of metrics.

use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, FallbackLayer, Ratio, RetryConfig, RetryLayer, Verdict,
    breaker::{OpenDuration, TripRule, Window, keyed::CircuitRegistry},
    metrics::{METRICS, MetricKind},
    retry::{Backoff, RetryQuota},
};

use crate::exporter::{Exporter, Scrape};

/// The rows of a table in Markdown: the name, the type and the labels of each metric. The metrics
/// of jobs are those of `tower-recourse-defer`.
fn rows(text: &str) -> Vec<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! ").unwrap_or(line).strip_prefix("| `recourse_"));
    let rows = rows.filter(|row| !row.starts_with("jobs"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').take(3).map(str::trim).collect();
        format!("`recourse_{}", cells.join(" | "))
    })
    .collect()
}

fn expected() -> Vec<String> {
    let labels = |labels: &[&str]| labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    METRICS.iter().map(|metric| format!("`{}` | {} | {}", metric.name, metric.kind, labels(metric.labels))).collect()
}

#[test]
fn the_docs_and_the_readme_of_ops_list_every_metric() {
    for file in ["src/metrics/mod.rs", "ops/README.md"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert_eq!(rows(&text), expected(), "{file}");
    }
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    for metric in METRICS {
        assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
        assert!(metric.help.ends_with('.') && metric.name.starts_with("recourse_"), "{}", metric.name);
        if metric.kind == MetricKind::Histogram {
            assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
        }
    }
}

/// Drives registered layers until each metric has a series.
async fn scenario() -> Scrape {
    let exporter = Exporter::new();
    let registry = &exporter.registry;

    let (share, window) = (Ratio::HALF, Window::count(2).unwrap());
    let config = BreakerConfig::default()
        .open_when(TripRule::FailureRate { failing: share, window })
        .or_when(TripRule::SlowCallRate { longer_than: Duration::from_secs(60), share, window })
        .open_for(OpenDuration::fixed(Duration::from_millis(50)))
        .register(registry);
    let circuits = CircuitRegistry::new(config).named();
    let [circuit, other] = [7, 8].map(|key| circuits.get(&key));
    for circuit in [&circuit, &other] {
        circuit.try_acquire().unwrap().failure();
        circuit.try_acquire().unwrap().success();
    }
    // It has opened, so its key has series, and a call is in its window.
    other.reset();
    other.try_acquire().unwrap().success();

    let retry = || RetryConfig::default().backoff(Backoff::none()).register(registry);
    // The circuit is open, so the first call waits. The second call fails once.
    let count = AtomicU32::new(0);
    let calls = service_fn(|_: ()| {
        let fails = count.fetch_add(1, Ordering::Relaxed) == 1;
        async move { if fails { Err(error()) } else { Ok(()) } }
    });
    let layers =
        ServiceBuilder::new().layer(RetryLayer::new(retry().report_requests())).layer(BreakerLayer::on(&circuit));
    let mut service = layers.service(calls);
    service.ready().await.unwrap().call(()).await.unwrap();
    service.ready().await.unwrap().call(()).await.unwrap();

    let mut refusals = [true, false].into_iter();
    let unprocessed = retry().classify_errors(|_: &io::Error| Verdict::unprocessed());
    RetryLayer::new(unprocessed)
        .run_blocking(|_| if refusals.next().unwrap() { Err(error()) } else { Ok(()) })
        .unwrap();

    let quota = RetryLayer::new(retry().quota(&RetryQuota::new(), |_: &()| "key"));
    let down = ServiceBuilder::new()
        .layer(FallbackLayer::value(()).register(registry))
        .layer(quota.clone())
        .service(service_fn(async |_: ()| Err(error())));
    down.oneshot(()).await.unwrap();
    exporter.scrape()
}

fn error() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

#[tokio::test(start_paused = true)]
async fn each_metric_is_produced_with_its_labels() {
    let scrape = scenario().await;
    for metric in METRICS {
        let (name, extra) = match metric.kind {
            MetricKind::Histogram => (format!("{}_bucket", metric.name), "le"),
            _ => (metric.name.to_owned(), "name"),
        };
        let of_metric = scrape.series.iter().filter(|(other, _, _)| *other == name);
        let found: BTreeSet<_> = of_metric.flat_map(|(_, labels, _)| labels.keys().map(String::as_str)).collect();
        let may_have_key = metric.name.starts_with("recourse_circuit_").then_some("key");
        let expected: BTreeSet<_> = metric.labels.iter().copied().chain(["name", extra]).chain(may_have_key).collect();
        assert_eq!(found, expected, "{name}\n{}", scrape.text);
        assert!(scrape.text.contains(&format!("# TYPE {} {}\n", metric.name, metric.kind)), "{name}");
        assert!(scrape.text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{name}");
    }
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    for (name, _, _) in &scrape.series {
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        assert!(names.contains(histogram.unwrap_or(name)), "{name}");
    }
}
