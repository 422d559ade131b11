use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

/// The times of a client's attempts. Clones share them.
#[derive(Debug, Clone)]
pub struct Attempts {
    at: Arc<Mutex<Vec<Instant>>>,
}

impl Attempts {
    pub fn new() -> Self {
        Self { at: Arc::default() }
    }

    /// Records an attempt at the current time.
    pub fn record(&self) {
        self.at.lock().unwrap().push(Instant::now());
    }

    /// The number of attempts.
    pub fn total(&self) -> u32 {
        self.at.lock().unwrap().len() as u32
    }

    /// The number of attempts between two times relative to `start`.
    pub fn between(&self, start: Instant, from: Duration, to: Duration) -> u32 {
        let within = |at: &&Instant| **at >= start + from && **at < start + to;
        self.at.lock().unwrap().iter().filter(within).count() as u32
    }
}
