//! The memory of circuits: never freed, but used again.
//!
//! A call that is under way must reach its circuit when it ends, also when every handle is gone by then. A reference
//! count a call would do that, and cost more than all the rest of the breaker together. So a call holds a plain `&'static`
//! reference, and the generation that admitted it: memory that has a new tenant has another generation, and endings of the
//! old one change nothing. As many circuits are kept as were ever alive at a time.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwapOption, Guard};

use super::{
    cell::{self, Cell},
    config::Settings,
    window::{Shape, Window},
};
use crate::{random, time::Instant};

/// What a call holds on to.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) cell: Cell,
    pub(crate) window: Window,
    shape: Shape,
    tenant: ArcSwapOption<Tenant>,
}

/// The circuit that a core works for.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) settings: Settings,
    pub(crate) totals: Totals,
    /// For the jitter of the open time: every circuit's own, unless one was set.
    pub(crate) seed: u64,
    epoch: Instant,
    /// The generation that it began with: permits of an earlier one are another tenant's.
    since: u32,
}

/// Counts that never go down.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) admitted: Total,
    pub(crate) successes: Total,
    pub(crate) failures: Total,
    pub(crate) neutral: Total,
    pub(crate) dropped: Total,
    pub(crate) rejected: Total,
    pub(crate) transitions: Total,
}

/// A lease of a core: ends when the last handle of the circuit is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) core: &'static Core,
    pub(crate) tenant: Arc<Tenant>,
}

static FREE: LazyLock<Mutex<HashMap<Shape, Vec<&'static Core>>>> = LazyLock::new(Mutex::default);

impl Lease {
    /// Takes a free core of the right shape, or makes one. Locks the list of free cores; circuits are made and dropped
    /// outside of any call.
    pub(crate) fn new(settings: Settings) -> Self {
        let shape = settings.shape;
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&shape).and_then(Vec::pop);
        let core = free.unwrap_or_else(|| {
            let (cell, window) = (Cell::new(), Window::new(shape));
            Box::leak(Box::new(Core { cell, window, shape, tenant: ArcSwapOption::empty() }))
        });
        let epoch = settings.clock.now();
        let seed = settings.seed.unwrap_or_else(random::fresh_seed);
        let since = core.cell.begin();
        let tenant = Arc::new(Tenant { settings, totals: Totals::default(), seed, epoch, since });
        core.tenant.store(Some(Arc::clone(&tenant)));
        Self { core, tenant }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.core.tenant.store(None);
        self.core.cell.reset();
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(self.core.shape).or_default().push(self.core);
    }
}

impl Core {
    /// The tenant that a permit of `generation` belongs to, if it is still there.
    pub(crate) fn tenant_of(&self, generation: u32) -> Option<Guard<Option<Arc<Tenant>>>> {
        let tenant = self.tenant.load();
        let is_theirs = tenant.as_ref().is_some_and(|tenant| !cell::is_later(tenant.since, generation));
        is_theirs.then_some(tenant)
    }
}

impl Tenant {
    /// How many generations before `generation` were this circuit's: memory that was used before doesn't begin with 0.
    pub(crate) fn age(&self, generation: u32) -> u32 {
        generation.wrapping_sub(self.since) & cell::GENERATION_MASK
    }

    /// Microseconds since the circuit was made.
    pub(crate) fn now(&self) -> u64 {
        let elapsed = self.settings.clock.now().saturating_duration_since(self.epoch);
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    }
}

/// A count. Relaxed: it guards nothing, and is read for its own sake.
#[derive(Debug, Default)]
pub(crate) struct Total(AtomicU64);

impl Total {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
