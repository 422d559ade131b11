//! What all systems of this bench have in common.

use std::{fs, time::Duration};

use tokio::time::Instant;

/// The number of tasks that push, and of jobs that run at once.
pub const SLOTS: u64 = 16;

/// The number of jobs of one call that fills a queue, if a system has such a call.
#[allow(dead_code)]
pub const FILLED_AT_ONCE: u64 = 1_000;

/// The longest time in which jobs are run and counted.
pub const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// How many of the jobs are pushed one by one, with the time taken: the last ones.
pub fn pushed_singly(depth: u64) -> u64 {
    depth.min(4_000)
}

/// How many of the jobs are run, with the time taken: the first ones. The others stay in the queue.
pub fn drained(depth: u64) -> u64 {
    depth.min(4_000)
}

pub struct Timer(Instant);

impl Timer {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Jobs per second since the start.
    pub fn rate(&self, jobs: u64) -> f64 {
        jobs as f64 / self.0.elapsed().as_secs_f64()
    }
}

/// The resident memory of this process in KiB.
pub fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Prints the result in the form that the bench reads.
pub fn print(push: f64, drain: f64, run: u64) {
    println!("{push} {drain} {run} {}", memory());
}
