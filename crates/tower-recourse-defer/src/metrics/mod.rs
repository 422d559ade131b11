//! Metrics of the worker and of the queue, through the crate [`metrics`].
//!
//! The [`job_metrics`] observer counts what happens to jobs. [`publish_queue`] sets the gauges of a
//! queue: call it before each scrape, or every few seconds. One process per queue is enough.
//!
//! ```
//! use tower_recourse_defer::{Json, Queue, Worker, metrics::{job_metrics, publish_queue}};
//!
//! # async fn f(queue: impl Queue + Clone, service: ()) -> Result<(), tower_recourse_defer::QueueError> {
//! let worker = Worker::new(queue.clone(), Json::<String>::new(), service).observe(job_metrics("orders"));
//! publish_queue("orders", &queue).await?;
//! # let _ = worker;
//! # Ok(())
//! # }
//! ```
//!
//! | metric | type | labels | source | meaning |
//! |---|---|---|---|---|
//! | `recourse_jobs` | gauge | `name`, `state` | queue | jobs that are `waiting`, `running`, `done` or `dead` |
//! | `recourse_jobs_late_seconds` | gauge | `name` | queue | how long the job that is due longest has been due; 0 if none is |
//! | `recourse_jobs_done_total` | counter | `name`, `attempt` | worker | jobs that succeeded, by the number of the attempt that did; `more` after 10 |
//! | `recourse_jobs_retried_total` | counter | `name` | worker | attempts that failed and are followed by another |
//! | `recourse_jobs_postponed_total` | counter | `name` | worker | jobs that an open circuit rejected |
//! | `recourse_jobs_dead_total` | counter | `name`, `reason` | worker | jobs that became dead letters |
//! | `recourse_jobs_crashed_total` | counter | `name` | worker | calls that panicked |
//! | `recourse_jobs_lease_lost_total` | counter | `name` | worker | leases that were lost; those jobs may have run twice |
//! | `recourse_jobs_queue_errors_total` | counter | `name` | worker | operations of the queue that failed |
//! | `recourse_jobs_time_to_success_seconds` | histogram | `name` | worker | from storing a job until it is done |
//!
//! The policy's own events are counted by `tower_recourse::metrics`, if you add its observer. Don't
//! use `report_requests` for the policy of a worker: it sees single attempts, so the durations
//! would be those of attempts.
//!
//! `ops/rules.yml` of this crate has alert rules: dead letters, late jobs, a failing queue.

mod observer;
mod queue;

pub use observer::job_metrics;
pub use queue::publish_queue;
