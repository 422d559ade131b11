//! The observer that counts retries and fallbacks.

use std::{fmt, sync::Arc};

use ::metrics::Recorder;

use super::{attempt_label, labels::labels_of, sample::Sample, table};
use crate::observe::{Event, Observer, RequestOutcome};

/// Counts the events of retries and fallbacks. Each metric of the [table](super#table) with the
/// source *event* comes from it.
///
/// The metrics of circuits, budgets and quotas come from
/// [`Registry::publish`](crate::Registry::publish).
///
/// Add it either to the registry or to the layers. A layer that has it twice counts each event
/// twice.
///
/// ```
/// use tower_recourse::{Registry, RetryConfig, RetryLayer, metrics::MetricsObserver};
///
/// let registry = Registry::new();
/// registry.observe(MetricsObserver::new());
/// # #[cfg(feature = "retry")]
/// let retry = RetryLayer::new(RetryConfig::default().name("payments").register(&registry));
///
/// // Without a registry:
/// # #[cfg(feature = "retry")]
/// let config = RetryConfig::default().name("reads").observe(MetricsObserver::new());
/// ```
///
/// # Recorder
///
/// Each event reads the recorder that is installed at that time, or the local recorder of the
/// thread. Events before a recorder is installed are lost. The observer keeps no handles of series.
#[derive(Clone, Default)]
pub struct MetricsObserver {
    recorder: Option<Arc<dyn Recorder + Send + Sync>>,
}

impl MetricsObserver {
    /// Makes an observer that passes values to the current recorder of `metrics`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an observer that passes values to this recorder.
    pub fn with_recorder(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        Self { recorder: Some(recorder) }
    }

    fn write(&self, sample: Sample) {
        match &self.recorder {
            Some(recorder) => sample.write(recorder),
            None => ::metrics::with_recorder(|recorder| sample.write(recorder)),
        }
    }
}

impl Observer for MetricsObserver {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::RetryScheduled { name, attempt, failure, delay, reason, .. } => {
                let labels = labels_of(name);
                let retry = Sample::add(table::RETRIES, labels.clone(), 1)
                    .with_label("attempt", attempt_label(attempt.saturating_add(1)))
                    .with_label("reason", reason.unwrap_or(failure.kind.label()));
                self.write(retry);
                self.write(Sample::duration(table::RETRY_DELAY, labels, delay));
            }
            Event::TransparentRetry { name, .. } => {
                self.write(Sample::add(table::TRANSPARENT_RETRIES, labels_of(name), 1));
            }
            Event::RejectionWait { name, .. } => {
                self.write(Sample::add(table::REJECTION_WAITS, labels_of(name), 1));
            }
            Event::RetrySucceeded { name, attempt, .. } => {
                let succeeded = Sample::add(table::REQUESTS_SUCCEEDED, labels_of(name), 1);
                self.write(succeeded.with_label("attempt", attempt_label(attempt)));
            }
            Event::RetryStopped { name, cause, .. } => {
                let stopped = Sample::add(table::REQUESTS_FAILED, labels_of(name), 1);
                self.write(stopped.with_label("cause", cause.label()));
            }
            Event::RequestFinished { name, attempts, outcome, elapsed, .. } => {
                let labels = labels_of(name);
                // `RetrySucceeded` reports the other attempts.
                if outcome == RequestOutcome::Success && attempts <= 1 {
                    let succeeded = Sample::add(table::REQUESTS_SUCCEEDED, labels.clone(), 1);
                    self.write(succeeded.with_label("attempt", attempt_label(1)));
                }
                let Some(elapsed) = elapsed else { return };
                if outcome == RequestOutcome::Success {
                    self.write(Sample::duration(table::TIME_TO_SUCCESS, labels.clone(), elapsed));
                }
                let duration = Sample::duration(table::REQUEST_DURATION, labels, elapsed);
                self.write(duration.with_label("outcome", outcome.label()));
            }
            Event::FallbackSucceeded { name, cause, .. } => {
                let fallback = Sample::add(table::FALLBACKS, labels_of(name), 1);
                self.write(fallback.with_label("cause", cause.label()).with_label("outcome", "success"));
            }
            Event::FallbackFailed { name, cause, .. } => {
                let fallback = Sample::add(table::FALLBACKS, labels_of(name), 1);
                self.write(fallback.with_label("cause", cause.label()).with_label("outcome", "failure"));
            }
            // The registry reports circuits.
            _ => {}
        }
    }
}

impl fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsObserver")
    }
}
