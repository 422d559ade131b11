//! The methods of [`Registry`] for metrics.

use std::{sync::Arc, time::Duration};

use ::metrics::Recorder;

use crate::{
    Registry,
    metrics::{Sample, describe_to},
};

/// The shortest time between two readings.
const SHORTEST: Duration = Duration::from_millis(10);

impl Registry {
    /// Passes the current values of all registered circuits, budgets and quotas to the current
    /// recorder of the crate `metrics`, or to none if none is installed. The
    /// [table](crate::metrics#table) lists the metrics. Call it when a scrape is answered, or use
    /// [`publish_every`](Self::publish_every).
    ///
    /// It also describes all metrics, and lets the usual counters of each registered retry and
    /// fallback start at 0. It emits no event, and holds no lock while the recorder runs.
    pub fn publish(&self) {
        let samples = self.samples();
        ::metrics::with_recorder(|recorder| write(&samples, recorder));
    }

    /// As [`publish`](Self::publish), to a recorder that isn't installed.
    pub fn publish_to(&self, recorder: &dyn Recorder) {
        write(&self.samples(), recorder);
    }

    /// Publishes now, and then again after each period. Periods below 10 ms count as 10 ms. The
    /// future needs a tokio runtime with time. It runs in the task that polls it: spawn it.
    ///
    /// Use it if the exporter answers scrapes itself. A period of 1 s costs little, and the values
    /// of a scrape are then at most 1 s old.
    ///
    /// A panic of the recorder, or of a budget that is read, ends the future. Join its task to
    /// notice.
    ///
    /// The future ends when all handles of the registry and all registered layers are dropped. To
    /// stop it earlier, drop it or abort its task. It can be dropped at any time: each round is
    /// complete before the future waits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::Registry;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let registry = Registry::new();
    /// let publishing = tokio::spawn(registry.publish_every(Duration::from_secs(1)));
    /// // At shutdown:
    /// registry.publish(); // the last values
    /// publishing.abort();
    /// # }
    /// ```
    pub fn publish_every(&self, period: Duration) -> impl Future<Output = ()> + Send + use<> {
        let shared = Arc::downgrade(&self.shared);
        async move {
            while let Some(shared) = shared.upgrade() {
                Registry { shared }.publish();
                tokio::time::sleep(period.max(SHORTEST)).await;
            }
        }
    }

    /// Sets how many keys of each keyed breaker have series of their own: 20 unless set, 0 for
    /// none. Series of keys that have some already stay.
    ///
    /// Only circuits of a breaker with `named` have a key. A key gets series when its circuit has
    /// opened. All other circuits of the breaker share the series without the label `key`, so a sum
    /// over all series is exact.
    #[cfg(feature = "breaker")]
    pub fn limit_keys_in_metrics(&self, keys: usize) {
        self.shared.publisher.set_most_keys(keys);
    }

    fn samples(&self) -> Arc<[Sample]> {
        self.shared.publisher.round(|| self.read())
    }

    /// Adds the counts of a circuit that is dropped.
    #[cfg(feature = "breaker")]
    pub(crate) fn keep_counts(&self, name: &crate::Name, counts: &crate::registry::CircuitCounts) {
        self.shared.publisher.retired.add(name, counts);
    }

    /// Adds the evictions of a keyed breaker that is dropped.
    #[cfg(feature = "keyed")]
    pub(crate) fn keep_evictions(&self, name: &crate::Name, evictions: u64) {
        self.shared.publisher.retired.add_evictions(name, evictions);
    }
}

fn write(samples: &[Sample], recorder: &dyn Recorder) {
    describe_to(recorder);
    for sample in samples {
        sample.clone().write(recorder);
    }
}
