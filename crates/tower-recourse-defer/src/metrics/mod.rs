//! Counters, gauges and histograms of jobs, through the crate `metrics`: for Prometheus, and for
//! every other exporter of that crate.
//!
//! # Setup
//!
//! Add the [observer](JobMetrics::observer) to each worker, and [publish](JobMetrics::publish) the
//! queue before each scrape:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//! use tower_recourse_defer::{Json, Worker, metrics::{JOB_BUCKETS, JobMetrics}, sqlite::SqliteQueue};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let exporter = PrometheusBuilder::new()
//!         .set_buckets_for_metric(Matcher::Prefix("recourse_jobs_".to_owned()), JOB_BUCKETS)?
//!         .install_recorder()?;
//!
//!     let queue = SqliteQueue::open("jobs.db").await?;
//!     let metrics = JobMetrics::new("orders");
//!     let service = tower::service_fn(|_: String| async { Ok::<_, std::io::Error>(()) });
//!     let worker = Worker::new(queue.clone(), Json::<String>::new(), service).observe(metrics.observer());
//!     tokio::spawn(worker.run(std::future::pending()));
//!
//!     let scrape = get(async move || {
//!         // If the queue fails, the other metrics are still shown.
//!         let _ = metrics.publish(&queue).await;
//!         exporter.render()
//!     });
//!     let app: Router = Router::new().route("/metrics", scrape);
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//! ```
//!
//! Without buckets, this exporter reports summaries, and the dashboard shows no durations.
//!
//! The layers around the worker's service have their own metrics, in `tower_recourse::metrics`. The
//! folder `ops/` of the repository has alert rules and a dashboard for both, and the page
//! `operating` of `tower-recourse` a runbook.
//!
//! The worker's policy can be counted by `tower_recourse::metrics`, too. Don't set
//! `report_requests` in it: the policy sees single attempts, so the durations would be theirs.
//!
//! # Table
//!
//! Every metric has the label `name`. The source is `publish` for values that are read from the
//! queue, and `event` for those that the observer counts. [`METRICS`] has this table as data.
//!
//! | metric | type | labels | source | meaning |
//! |---|---|---|---|---|
//! | `recourse_jobs` | gauge | `state` | publish | jobs in the queue: `waiting`, `running`, `done`, `dead` |
//! | `recourse_jobs_late_seconds` | gauge | | publish | how long the job that has been due longest has been due; 0 if none is due |
//! | `recourse_jobs_claims_total` | counter | `outcome` | event | claims that ended: `done`, `retried`, `postponed` (a circuit rejected the call), `crashed` (the call panicked), `dead`, `returned` (the worker stopped), `lease_lost` |
//! | `recourse_jobs_attempts_total` | counter | `attempt`, `outcome` | event | attempts whose outcome was recorded: `success` or `failure`. The attempts from 11 on are `more` |
//! | `recourse_jobs_dead_total` | counter | `reason` | event | jobs that failed for good, by the [reason](crate::DeadReason::label) |
//! | `recourse_jobs_time_to_success_seconds` | histogram | | event | time from storing a job to its success |
//! | `recourse_jobs_delay_seconds` | histogram | | event | delays between a failed attempt and the next one |
//! | `recourse_jobs_queue_errors_total` | counter | | event, publish | operations of the queue that failed in a worker or in `publish` |
//!
//! # Several processes
//!
//! Each process that publishes a queue reports the whole queue. So take the maximum of the gauges
//! over all instances, and the sum of the counters:
//!
//! ```promql
//! max without (instance) (recourse_jobs{state="dead"})
//! sum without (instance) (increase(recourse_jobs_dead_total[1h]))
//! ```
//!
//! A worker that dies counts nothing for the claims that it held. The gauges show these jobs as
//! `running`, and after their leases as late.
//!
//! # Cost
//!
//! An event makes the labels of two or three series and looks them up in the recorder. `publish`
//! calls [`Queue::counts`](crate::Queue::counts), which reads the whole table.
//!
//! # When not to use it
//!
//! For a test or a health check, call [`Queue::counts`](crate::Queue::counts).

mod buckets;
mod job_metrics;
mod series;
mod table;

pub use buckets::JOB_BUCKETS;
pub use job_metrics::JobMetrics;
pub use table::METRICS;
