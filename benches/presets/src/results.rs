//! Runs all candidates through all scenarios, and holds what was measured.

use std::{
    collections::HashMap,
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    candidates::{BARE, Candidate},
    measures::Measures,
    rule::{Finding, judge},
    scenario::Scenario,
    scenarios, simulation,
};

pub struct Results<'a> {
    pub candidates: &'a [Candidate],
    pub scenarios: &'a [Scenario],
    cells: HashMap<(usize, usize), Measures>,
}

/// A candidate in a scenario, and the bare client in the same one.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    pub scenario: &'a Scenario,
    pub ours: Measures,
    pub bare: Measures,
}

impl Cell<'_> {
    pub fn loss(&self) -> f64 {
        self.ours.loss(&self.bare)
    }

    pub fn findings(&self) -> Vec<Finding> {
        judge(self.scenario, &self.ours, &self.bare)
    }
}

/// One run.
#[derive(Debug, Clone, Copy)]
struct Job {
    candidate: usize,
    scenario: usize,
    seed: u64,
}

/// Runs everything on all cores. `times` is how many seeds a cell gets, relative to the usual number.
pub fn run<'a>(candidates: &'a [Candidate], scenarios: &'a [Scenario], times: f64) -> Results<'a> {
    let mut jobs = Vec::new();
    for (candidate, of) in candidates.iter().enumerate() {
        for (scenario, cell) in scenarios.iter().enumerate() {
            if of.is_central || scenarios::is_for_all(cell) {
                jobs.extend(scenarios::seeds(cell, times).map(|seed| Job { candidate, scenario, seed }));
            }
        }
    }
    // The longest first, so that no core waits at the end.
    jobs.sort_by(|one, other| scenarios[other.scenario].size().total_cmp(&scenarios[one.scenario].size()));
    let cells = Mutex::new(HashMap::<_, Measures>::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(&job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let measures =
                        simulation::run(&candidates[job.candidate].parts, &scenarios[job.scenario], job.seed);
                    let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
                    cells.entry((job.candidate, job.scenario)).or_default().add(&measures);
                }
            });
        }
    });
    let cells = cells.into_inner().unwrap_or_else(PoisonError::into_inner);
    Results { candidates, scenarios, cells }
}

impl<'a> Results<'a> {
    /// The candidate's cells whose scenarios are of this kind.
    pub fn cells(&self, name: &str, is_of_kind: impl Fn(&Scenario) -> bool) -> Vec<Cell<'a>> {
        let (Some(ours), Some(bare)) = (self.position(name), self.position(BARE)) else { return Vec::new() };
        let of_kind = self.scenarios.iter().enumerate().filter(|(_, scenario)| is_of_kind(scenario));
        let cells = of_kind.filter_map(|(index, scenario)| {
            let (&ours, &bare) = self.cells.get(&(ours, index)).zip(self.cells.get(&(bare, index)))?;
            Some(Cell { scenario, ours, bare })
        });
        cells.collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.candidates.iter().position(|candidate| candidate.name == name)
    }

    /// All simulated calls.
    pub fn calls(&self) -> u64 {
        self.cells.values().map(|measures| measures.calls).sum()
    }
}
