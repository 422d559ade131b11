//! The scenarios and the number of seeds for each.

use std::time::Duration;

use crate::scenario::{Calls, Fault, Scenario};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Fault durations, in milliseconds.
const DURATIONS: [u64; 13] = [10, 20, 80, 150, 300, 500, 1_000, 2_000, 5_000, 12_000, 30_000, 120_000, 300_000];
const RATES: [f64; 4] = [5.0, 50.0, 500.0, 5_000.0];
const CLIENTS: [usize; 3] = [1, 4, 16];
/// Shares of calls that fail for a minute.
const SHARES: [f64; 8] = [0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 1.0];
/// Demands on the pool that can answer 800 calls per second.
const POOL: [f64; 3] = [500.0, 700.0, 760.0];

/// All scenarios. They take minutes.
pub fn sweep() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (rate, clients) in pairs(&RATES, &CLIENTS) {
        for millis in DURATIONS {
            all.push(Scenario::new(Fault::Refuses, ms(millis), rate, clients));
            all.push(Scenario::new(Fault::Hangs, ms(millis), rate, clients));
        }
        for share in SHARES {
            all.push(Scenario::new(Fault::Fails(share), ms(60_000), rate, clients));
        }
        all.push(Scenario::new(Fault::LimitsRate(0.7), ms(60_000), rate, clients));
        all.push(Scenario::new(Fault::LimitsRate(0.3), ms(60_000), rate, clients));
    }
    all.retain(|scenario| scenario.rate < 5_000.0 || is_worth_the_time(scenario));
    for (rate, clients) in pairs(&POOL, &CLIENTS) {
        all.push(Scenario::new(Fault::PoolHangs, ms(5_000), rate, clients));
        all.push(Scenario { is_cold: true, ..Scenario::new(Fault::PoolHangs, ms(5_000), rate, clients) });
    }
    for clients in CLIENTS {
        all.push(Scenario::new(Fault::Surge, ms(30_000), 500.0, clients));
        for millis in [10, 80, 300, 1_000] {
            all.push(Scenario { is_cold: true, ..Scenario::new(Fault::Refuses, ms(millis), 500.0, clients) });
        }
    }
    for (rate, clients) in pairs(&[5.0, 50.0, 500.0], &[1, 16]) {
        for (fault, millis) in
            [(Fault::Refuses, 80), (Fault::Refuses, 1_000), (Fault::Refuses, 12_000), (Fault::Hangs, 5_000)]
        {
            for calls in [Calls::Streams, Calls::Long] {
                all.push(Scenario { calls, ..Scenario::new(fault, ms(millis), rate, clients) });
            }
        }
    }
    all
}

/// A few scenarios whose results are near the rule's bounds. They take seconds. A fault of 12 s
/// isn't among them: in such a fault, the clauses for recovery and protection contradict each other
/// if clients make few calls, and preset B misses the bound for protection (see README.md).
pub fn check() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (rate, clients) in pairs(&[50.0, 500.0], &[1, 16]) {
        for millis in [80, 1_000, 5_000, 30_000] {
            all.push(Scenario::new(Fault::Refuses, ms(millis), rate, clients));
            all.push(Scenario::new(Fault::Hangs, ms(millis), rate, clients));
        }
        all.push(Scenario::new(Fault::Fails(0.3), ms(60_000), rate, clients));
        all.push(Scenario::new(Fault::Fails(0.7), ms(60_000), rate, clients));
    }
    for rate in POOL {
        all.push(Scenario::new(Fault::PoolHangs, ms(5_000), rate, 4));
    }
    all
}

/// The approximate number of calls of a cell: runs with few calls need many seeds.
const CALLS: f64 = 8_000.0;

/// At 5,000 calls per second, a run takes seconds, so only some durations and shares are included.
fn is_worth_the_time(scenario: &Scenario) -> bool {
    let lasts = scenario.lasts.as_millis();
    let is_main = match scenario.fault {
        Fault::Fails(share) => [0.1, 0.5, 0.95].contains(&share),
        Fault::LimitsRate(share) => share == 0.7,
        _ => [10, 80, 300, 1_000, 5_000, 12_000, 300_000].contains(&lasts),
    };
    is_main && scenario.clients != 4
}

/// Whether all candidates run the scenario. Only the central candidates run the others, because
/// those take long and add little information.
pub fn is_for_all(scenario: &Scenario) -> bool {
    let lasts = scenario.lasts.as_millis();
    let is_main = match scenario.rate {
        5_000.0 => scenario.fault == Fault::Refuses && [80, 1_000].contains(&lasts),
        _ => ![20, 150, 500, 2_000, 120_000, 300_000].contains(&lasts),
    };
    is_main && (scenario.clients != 4 || scenario.is_overload())
}

/// The seeds of a cell.
pub fn seeds(scenario: &Scenario, times: f64) -> std::ops::RangeInclusive<u64> {
    let runs = (times * CALLS / scenario.size()).ceil();
    1..=(runs as u64).clamp(1, 20)
}

fn pairs<'a>(rates: &'a [f64], clients: &'a [usize]) -> impl Iterator<Item = (f64, usize)> + 'a {
    rates.iter().flat_map(|&rate| clients.iter().map(move |&clients| (rate, clients)))
}
