//! What was published, so that no series is left with an old value.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
#[cfg(feature = "retry")]
use std::{collections::HashMap, mem};

use super::by_name::ByName;
#[cfg(any(feature = "retry", feature = "fallback"))]
use super::known_series;
#[cfg(feature = "retry")]
use super::{budgets::BudgetGroup, known_series::Known, quotas::QuotaGroup};
#[cfg(feature = "breaker")]
use super::{
    circuit_group::{CircuitGroup, MostKeys},
    retired::Retired,
};
use crate::{
    metrics::{Sample, labels_of},
    registry::status::Readings,
};

/// Turns readings into values of series.
#[derive(Debug, Default)]
pub(in crate::registry) struct Publisher {
    #[cfg(feature = "breaker")]
    pub(in crate::registry) retired: Retired,
    published: Mutex<Published>,
    /// How many rounds have begun.
    begun: AtomicU64,
}

#[derive(Debug, Default)]
struct Published {
    /// The number of the newest round that has ended, and its values.
    newest: u64,
    values: Arc<[Sample]>,
    #[cfg(feature = "breaker")]
    most_keys: MostKeys,
    #[cfg(feature = "breaker")]
    circuits: ByName<CircuitGroup>,
    #[cfg(feature = "keyed")]
    keyed: ByName<super::keyed::KeyedGroup>,
    #[cfg(feature = "retry")]
    budgets: ByName<BudgetGroup>,
    /// What each budget had counted in the last round, by its address. A shared budget gets the
    /// name of another retry when its first one is dropped.
    #[cfg(feature = "retry")]
    counted_by_budgets: HashMap<usize, [u64; 2]>,
    #[cfg(feature = "retry")]
    quotas: ByName<QuotaGroup>,
}

impl Publisher {
    /// Reads the sources, and returns the values of all series.
    ///
    /// Several rounds may run at once. One that began before another that has already ended returns
    /// the values of that one: what it has read may contain circuits and budgets whose counts the
    /// other one has recorded as those of dropped ones.
    pub(in crate::registry) fn round(&self, read: impl FnOnce() -> Readings) -> Arc<[Sample]> {
        // Before the sources are read. A circuit that is dropped in between is then missing until
        // the next round, instead of being counted twice.
        #[cfg(feature = "breaker")]
        let mut retired = self.retired.take();
        // Between the two. So a later round reads no circuit whose counts an earlier one has taken.
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        // Without the lock, because a source may call user code.
        let readings = read();
        let mut samples = Vec::new();
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        if number < published.newest {
            return Arc::clone(&published.values);
        }
        published.newest = number;
        #[cfg(feature = "breaker")]
        for (labels, counted) in retired.use_up() {
            #[cfg(feature = "keyed")]
            if counted.evictions > 0 {
                published.keyed.of(labels.clone()).retire(counted.evictions);
            }
            published.circuits.of(labels).retire(counted.circuits);
        }
        published.read(readings, &mut samples);
        published.end_round(&mut samples);
        published.values = samples.into();
        Arc::clone(&published.values)
    }

    #[cfg(feature = "breaker")]
    pub(in crate::registry) fn set_most_keys(&self, keys: usize) {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).most_keys = MostKeys(keys);
    }
}

// Each layer uses a part of these functions.
#[cfg_attr(
    not(all(feature = "retry", feature = "keyed", feature = "fallback")),
    allow(unused_mut, unused_variables, clippy::ptr_arg)
)]
impl Published {
    fn read(&mut self, mut readings: Readings, samples: &mut Vec<Sample>) {
        #[cfg(feature = "breaker")]
        for circuit in readings.take_circuits() {
            self.circuits.of(labels_of(&circuit.breaker)).read(&circuit, self.most_keys);
        }
        #[cfg(feature = "keyed")]
        for breaker in &readings.keyed {
            self.keyed.of(labels_of(&breaker.name)).read(breaker);
        }
        #[cfg(feature = "retry")]
        {
            let mut retries = ByName::<Known>::default();
            readings.retries.iter().for_each(|retry| retries.of(labels_of(&retry.name)).add(retry));
            retries.iter_mut().for_each(|(labels, known)| known_series::of_retry(labels, *known, samples));
            let before = mem::take(&mut self.counted_by_budgets);
            for budget in readings.take_budgets() {
                let (address, status) = (budget.id.address(), &budget.status);
                self.counted_by_budgets.insert(address, [status.granted, status.refused]);
                let before = before.get(&address).copied().unwrap_or_default();
                self.budgets.of(labels_of(&budget.status.name)).read(budget, before);
            }
            for quota in readings.take_quotas() {
                self.quotas.of(labels_of(&quota.name)).read(&quota);
            }
        }
        #[cfg(feature = "fallback")]
        {
            let mut fallbacks = ByName::<()>::default();
            readings.fallbacks.iter().for_each(|name| *fallbacks.of(labels_of(name)) = ());
            fallbacks.iter_mut().for_each(|(labels, ())| known_series::of_fallback(labels, samples));
        }
    }

    fn end_round(&mut self, to: &mut Vec<Sample>) {
        #[cfg(feature = "breaker")]
        self.circuits.iter_mut().for_each(|(labels, group)| group.end_round(labels, to));
        #[cfg(feature = "keyed")]
        self.keyed.iter_mut().for_each(|(labels, group)| group.end_round(labels, to));
        #[cfg(feature = "retry")]
        self.budgets.iter_mut().for_each(|(labels, group)| group.end_round(labels, to));
        #[cfg(feature = "retry")]
        self.quotas.iter_mut().for_each(|(labels, group)| group.end_round(labels, to));
    }
}
