//! Runs all candidates through all scenarios, and stores the measures.

use std::{
    collections::HashMap,
    io,
    num::NonZero,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    candidates::{BARE, Candidate},
    measures::Measures,
    rule::{Finding, judge},
    saved::Saved,
    scenario::Scenario,
    scenarios, simulation,
};

pub struct Results<'a> {
    pub candidates: &'a [Candidate],
    pub scenarios: &'a [Scenario],
    cells: HashMap<(usize, usize), Measures>,
}

/// The measures of a candidate and of the bare client in one scenario.
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

/// Runs everything on all cores. `times` multiplies the usual number of seeds per cell. Saved runs
/// aren't repeated, and new runs are saved.
pub fn run<'a>(
    candidates: &'a [Candidate],
    scenarios: &'a [Scenario],
    times: f64,
    saved: Option<Saved>,
) -> io::Result<Results<'a>> {
    let mut jobs = Vec::new();
    for (candidate, of) in candidates.iter().enumerate() {
        for (scenario, cell) in scenarios.iter().enumerate() {
            if of.is_central || scenarios::is_for_all(cell) {
                jobs.extend(scenarios::seeds(cell, times).map(|seed| Job { candidate, scenario, seed }));
            }
        }
    }
    // Starts the longest runs first, so that no core is idle at the end.
    jobs.sort_by(|one, other| scenarios[other.scenario].size().total_cmp(&scenarios[one.scenario].size()));
    let cells = Mutex::new((HashMap::<_, Measures>::new(), saved));
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<()> {
        while let Some(&job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (candidate, scenario) = (&candidates[job.candidate], &scenarios[job.scenario]);
            let described = scenario.to_string();
            let done = lock(&cells).1.as_ref().and_then(|saved| saved.get(candidate.name, &described, job.seed));
            let measures = done.unwrap_or_else(|| simulation::run(&candidate.parts, scenario, job.seed));
            let (cells, saved) = &mut *lock(&cells);
            cells.entry((job.candidate, job.scenario)).or_default().add(&measures);
            if let (Some(saved), None) = (saved, done) {
                saved.add(candidate.name, &described, job.seed, &measures)?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker doesn't panic"))
    })?;
    let (cells, _) = cells.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Results { candidates, scenarios, cells })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Results<'a> {
    /// The candidate's cells whose scenarios match `is_of_kind`.
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

    /// The number of simulated calls.
    pub fn calls(&self) -> u64 {
        self.cells.values().map(|measures| measures.calls).sum()
    }
}
