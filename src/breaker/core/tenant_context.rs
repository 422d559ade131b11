//! Passes the settings of a circuit to its cell.

use std::{sync::atomic::Ordering, time::Duration};

use super::core::Tenant;
use crate::{
    breaker::{
        cell::TransitionContext,
        config::{OpenContext, Settings},
        generation::GENERATION_MASK,
        micros::micros,
        transition::{Phase, StateWord},
        window::Counts,
    },
    random,
};

impl Tenant {
    /// Calls `with` with the settings and functions that the cell needs. `requested`: the delay
    /// that the failure requested.
    pub(crate) fn with_context<T>(
        &self,
        settings: &Settings,
        requested: Option<Duration>,
        with: impl FnOnce(TransitionContext<'_>) -> T,
    ) -> T {
        with(TransitionContext {
            rules: &settings.rules,
            probes: &settings.probes,
            lease: micros(settings.lease),
            slow_start: micros(settings.slow_start),
            cancelled_row_time: settings.cancelled_row_time(),
            now: &|| self.now(settings),
            group: settings.group.as_ref(),
            times_failure_rows: settings.times_failure_rows(),
            requested_open_time: settings.open_for.requested_time(requested).map(micros),
            open_for: &|word, counts, failing_for| {
                micros(self.open_time(settings, word, counts, failing_for, requested))
            },
        })
    }

    /// Returns `true` with this probability.
    pub(crate) fn chance(&self, settings: &Settings, probability: f64) -> bool {
        // Relaxed, because each use only needs a number that no other use gets.
        let turn = self.random_turns.fetch_add(1, Ordering::Relaxed);
        random::unit(&mut random::generator(self.seed(settings), turn.into())) < probability
    }

    /// Returns the open time of the opening that `word` makes.
    fn open_time(
        &self,
        settings: &Settings,
        word: StateWord,
        counts: Counts,
        failing_for: u64,
        requested: Option<Duration>,
    ) -> Duration {
        let failing = (counts.calls > 0).then(|| f64::from(counts.failures) / f64::from(counts.calls));
        // Relative to the tenant's start, because a recycled core doesn't start with generation 0.
        let age = word.generation.wrapping_sub(self.first_generation) & GENERATION_MASK;
        // Included in the seed, because all intervals of trickling probes belong to one generation.
        let interval = match word.phase {
            Phase::HalfOpen { admitted, .. } => admitted,
            Phase::Closed { .. } | Phase::Open => 0,
        };
        let turn = u64::from(interval) << 32 | u64::from(age);
        let mut generator = random::generator(!self.seed(settings), turn);
        let failing_for = Duration::from_micros(failing_for);
        let opening = OpenContext { in_a_row: word.streak.into(), failing, failing_for, requested };
        settings.open_for.time(opening, &mut generator)
    }

    /// The circuit's seed: the configured seed, or a hash of the core's address and the first
    /// generation. No two circuits have both in common. The seed is computed on each use, so that
    /// it needs no memory.
    fn seed(&self, settings: &Settings) -> u64 {
        settings.seed.unwrap_or_else(|| random::seed_of((std::ptr::from_ref(self.core).addr(), self.first_generation)))
    }
}
