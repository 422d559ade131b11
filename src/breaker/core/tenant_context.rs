use std::{sync::atomic::Ordering, time::Duration};

use super::core::Tenant;
use crate::{
    breaker::{
        cell::TransitionContext,
        config::{Opening, Settings},
        generation::GENERATION_MASK,
        micros::micros,
        transition::{Phase, StateWord},
        window::Counts,
    },
    random,
};

impl Tenant {
    /// With what the cell goes by, for the opening of a circuit whose failure asked for a delay.
    pub(crate) fn with_context<T>(
        &self,
        settings: &Settings,
        asked: Option<Duration>,
        with: impl FnOnce(TransitionContext<'_>) -> T,
    ) -> T {
        with(TransitionContext {
            rules: &settings.rules,
            probes: &settings.probes,
            lease: micros(settings.lease),
            slow_start: micros(settings.slow_start),
            cancelled_row_time: settings.cancelled_row_time(),
            now: &|| self.now(settings),
            times_failure_rows: settings.times_failure_rows(),
            requested_open_time: settings.open_for.asked_time(asked).map(micros),
            open_for: &|word, counts, failing_for| micros(self.open_time(settings, word, counts, failing_for, asked)),
        })
    }

    /// Whether something that happens with this probability happens now.
    pub(crate) fn chance(&self, settings: &Settings, probability: f64) -> bool {
        // Relaxed: only that no two get the same turn matters.
        let turn = self.random_turns.fetch_add(1, Ordering::Relaxed);
        random::unit(&mut random::generator(self.seed(settings), turn.into())) < probability
    }

    /// For how long this word opens the circuit.
    fn open_time(
        &self,
        settings: &Settings,
        word: StateWord,
        counts: Counts,
        failing_for: u64,
        asked: Option<Duration>,
    ) -> Duration {
        let failing = (counts.calls > 0).then(|| f64::from(counts.failures) / f64::from(counts.calls));
        // Memory that was used before doesn't begin with generation 0.
        let age = word.generation.wrapping_sub(self.first_generation) & GENERATION_MASK;
        // The intervals of probes that trickle are of one generation.
        let interval = match word.phase {
            Phase::HalfOpen { admitted, .. } => admitted,
            Phase::Closed { .. } | Phase::Open => 0,
        };
        let turn = u64::from(interval) << 32 | u64::from(age);
        let mut generator = random::generator(!self.seed(settings), turn);
        let failing_for = Duration::from_micros(failing_for);
        let opening = Opening { in_a_row: word.streak.into(), failing, failing_for, asked };
        settings.open_for.time(opening, &mut generator)
    }

    /// Every circuit's own, unless one was set. Made of where it lives and first_generation when, which no two circuits have in common, so
    /// that it needs no room.
    fn seed(&self, settings: &Settings) -> u64 {
        settings.seed.unwrap_or_else(|| random::seed_of((std::ptr::from_ref(self.core).addr(), self.first_generation)))
    }
}
