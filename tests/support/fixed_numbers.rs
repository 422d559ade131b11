//! Breaker settings that don't depend on the presets.
#![allow(dead_code)]

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Ratio,
    breaker::{OpenDuration, Probes, TripRule, Window},
};

pub(crate) trait FixedNumbers {
    /// Opens for 30 s after five consecutive failures, however fast. One probe decides.
    fn fixed(self) -> Self;

    /// Opens for 30 s if half of the last 100 calls failed, with a minimum of 20 calls. One probe
    /// decides.
    fn fixed_share(self) -> Self;
}

impl<C> FixedNumbers for BreakerConfig<C> {
    fn fixed(self) -> Self {
        self.open_when(TripRule::consecutive(5).unwrap())
            .open_for(OpenDuration::fixed(Duration::from_secs(30)))
            .probes(Probes::one())
    }

    fn fixed_share(self) -> Self {
        let window = Window::count(100).unwrap().minimum(20).unwrap();
        self.fixed().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
    }
}
