//! Counters, gauges and histograms of all layers, through the crate [`metrics`]: for Prometheus,
//! and for every other exporter of that crate.
//!
//! # Setup
//!
//! A [`Registry`](crate::Registry) knows the circuits, budgets and quotas. Its
//! [`publish`](crate::Registry::publish) passes their current values to the exporter. A
//! [`MetricsObserver`] counts what retries and fallbacks do. So register each layer, add the
//! observer to the registry, and publish before each scrape. This program answers `GET /metrics`:
//!
//! ```toml
//! [dependencies]
//! axum = "0.8"
//! metrics-exporter-prometheus = { version = "0.18", default-features = false }
//! tokio = { version = "1", features = ["full"] }
//! tower-recourse = { version = "0.1", features = ["metrics"] }
//! ```
//!
//! ```no_run
//! # #[cfg(all(feature = "retry", feature = "breaker"))]
//! # mod example {
//! use axum::{Router, routing::get};
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//! use tower_recourse::metrics::{DELAY_BUCKETS, DURATION_BUCKETS, MetricsObserver};
//! use tower_recourse::{BreakerConfig, BreakerLayer, Registry, RetryConfig, RetryLayer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let delays = Matcher::Full("recourse_retry_delay_seconds".to_owned());
//!     let exporter = PrometheusBuilder::new()
//!         .set_buckets_for_metric(Matcher::Prefix("recourse_".to_owned()), DURATION_BUCKETS)?
//!         .set_buckets_for_metric(delays, DELAY_BUCKETS)?
//!         .install_recorder()?;
//!
//!     let registry = Registry::new();
//!     registry.observe(MetricsObserver::new());
//!     let retry = RetryLayer::new(RetryConfig::default().name("payments").register(&registry));
//!     let breaker = BreakerLayer::new(BreakerConfig::default().name("payments").register(&registry));
//!     // The program uses the layers here.
//! #   let _ = (retry, breaker);
//!
//!     let scrape = get(move || {
//!         registry.publish();
//!         std::future::ready(exporter.render())
//!     });
//!     let app: Router = Router::new().route("/metrics", scrape);
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! If the exporter answers scrapes itself, or pushes, use
//! [`publish_every`](crate::Registry::publish_every) instead.
//!
//! Without the line for [`DELAY_BUCKETS`], the alert for long delays has no bucket to read. Without
//! any buckets, this exporter reports summaries, and the dashboard shows no durations.
//!
//! The folder `ops/` of the repository has alert rules and a Grafana dashboard for these names. The
//! page `operating` has a runbook.
//!
//! # Table
//!
//! Every metric has the label `name` and the [labels](crate::Name::with_label) of the layer. The
//! source is `publish` for values that the registry reads, and `event` for those that the observer
//! counts. [`METRICS`] has this table as data.
//!
//! | metric | type | labels | source | meaning |
//! |---|---|---|---|---|
//! | `recourse_circuit_state` | gauge | `state` | publish | 1 for the circuit's state (`closed`, `open`, `half_open`), 0 for the others |
//! | `recourse_circuit_mode` | gauge | `mode` | publish | 1 for the mode (`auto`, `forced_open`, `forced_closed`, `metrics_only`, `disabled`), 0 for the others |
//! | `recourse_circuit_calls_total` | counter | `outcome` | publish | calls: `failure`, `neutral`, `cancelled`; `success` only with [`count_all_calls`](crate::BreakerConfig::count_all_calls) |
//! | `recourse_circuit_rejections_total` | counter | | publish | rejected calls |
//! | `recourse_circuit_failing_seconds` | gauge | | publish | how long the circuit has been open or half-open since it was closed last; 0 while closed |
//! | `recourse_circuit_window_calls` | gauge | | publish | calls in the window; while half-open, the probes that have ended |
//! | `recourse_circuit_failure_ratio` | gauge | | publish | failures among them, from 0 to 1; no series before the first call in a window |
//! | `recourse_circuit_slow_ratio` | gauge | | publish | slow calls among them, from 0 to 1; no series without a rule for slow calls |
//! | `recourse_circuit_transitions_total` | counter | `from`, `to` | publish | changes of the state |
//! | `recourse_keyed_circuits` | gauge | | publish | circuits of a keyed breaker |
//! | `recourse_keyed_circuits_open` | gauge | | publish | those that are open |
//! | `recourse_keyed_capacity` | gauge | | publish | the largest number of stored circuits |
//! | `recourse_keyed_evictions_total` | counter | | publish | circuits that were evicted to make room for new keys |
//! | `recourse_budget_tokens` | gauge | | publish | retries that the budget could pay now |
//! | `recourse_budget_capacity` | gauge | | publish | the largest value of `recourse_budget_tokens`; no series if the budget doesn't report it |
//! | `recourse_budget_withdrawals_total` | counter | | publish | retries that the budget paid for |
//! | `recourse_budget_refusals_total` | counter | | publish | retries that it refused to pay |
//! | `recourse_quota_retries` | gauge | | publish | retries of all keys that the quota has counted; a gauge, because a quota can be reset |
//! | `recourse_quota_keys` | gauge | | publish | keys that the quota remembers |
//! | `recourse_retries_total` | counter | `attempt`, `reason` | event | retries, by the number of the attempt that they make (2 is the first retry) and by the [kind](crate::FailureKind::label) of the failure or the override's reason |
//! | `recourse_transparent_retries_total` | counter | | event | requests that were sent again because the server had refused the stream |
//! | `recourse_rejection_waits_total` | counter | | event | attempts that waited because a breaker had rejected them for a short time |
//! | `recourse_requests_succeeded_total` | counter | `attempt` | event | requests that succeeded, by the attempt that did; attempt 1 only with [`report_requests`](crate::RetryConfig::report_requests) |
//! | `recourse_requests_failed_total` | counter | `cause` | event | requests that failed, by the [cause](crate::Cause::label) |
//! | `recourse_time_to_success_seconds` | histogram | | event | duration of requests that succeeded, with their retries; only with `report_requests` |
//! | `recourse_retry_delay_seconds` | histogram | | event | delays before retries |
//! | `recourse_request_duration_seconds` | histogram | `outcome` | event | duration of requests with their retries: `success`, `neutral`, `failure`; only with `report_requests` |
//! | `recourse_fallbacks_total` | counter | `cause`, `outcome` | event | calls of a backup, by why the primary failed, and `success` or `failure` of the backup |
//!
//! # Limits
//!
//! - **Names.** Circuits, budgets and quotas with one name and the same labels share their series:
//!   counts and balances are sums, the state and the mode are the worst, the failing time is the
//!   longest. The first 1,000 names of a registry have series; all others share the name `other`.
//! - **Keys.** Circuits of a keyed breaker share the series of the breaker. If they are
//!   [`named`](crate::breaker::keyed::CircuitRegistry::named), the first 20 keys whose circuits
//!   open get series with the label `key`. [`Registry::limit_keys_in_metrics`] sets the number. The
//!   series without `key` contains all other circuits, and what a key counted before it had series.
//!   So sums over all series are exact.
//! - **Registries.** Two registries that publish to one recorder must not contain circuits, budgets
//!   or quotas with one name and the same labels: each would overwrite the other's values.
//! - **Attempts.** The label `attempt` ends at 10; later attempts are `more`.
//! - **Labels.** A label name that Prometheus doesn't accept gets `_` for each invalid character.
//!   One that a metric uses itself, or that begins with a digit or `__`, gets the prefix `label_`.
//!   Values are escaped and cut at 256 bytes.
//!
//! # Counters
//!
//! Counters never decrease. When a circuit or keyed breaker is dropped or evicted, the registry
//! keeps its counts, all its gauges become 0, and the next circuit of the name continues the
//! counts. A dropped budget leaves the counts of the last `publish`. A retry that its budget paid
//! for and that was then not made may stay counted.
//!
//! A circuit to which [`reconfigure`](crate::Circuit::reconfigure) gives another name takes its
//! counts along: the series of the new name begin with them, and those of the old one stay.
//!
//! `recourse_retries_total` counts a retry when it is scheduled, also one that a breaker then
//! rejects. `recourse_budget_withdrawals_total` doesn't contain such a retry.
//!
//! PromQL's `increase` misses the first sample of a series. So these counters start at 0 when
//! `publish` first sees the layer: calls, rejections, budgets, the transitions that calls cause,
//! the first three retries with the reasons `transient`, `timed_out` and `throttled`, the causes
//! `attempts_exhausted`, `permanent`, `budget`, `deadline` and `rejected`, and the fallbacks for
//! `failure`, `permanent`, `attempts_exhausted` and `rejected`. Other series appear with their
//! first event.
//!
//! # Without a registry
//!
//! A layer with [`observe(MetricsObserver::new())`](MetricsObserver) and without a registry has the
//! metrics with the source `event` only. Call [`describe`] once for the help texts.
//!
//! # gRPC's names
//!
//! gRPC's proposal [A96] counts retries per call. These metrics count retries of all calls, without
//! the labels `grpc.method` and `grpc.target`: set labels on the layer instead.
//!
//! | A96 | here |
//! |---|---|
//! | `grpc.client.call.retries` | `recourse_retries_total`; per call: `recourse_requests_succeeded_total` by `attempt` |
//! | `grpc.client.call.transparent_retries` | `recourse_transparent_retries_total` |
//! | `grpc.client.call.retry_delay` | `recourse_retry_delay_seconds`, per retry and not per call |
//! | `grpc.client.call.hedges` | none: the crate doesn't hedge |
//!
//! [A96]: https://github.com/grpc/proposal/blob/master/A96-retry-otel-stats.md
//!
//! # What it costs
//!
//! A healthy call costs nothing, unless `report_requests` or `count_all_calls` is set. An event
//! makes the labels of its series and looks the series up in the recorder: about 0.2 µs per
//! counter, and 0.5 µs per retry with its delay. `publish` reads everything that is registered:
//! about 30 µs for a retry and a breaker, and 4 ms for 10,000 keys. (CPU time on an Intel Xeon
//! server, with metrics-exporter-prometheus 0.18.)
//!
//! The observer keeps no handles of series. So it finds a recorder that is installed late, and a
//! series that the exporter has removed because it was idle.
//!
//! # When not to use it
//!
//! For one circuit in one test, call [`Circuit::stats`](crate::Circuit::stats). To export through
//! OpenTelemetry, use an exporter of `metrics` for it, or write an
//! [observer](crate::observe::Observer).
//!
//! # Anti-patterns
//!
//! **Counting twice.** A layer passes each event to its own observers and to those of its registry.
//!
//! ```
//! # #[cfg(feature = "retry")] {
//! use tower_recourse::{Registry, RetryConfig, metrics::MetricsObserver};
//!
//! let registry = Registry::new();
//! registry.observe(MetricsObserver::new());
//!
//! // Wrong
//! let config = RetryConfig::default().observe(MetricsObserver::new()).register(&registry);
//!
//! // Right
//! let config = RetryConfig::default().register(&registry);
//! # let _ = config;
//! # }
//! ```
//!
//! **A name per request, user or key.** Names and labels are series, and an exporter keeps each of
//! them. Use a keyed breaker, which bounds them.
//!
//! **A circuit per request.** Its counts end with it, and so does its protection.
//!
//! [`metrics`]: https://docs.rs/metrics
//! [`Registry::limit_keys_in_metrics`]: crate::Registry::limit_keys_in_metrics

mod attempt;
mod buckets;
mod labels;
mod metric;
mod observer;
mod sample;
pub(crate) mod table;

pub use attempt::attempt_label;
pub use buckets::{DELAY_BUCKETS, DURATION_BUCKETS};
pub use metric::{Metric, MetricKind};
pub use observer::MetricsObserver;
pub use table::{METRICS, describe};

// Each layer uses a part of these.
#[allow(unused_imports)]
pub(crate) use {
    labels::{label, labels_of, value},
    sample::Sample,
    table::describe_to,
};
