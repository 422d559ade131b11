//! The worker: claims jobs from a queue and runs them through your own stack of layers.
//!
//! ```
//! use std::{io, time::Duration};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer};
//! use tower_recourse_defer::{JobKey, Json, NewJob, Queue, Worker, sqlite::SqliteQueue};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = SqliteQueue::options().open_in_memory().await?;
//! queue.put(&NewJob::new(JobKey::new("order-17")?, r#""ship it""#)).await?;
//!
//! let service = ServiceBuilder::new()
//!     .layer(BreakerLayer::new(BreakerConfig::default()))
//!     .service(service_fn(|request: String| async move { Ok::<_, io::Error>(println!("{request}")) }));
//!
//! let worker = Worker::new(queue.clone(), Json::<String>::new(), service);
//! worker.run(tokio::time::sleep(Duration::from_millis(100))).await;
//! assert_eq!(queue.counts().await?.done, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What happens to a job
//!
//! | outcome | what follows | attempts |
//! |---|---|---|
//! | success | the job is done | +1 |
//! | a failure that the policy retries | it waits for the policy's delay: by default 10, 30, then 90 s | +1 |
//! | a permanent failure, all attempts made, a reached quota, retries switched off | dead letter, with that reason | +1 |
//! | a verdict that is neither a success nor a failure | dead letter `neutral`: no caller waits for the outcome, so the queue keeps it | +1 |
//! | a breaker's rejection | it waits until the circuit may admit a call: 1 to 60 s | same |
//! | the retry budget is empty | it waits for a minute | +1 |
//! | the payload can't be decoded | dead letter `unreadable` | same |
//! | a panic | it waits 10 s, then 20 s, …, and counts as a claim without an outcome | same |
//! | 5 claims in a row without an outcome: the job kills its worker, or panics | dead letter `crashed` | same |
//! | the worker stops, and the job doesn't finish within the grace | it is due at once, for another worker | same |
//! | the lease is lost | the worker drops the call, and records nothing | same |
//!
//! The [policy](Worker::policy) decides about failures. It is any of `tower_recourse::retry`: a
//! `RetryConfig` with its backoff, classifier, quota, budget and switch, or your own `Policy`. It
//! sees the attempts of all workers: attempt 3 of a job is attempt 3, whichever process makes it.
//! Its observers receive [`Event::RetryScheduled`](tower_recourse::observe::Event::RetryScheduled),
//! `RetrySucceeded` and `RetryStopped`.
//!
//! # What is promised
//!
//! - **At least once.** A job that was stored ends as done or as a dead letter, whatever dies. It
//!   may run more than once: a worker that dies after the call and before it recorded the outcome
//!   makes another worker run the job again. So the upstream must recognise a repeated job, by the
//!   job's [key](crate::JobKey).
//! - **Never twice at once**, as long as each worker renews its leases in time. A worker renews a
//!   lease after a third of it, and drops the call if it couldn't for the whole time. A process
//!   that is suspended for longer than the lease can't drop its call: then another worker runs the
//!   job beside it, and the outcome of the suspended worker is refused. A wall clock that is set
//!   forward ends leases early, too.
//! - **No attempt exceeds the policy's limit**, with one exception: a claim without an outcome
//!   isn't an attempt, because it is unknown whether the call was made. There are at most 5 of them
//!   in a row.
//!
//! # An open circuit
//!
//! A rejected job is postponed until its circuit may admit a call. If as many jobs in a row are
//! rejected as may run at once, the worker stops claiming until then, and claims one job at a time
//! until a call is admitted. So a full queue doesn't spin through an outage.
//!
//! # Log
//!
//! With the feature `tracing`, each event is a line with the target `tower_recourse_defer::worker`
//! and the job's key. A dead letter is an ERROR. A panic, a lost lease and a failure of the queue
//! are WARN, a job that is returned when the worker stops INFO, an attempt's start TRACE, and all
//! other lines DEBUG.
//!
//! # Errors
//!
//! [`Worker::run`] doesn't fail. An error of the queue is an [event](JobEvent::QueueFailed), and
//! the worker tries again after the polling interval.
//!
//! # Cancel safety
//!
//! If the future of [`Worker::run`] is dropped, all calls are dropped. Their jobs are claimed again
//! after their leases. Use the stop future instead.

mod attempt;
#[cfg(feature = "audit")]
mod audit_jobs;
mod claim_loop;
mod event;
mod job_run;
#[cfg(feature = "tracing")]
mod log;
mod observers;
mod outcome;
mod pace;
mod panic;
mod pause;
mod policy;
mod settings;
mod worker;

#[cfg(feature = "audit")]
pub use audit_jobs::audit_jobs;
pub use event::JobEvent;
pub use policy::default_policy;
pub use worker::{Worker, WorkerPolicy};
