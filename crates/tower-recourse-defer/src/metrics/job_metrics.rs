//! The counts of a worker's events, and the gauges of its queue.

use std::{fmt, sync::Arc, time::Duration};

use ::metrics::{Recorder, SharedString};
use tower_recourse::metrics::attempt_label;

use super::{
    series::{Series, shared},
    table,
};
use crate::{DeadReason, Queue, QueueError, worker::JobEvent};

/// The attempts of the default schedule. Their counters start at 0.
const USUAL_ATTEMPTS: u32 = 4;
const DEAD_REASONS: [DeadReason; 4] =
    [DeadReason::Permanent, DeadReason::AttemptsExhausted, DeadReason::Unreadable, DeadReason::Crashed];
/// The shortest period of `publish_every`.
const SHORTEST: Duration = Duration::from_millis(10);

/// The metrics of a queue and of the workers that run its jobs, under one name.
///
/// The [observer](Self::observer) counts what a worker does. [`publish`](Self::publish) reads the
/// queue. The [module](crate::metrics) lists the metrics and shows the setup.
///
/// Use one name per queue. Workers and queues with the same name share their series.
///
/// # Recorder
///
/// Each event and each `publish` use the recorder that is installed at that time, or the local
/// recorder of the thread. Events before a recorder is installed are lost.
#[derive(Clone)]
pub struct JobMetrics {
    name: SharedString,
    recorder: Option<Arc<dyn Recorder + Send + Sync>>,
}

impl JobMetrics {
    /// Metrics with this name, which is escaped and cut at 256 bytes. They go to the current
    /// recorder of the crate `metrics`.
    pub fn new(name: &str) -> Self {
        Self { name: shared(name), recorder: None }
    }

    /// Metrics with this name that go to this recorder.
    pub fn with_recorder(name: &str, recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        Self { name: shared(name), recorder: Some(recorder) }
    }

    /// An observer for [`Worker::observe`](crate::Worker::observe). It doesn't block. Add it once
    /// per worker, because each of two observers counts every event.
    pub fn observer(&self) -> impl Fn(&JobEvent<'_>) + Send + Sync + 'static + use<> {
        let metrics = self.clone();
        move |event| metrics.write(|series| count(series, event))
    }

    /// Reads the queue's [counts](Queue::counts) and passes them on. It also describes all metrics,
    /// and lets the usual counters start at 0, so that Prometheus sees the first increment.
    ///
    /// # Errors
    ///
    /// If the queue fails. Then the gauges keep their values, and
    /// `recourse_jobs_queue_errors_total` is incremented. A scrape needn't fail: the alert
    /// `RecourseQueueFailing` reports it.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped at any time. All values are passed on after the queue has answered.
    pub async fn publish<Q: Queue>(&self, queue: &Q) -> Result<(), QueueError> {
        let counts = queue.counts().await;
        self.write(|series| {
            table::describe_to(series.recorder);
            start_counters(series);
            match &counts {
                Ok(counts) => {
                    let states = [
                        ("waiting", counts.waiting),
                        ("running", counts.running),
                        ("done", counts.done),
                        ("dead", counts.dead),
                    ];
                    for (state, jobs) in states {
                        // Exact up to 2^53.
                        series.set(table::JOBS, &[("state", state)], jobs as f64);
                    }
                    series.set(table::LATE, &[], counts.late.unwrap_or_default().as_secs_f64());
                }
                Err(_) => series.add(table::QUEUE_ERRORS, &[], 1),
            }
        });
        counts.map(drop)
    }

    /// Publishes now, and then again after each period, for exporters that answer scrapes
    /// themselves. Periods below 10 ms count as 10 ms. The future needs a tokio runtime with time,
    /// and never ends: spawn it, and abort its task to stop it.
    ///
    /// `counts` reads the whole table, so choose a period of some seconds for large queues.
    pub fn publish_every<Q: Queue>(&self, queue: Q, period: Duration) -> impl Future<Output = ()> + Send + use<Q> {
        let metrics = self.clone();
        async move {
            loop {
                // A failure is counted.
                let _ = metrics.publish(&queue).await;
                tokio::time::sleep(period.max(SHORTEST)).await;
            }
        }
    }

    fn write(&self, write: impl FnOnce(Series<'_>)) {
        let name = &self.name;
        match &self.recorder {
            Some(recorder) => write(Series { recorder, name }),
            None => ::metrics::with_recorder(|recorder| write(Series { recorder, name })),
        }
    }
}

impl fmt::Debug for JobMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobMetrics").field("name", &self.name).finish_non_exhaustive()
    }
}

fn start_counters(series: Series<'_>) {
    for outcome in ["done", "retried", "postponed", "crashed", "dead", "returned", "lease_lost"] {
        series.add(table::CLAIMS, &[("outcome", outcome)], 0);
    }
    for attempt in 1..=USUAL_ATTEMPTS {
        for outcome in ["success", "failure"] {
            series.add(table::ATTEMPTS, &[("attempt", attempt_label(attempt)), ("outcome", outcome)], 0);
        }
    }
    for reason in DEAD_REASONS {
        series.add(table::DEAD, &[("reason", reason.label())], 0);
    }
    series.add(table::QUEUE_ERRORS, &[], 0);
}

fn count(series: Series<'_>, event: &JobEvent<'_>) {
    let attempted = |attempt: u32, outcome: &'static str| {
        series.add(table::ATTEMPTS, &[("attempt", attempt_label(attempt)), ("outcome", outcome)], 1);
    };
    let outcome = match *event {
        // Its outcome is counted.
        JobEvent::Started { .. } => return,
        JobEvent::QueueFailed { .. } => return series.add(table::QUEUE_ERRORS, &[], 1),
        JobEvent::Done { attempt, age, .. } => {
            attempted(attempt, "success");
            series.record(table::TIME_TO_SUCCESS, age);
            "done"
        }
        JobEvent::Retried { attempt, due_in, .. } => {
            attempted(attempt, "failure");
            series.record(table::DELAY, due_in);
            "retried"
        }
        JobEvent::Dead { attempts, reason, .. } => {
            // A job that is set aside isn't attempted.
            if !matches!(reason, DeadReason::Unreadable | DeadReason::Crashed) {
                attempted(attempts, "failure");
            }
            series.add(table::DEAD, &[("reason", reason.label())], 1);
            "dead"
        }
        JobEvent::Postponed { .. } => "postponed",
        JobEvent::Crashed { .. } => "crashed",
        JobEvent::Returned { .. } => "returned",
        JobEvent::LeaseLost { .. } => "lease_lost",
    };
    series.add(table::CLAIMS, &[("outcome", outcome)], 1);
}
