//! Arrivals: a Poisson process. Each call comes from a random client.

use std::time::Duration;

use crate::{
    random::{Purpose, Random},
    scenario::{Fault, SURGE, Scenario},
};

pub struct Arrivals {
    scenario: Scenario,
    random: Random,
    /// Seconds since the start.
    at: f64,
}

impl Arrivals {
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        Self { scenario, random: Random::new(Purpose::Arrivals, seed), at: 0.0 }
    }

    /// Returns the next call's arrival time since the start, and its client.
    pub fn next(&mut self) -> (Duration, usize) {
        self.at += self.random.exponential(1.0 / self.rate());
        (Duration::from_secs_f64(self.at), self.random.below(self.scenario.clients))
    }

    fn rate(&self) -> f64 {
        let begins = self.scenario.warm_up().as_secs_f64();
        let surges = begins..begins + self.scenario.lasts.as_secs_f64();
        if self.scenario.fault == Fault::Surge && surges.contains(&self.at) { SURGE } else { self.scenario.rate }
    }
}
