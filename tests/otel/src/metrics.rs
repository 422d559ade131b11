//! The observers of the page, which records events in OpenTelemetry's instruments.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, MeterProvider},
};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, FailureInfo, FailureKind, FallbackLayer, RetryConfig, RetryLayer,
    breaker::{OpenDuration, TripRule},
    observe::{Event, Observer},
};

/// Counts the events of all layers, and measures the delays of retries.
#[derive(Clone)]
struct ResilienceMetrics {
    events: Counter<u64>,
    delays: Histogram<f64>,
}

impl ResilienceMetrics {
    fn new(meter: &Meter) -> Self {
        Self {
            events: meter.u64_counter("resilience.event").build(),
            delays: meter.f64_histogram("recourse.retry.delay").with_unit("s").build(),
        }
    }
}

/// The name and the labels of the layer.
fn layer_attributes(event: &Event<'_>) -> Vec<KeyValue> {
    let labels = event.labels().iter().map(|label| KeyValue::new(label.name(), label.value().to_owned()));
    labels.chain([KeyValue::new("resilience.strategy.name", event.name().as_str().to_owned())]).collect()
}

impl Observer for ResilienceMetrics {
    fn on_event(&self, event: &Event<'_>) {
        let mut attributes = layer_attributes(event);
        let (name, failure) = match *event {
            Event::RetryScheduled { attempt, failure, delay, .. } => {
                self.delays.record(delay.as_secs_f64(), &attributes);
                attributes.push(KeyValue::new("resilience.attempt.index", i64::from(attempt) - 1));
                ("retry", Some(failure))
            }
            Event::CircuitOpened { failure, .. } => ("circuit_opened", failure),
            Event::CircuitClosed { .. } => ("circuit_closed", None),
            Event::CallRejected { .. } => ("circuit_rejected", None),
            Event::FallbackCalled { failure, .. } => ("fallback", failure),
            _ => return,
        };
        attributes.push(KeyValue::new("resilience.event.name", name));
        attributes.extend(failure.map(|failure| KeyValue::new("error.type", failure.kind.label())));
        self.events.add(1, &attributes);
    }
}

/// Records the retries of gRPC calls, as A96 defines them. The retry must report its requests.
struct GrpcRetries {
    retries: Histogram<u64>,
    transparent: Histogram<u64>,
}

impl GrpcRetries {
    fn new(meter: &Meter) -> Self {
        let histogram = |name, unit, bounds| meter.u64_histogram(name).with_unit(unit).with_boundaries(bounds).build();
        Self {
            retries: histogram("grpc.client.call.retries", "{retry}", vec![1., 2., 3., 4., 5.]),
            transparent: histogram(
                "grpc.client.call.transparent_retries",
                "{transparent_retry}",
                vec![1., 2., 3., 4., 5., 10.],
            ),
        }
    }
}

impl Observer for GrpcRetries {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            // A call without a retry isn't recorded.
            Event::RequestFinished { attempts: attempts @ 2.., .. } => {
                self.retries.record(u64::from(attempts - 1), &layer_attributes(event));
            }
            // At most one per call.
            Event::TransparentRetry { .. } => self.transparent.record(1, &layer_attributes(event)),
            _ => {}
        }
    }
}

/// The page shows the observers as they are above.
#[test]
fn the_page_contains_the_tested_observers() {
    let page = include_str!("../../../src/integrations/opentelemetry.md");
    let this = include_str!("metrics.rs");
    let start = this.find("/// Counts the events").unwrap();
    let end = this.find("\n/// The page shows the observers").unwrap();
    assert!(page.contains(&this[start..end]), "copy this to the page:\n{}", &this[start..end]);
}

/// One exported number, with the values of its attributes in the order of their names.
fn line(name: &str, attributes: impl Iterator<Item = KeyValue>, number: impl std::fmt::Display) -> String {
    let mut attributes: Vec<_> = attributes.map(|attribute| format!("{}={}", attribute.key, attribute.value)).collect();
    attributes.sort();
    format!("{name} {} {number}", attributes.join(" "))
}

/// All exported numbers, sorted: counts, and the count and sum of each histogram.
fn exported(exporter: &InMemoryMetricExporter) -> Vec<String> {
    let mut lines = Vec::new();
    for resource in exporter.get_finished_metrics().unwrap() {
        for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
            let name = metric.name();
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    lines.extend(sum.data_points().map(|point| line(name, point.attributes().cloned(), point.value())));
                }
                AggregatedMetrics::U64(MetricData::Histogram(histogram)) => {
                    lines.extend(histogram.data_points().map(|point| {
                        let bounds: Vec<_> = point.bounds().map(|bound| bound.to_string()).collect();
                        let number = format!("{} × {} [{}]", point.count(), point.sum(), bounds.join(" "));
                        line(name, point.attributes().cloned(), number)
                    }));
                }
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    lines.extend(histogram.data_points().map(|point| {
                        line(name, point.attributes().cloned(), format!("{} {}", point.count(), metric.unit()))
                    }));
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn events_are_exported_with_their_attributes() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    let meter = provider.meter("tests");
    let (events, retries) = (ResilienceMetrics::new(&meter), GrpcRetries::new(&meter));
    retries.on_event(&Event::TransparentRetry {
        name: &"refused".into(),
        attempt: 1,
        failure: FailureInfo::new(FailureKind::Transient),
        elapsed: None,
    });
    let retry = RetryConfig::default().idempotent().retries(2).label("grpc.method", "prices.Prices/Get");
    let breaker = BreakerConfig::default()
        .open_when(TripRule::consecutive(3).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(3600)))
        .observe(events.clone());
    let service = ServiceBuilder::new()
        .layer(FallbackLayer::value("stored").observe(events.clone()))
        .layer(RetryLayer::new(retry.report_requests().observe(events).observe(retries)))
        .layer(BreakerLayer::new(breaker))
        .service(service_fn(|()| async { Err::<&str, _>("down") }));
    for _ in 0..2 {
        assert_eq!(service.clone().oneshot(()).await.unwrap(), "stored");
    }
    provider.force_flush().unwrap();

    let (transient, retry) = ("error.type=transient", "resilience.strategy.name=retry");
    let method = "grpc.method=prices.Prices/Get";
    assert_eq!(
        exported(&exporter),
        [
            &*format!("grpc.client.call.retries {method} {retry} 1 × 2 [1 2 3 4 5]"),
            "grpc.client.call.transparent_retries resilience.strategy.name=refused 1 × 1 [1 2 3 4 5 10]",
            &format!("recourse.retry.delay {method} {retry} 2 s"),
            "resilience.event error.type=rejected resilience.event.name=fallback resilience.strategy.name=fallback 1",
            &format!(
                "resilience.event {transient} {method} resilience.attempt.index=0 resilience.event.name=retry {retry} 1"
            ),
            &format!(
                "resilience.event {transient} {method} resilience.attempt.index=1 resilience.event.name=retry {retry} 1"
            ),
            &format!(
                "resilience.event {transient} resilience.event.name=circuit_opened resilience.strategy.name=breaker 1"
            ),
            &format!("resilience.event {transient} resilience.event.name=fallback resilience.strategy.name=fallback 1"),
            "resilience.event resilience.event.name=circuit_rejected resilience.strategy.name=breaker 1",
        ]
    );
}
