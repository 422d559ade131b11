//! The service: a client stack for each kind of trouble, and an endpoint for Prometheus.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, UnboundedReceiver},
    task::AbortHandle,
};
use tower::{
    BoxError, Layer, ServiceBuilder,
    util::{BoxCloneSyncService, MapErrLayer},
};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, FallbackLayer, InvalidConfig, Ratio, Registry, RetryConfig,
    RetryLayer, Verdict,
    breaker::{
        CircuitHandle, OpenDuration, TripRule, Window,
        keyed::{CircuitRegistry, KeyedBreakerLayer},
    },
    http::{Replay, StatusClassifier},
    metrics::{DELAY_BUCKETS, DURATION_BUCKETS, MetricsObserver},
    observe::Event,
    retry::{Backoff, Jitter, NoTimeouts, RejectionWait, RetryQuota, TokenBucket, quota::NoQuota},
    time::ManualClock,
};
use tower_recourse_defer::metrics::JOB_BUCKETS;

use super::{
    http_client::client,
    jobs::{JobGauges, Jobs},
    upstream::Upstream,
};

pub type Client = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;

/// The stacks, each with its name as the label `name` of its metrics.
pub struct Service {
    pub upstream: Upstream,
    /// The address of `/metrics`.
    pub address: SocketAddr,
    /// A fallback, a retry and a breaker with a window.
    pub payments: Client,
    pub payments_circuit: CircuitHandle,
    /// A retry that makes 4 attempts with a delay of 20 ms, or the one that the upstream asks for.
    pub orders: Client,
    /// A retry with a budget of 400 tokens that never grows.
    pub search: Client,
    /// A breaker that opens after each failure, and a retry that waits out the rejection.
    pub quotes: Client,
    /// A breaker whose clock the script moves.
    pub ledger: Client,
    pub ledger_clock: ManualClock,
    /// A keyed breaker with room for 2 keys. The key is the header `x-host`.
    pub hosts: Client,
    /// A retry with a quota.
    pub batch: Client,
    /// A retry that takes the status 421 for a stream that was refused.
    pub streams: Client,
    /// A circuit without calls.
    pub archive: CircuitHandle,
    /// Queues, and the worker of one.
    pub jobs: Jobs,
    /// Receives a message for each retry with a delay of more than 5 minutes.
    pub long_delays: UnboundedReceiver<()>,
    exporter: AbortHandle,
    /// The registry holds its entries weakly.
    _quota: RetryQuota,
}

