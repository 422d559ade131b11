//! The cost of each observer: per call that succeeds, that fails, and that is rejected. The row
//! `tower-recourse` is without observers.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use metrics_exporter_prometheus::PrometheusBuilder;
use tower::{Layer, Service};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Registry, RetryConfig, RetryLayer, State,
    metrics::MetricsObserver,
    observe::Audit,
    spans::{AttemptSpanLayer, RequestSpanLayer},
};
use tracing::{Dispatch, dispatcher, level_filters::LevelFilter};

use crate::{
    contender::{BARE, Case, Contender, OURS},
    peers::ours,
    upstream::{Broken, Down, Health, Healthy, Request, Upstream},
};

/// The observers of a stack.
#[derive(Debug, Clone, Copy)]
enum Observers {
    None,
    Tracing,
    Audit,
    Registry,
    Metrics,
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("observers: all three stacked, success", || {
            contenders::<Healthy, _>(|observers| stack(observers, BreakerConfig::default(), Upstream::<Healthy>::new()))
        }),
        Case::new("observers: retry, three attempts fail", || {
            contenders::<Broken, _>(|observers| RetryLayer::new(observers.retry()).layer(Upstream::<Broken>::new()))
        }),
        Case::new("observers: breaker counts a failure", || {
            contenders::<Broken, _>(|observers| {
                let circuit = Circuit::new(observers.breaker(BreakerConfig::default()));
                circuit.force_closed();
                BreakerLayer::on(&circuit).layer(Upstream::<Broken>::new())
            })
        }),
        Case::new("observers: breaker rejecting", || {
            contenders::<Healthy, _>(|observers| {
                let circuit = Circuit::new(observers.breaker(BreakerConfig::default()));
                circuit.force_open();
                assert_eq!(circuit.state(), State::Open);
                BreakerLayer::on(&circuit).layer(Upstream::<Healthy>::new())
            })
        }),
        Case::new("observers: fallback returns a value", || {
            contenders::<Broken, _>(|observers| {
                observers.fallback(FallbackLayer::value(0)).layer(Upstream::<Broken>::new())
            })
        }),
        Case::new("observers: report_requests, retry, success", reported::<Healthy>),
        Case::new("observers: report_requests, retry, three attempts fail", reported::<Broken>),
        Case::new("observers: spans of a retry, success", with_spans::<Healthy>),
        Case::new("observers: spans of a retry, three attempts fail", with_spans::<Broken>),
    ]
}

/// A retry that emits an event for each request.
fn reported<H: Health>() -> Vec<Contender> {
    let service = |name, observers: Observers| {
        let retry = RetryLayer::new(observers.retry().report_requests());
        Contender::service(name, retry.layer(Upstream::<H>::new()))
    };
    vec![
        Contender::service(BARE, Upstream::<H>::new()),
        Contender::service(OURS, RetryLayer::new(Observers::None.retry()).layer(Upstream::<H>::new())),
        service("report_requests, no observer", Observers::None),
        service("report_requests, TracingObserver, no subscriber", Observers::Tracing),
        service("report_requests, MetricsObserver, Prometheus", Observers::Metrics),
    ]
}

/// A retry alone, and with the spans of the request and its attempts.
fn with_spans<H: Health>() -> Vec<Contender> {
    let retry = || RetryLayer::new(Observers::None.retry());
    let spans = |name| {
        let attempt = AttemptSpanLayer::new().layer(Upstream::<H>::new());
        Contender::service(name, RequestSpanLayer::new().layer(retry().layer(attempt)))
    };
    vec![
        Contender::service(BARE, Upstream::<H>::new()),
        Contender::service(OURS, retry().layer(Upstream::<H>::new())),
        spans("both spans, no subscriber"),
        Contender { around: |calls| within(LevelFilter::OFF, calls), ..spans("both spans, levels disabled") },
        Contender { around: |calls| within(LevelFilter::INFO, calls), ..spans("both spans, recorded") },
    ]
}

fn contenders<H: Health, S: Service<Request> + Send + 'static>(stack: impl Fn(Observers) -> S) -> Vec<Contender> {
    let service = |name, observers| Contender::service(name, stack(observers));
    vec![
        Contender::service(BARE, Upstream::<H>::new()),
        service(OURS, Observers::None),
        service("TracingObserver, no subscriber", Observers::Tracing),
        Contender {
            around: |calls| within(LevelFilter::OFF, calls),
            ..service("TracingObserver, levels disabled", Observers::Tracing)
        },
        Contender {
            around: |calls| within(LevelFilter::TRACE, calls),
            ..service("TracingObserver, formatted to a sink", Observers::Tracing)
        },
        service("Audit, to a file", Observers::Audit),
        service("Registry, without observers", Observers::Registry),
        service("MetricsObserver, Prometheus", Observers::Metrics),
    ]
}

/// All layers with the same observers.
fn stack<S>(
    observers: Observers,
    breaker: BreakerConfig,
    inner: S,
) -> impl Service<Request, Response = u64, Error: Send, Future: Send> + Send + use<S>
where
    S: Service<Request, Response = u64, Error = Down, Future: Send> + Clone + Send + 'static,
{
    let breaker = BreakerLayer::new(observers.breaker(breaker)).layer(inner);
    observers.fallback(FallbackLayer::value(0)).layer(RetryLayer::new(observers.retry()).layer(breaker))
}

/// Writes the three functions below, because the layers have no common trait.
macro_rules! observed {
    ($observers:expr, $config:expr) => {
        match $observers {
            Observers::None => $config.without_observers(),
            Observers::Tracing => $config,
            Observers::Audit => $config.without_observers().observe(audit().clone()),
            Observers::Registry => $config.without_observers().register(&Registry::new()),
            Observers::Metrics => $config.without_observers().register(metrics()),
        }
    };
}

impl Observers {
    /// Without a budget, so that failing calls keep their retries.
    fn retry(self) -> RetryConfig {
        observed!(self, ours::retry().without_budget())
    }

    fn breaker(self, config: BreakerConfig) -> BreakerConfig {
        observed!(self, config)
    }

    fn fallback<B>(self, layer: FallbackLayer<B>) -> FallbackLayer<B> {
        observed!(self, layer)
    }
}

/// An audit in a temporary folder, for all cases.
fn audit() -> &'static Audit {
    static AUDIT: OnceLock<(Audit, tempfile::TempDir)> = OnceLock::new();
    let (audit, _) = AUDIT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("the folder for temporary files is writable");
        (Audit::to_file(folder.path().join("audit.jsonl")).expect("the folder is writable"), folder)
    });
    audit
}

/// A registry whose observer counts in the recorder of the Prometheus exporter.
fn metrics() -> &'static Registry {
    static METRICS: OnceLock<Registry> = OnceLock::new();
    METRICS.get_or_init(|| {
        let registry = Registry::new();
        let recorder = PrometheusBuilder::new().build_recorder();
        registry.observe(MetricsObserver::with_recorder(Arc::new(recorder)));
        registry
    })
}

/// Runs the calls with a subscriber that formats events and discards the text.
fn within(level: LevelFilter, calls: &mut dyn FnMut()) {
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(io::sink);
    let dispatch = Dispatch::new(subscriber.finish());
    dispatcher::with_default(&dispatch, calls);
    drop(dispatch);
    // Callsites cache the interest of the dropped subscriber.
    tracing::callsite::rebuild_interest_cache();
}