impl Service {
    pub async fn start() -> io::Result<Self> {
        let registry = Registry::new();
        registry.observe(MetricsObserver::new());
        let (sender, long_delays) = mpsc::unbounded_channel();
        registry.observe(move |event: &Event<'_>| {
            if matches!(event, Event::RetryScheduled { delay, .. } if *delay > Duration::from_secs(300)) {
                let _ = sender.send(());
            }
        });
        let upstream = Upstream::start().await?;
        let recorder = recorder()?;
        let (jobs, gauges) = Jobs::start().await.map_err(io::Error::other)?;
        let (address, exporter) = export(registry.clone(), gauges, recorder).await?;
        let quota = RetryQuota::new().max_total(1_000);
        let ledger_clock = ManualClock::new();
        let stacks = Stacks { registry };
        let payments = stacks.payments_circuit().expect("valid settings");
        Ok(Self {
            payments: stacks.payments(&payments).expect("valid settings"),
            payments_circuit: payments.handle(),
            orders: stacks.orders(),
            search: stacks.search().expect("valid settings"),
            quotes: stacks.quotes().expect("valid settings"),
            ledger: stacks.ledger(&ledger_clock).expect("valid settings"),
            ledger_clock,
            hosts: stacks.hosts().expect("valid settings"),
            batch: stacks.batch(&quota),
            streams: stacks.streams(),
            archive: stacks.archive(),
            jobs,
            upstream,
            address,
            long_delays,
            exporter,
            _quota: quota,
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.exporter.abort();
    }
}

/// Installs the exporter.
fn recorder() -> io::Result<PrometheusHandle> {
    let buckets = |builder: PrometheusBuilder, metric: &str, buckets| {
        builder.set_buckets_for_metric(Matcher::Full(metric.to_owned()), buckets).expect("there are buckets")
    };
    let mut builder = buckets(PrometheusBuilder::new(), "recourse_retry_delay_seconds", DELAY_BUCKETS);
    for metric in ["recourse_time_to_success_seconds", "recourse_request_duration_seconds"] {
        builder = buckets(builder, metric, DURATION_BUCKETS);
    }
    for metric in ["recourse_jobs_time_to_success_seconds", "recourse_jobs_delay_seconds"] {
        builder = buckets(builder, metric, JOB_BUCKETS);
    }
    builder.install_recorder().map_err(io::Error::other)
}

/// Serves the metrics in Prometheus' text format.
async fn export(
    registry: Registry,
    gauges: JobGauges,
    recorder: PrometheusHandle,
) -> io::Result<(SocketAddr, AbortHandle)> {
    let gauges = Arc::new(gauges);
    let scrape = get(async move || {
        registry.publish();
        gauges.publish().await;
        recorder.render()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = async move { axum::serve(listener, Router::new().route("/metrics", scrape)).await };
    Ok((address, tokio::spawn(server).abort_handle()))
}

struct Stacks {
    registry: Registry,
}

/// Three retries after 20 ms, without a budget.
fn retry(name: &'static str) -> RetryConfig<StatusClassifier, NoTimeouts, NoQuota, Replay> {
    RetryConfig::http()
        .name(name)
        .retries(3)
        .backoff(Backoff::fixed(Duration::from_millis(20)).jitter(Jitter::None))
        .without_budget()
        .report_requests()
}

fn boxed<S>(service: S) -> Client
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error: Into<BoxError>>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(MapErrLayer::new(Into::into).layer(service))
}

impl Stacks {
    fn payments_circuit(&self) -> Result<Circuit<StatusClassifier>, InvalidConfig> {
        let window = Window::count(20)?.minimum(10)?;
        let slow = TripRule::SlowCallRate { longer_than: Duration::from_millis(500), share: Ratio::HALF, window };
        let breaker = BreakerConfig::http()
            .name("payments")
            .count_all_calls()
            .open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
            .or_when(slow)
            .open_for(OpenDuration::fixed(Duration::from_secs(2)));
        Ok(Circuit::new(breaker.register(&self.registry)))
    }

    fn payments(&self, circuit: &Circuit<StatusClassifier>) -> Result<Client, InvalidConfig> {
        let retry = RetryConfig::http()
            .name("payments")
            .retries(2)
            .backoff(Backoff::exponential(Duration::from_millis(50)))
            .budget(TokenBucket::retry_ratio(0.2)?)
            .report_requests()
            .register(&self.registry);
        let fallback = FallbackLayer::from_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::from("stored"))) })
            .classifier(StatusClassifier::default().ignore_client_errors())
            .keep_primary_error()
            .name("payments")
            .register(&self.registry);
        let service = ServiceBuilder::new()
            .layer(fallback)
            .map_err(BreakerError::into_boxed)
            .layer(RetryLayer::new(retry))
            .layer(BreakerLayer::on(circuit))
            .service(client());
        Ok(boxed(service))
    }

    fn orders(&self) -> Client {
        let retry = retry("orders").max_retry_after(Duration::from_secs(3_600)).register(&self.registry);
        boxed(RetryLayer::new(retry).layer(client()))
    }

    fn search(&self) -> Result<Client, InvalidConfig> {
        let budget = TokenBucket::retry_ratio(0.0)?.min_per_second(0).capacity(400)?.initial(400)?;
        let retry = retry("search").backoff(Backoff::none()).budget(budget).register(&self.registry);
        Ok(boxed(RetryLayer::new(retry).layer(client())))
    }

    fn quotes(&self) -> Result<Client, InvalidConfig> {
        let breaker = BreakerConfig::http()
            .name("quotes")
            .open_when(TripRule::consecutive(1)?)
            .open_for(OpenDuration::fixed(Duration::from_millis(50)))
            .register(&self.registry);
        let second = Duration::from_secs(1);
        let retry =
            retry("quotes").wait_out_rejections(RejectionWait::new(second, 3 * second)?).register(&self.registry);
        let service = ServiceBuilder::new()
            .map_err(BreakerError::into_boxed)
            .layer(RetryLayer::new(retry))
            .layer(BreakerLayer::new(breaker))
            .service(client());
        Ok(boxed(service))
    }

    fn ledger(&self, clock: &ManualClock) -> Result<Client, InvalidConfig> {
        let breaker = BreakerConfig::http()
            .name("ledger")
            .open_when(TripRule::consecutive(1)?)
            .open_for(OpenDuration::fixed(Duration::from_secs(10)))
            .clock(clock.clone())
            .register(&self.registry);
        let circuit = Circuit::new(breaker);
        let layers = ServiceBuilder::new().map_err(BreakerError::into_boxed).layer(BreakerLayer::on(&circuit));
        Ok(boxed(layers.service(client())))
    }

    fn hosts(&self) -> Result<Client, InvalidConfig> {
        let breaker = BreakerConfig::http()
            .name("hosts")
            .open_when(TripRule::consecutive(1)?)
            .open_for(OpenDuration::fixed(Duration::from_secs(10)))
            .register(&self.registry);
        let circuits = CircuitRegistry::with_capacity(breaker, 2)?.named();
        let host = |request: &Request<Full<Bytes>>| {
            let header = request.headers().get("x-host").and_then(|host| host.to_str().ok());
            header.unwrap_or_default().to_owned()
        };
        let layer = KeyedBreakerLayer::on(&circuits, host);
        Ok(boxed(ServiceBuilder::new().map_err(BreakerError::into_boxed).layer(layer).service(client())))
    }

    fn archive(&self) -> CircuitHandle {
        Circuit::new(BreakerConfig::default().name("archive").register(&self.registry)).handle()
    }

    fn batch(&self, quota: &RetryQuota) -> Client {
        let path = |request: &Request<Full<Bytes>>| request.uri().path().to_owned();
        boxed(RetryLayer::new(retry("batch").quota(quota, path).register(&self.registry)).layer(client()))
    }

    fn streams(&self) -> Client {
        let refused = |outcome: Result<&Response<Full<Bytes>>, &BoxError>| match outcome {
            Ok(response) if response.status() == 421 => Verdict::unprocessed(),
            Ok(_) => Verdict::Success,
            Err(_) => Verdict::transient(),
        };
        let retry = RetryConfig::default().idempotent().name("streams").classify(refused).register(&self.registry);
        boxed(RetryLayer::new(retry).layer(client()))
    }
}
