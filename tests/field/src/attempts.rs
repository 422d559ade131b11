use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

/// When a client made its attempts. Clones share what they record.
#[derive(Debug, Clone)]
pub struct Attempts {
    at: Arc<Mutex<Vec<Instant>>>,
}

impl Attempts {
    pub fn new() -> Self {
        Self { at: Arc::default() }
    }

    /// Records an attempt that is made now.
    pub fn record(&self) {
        self.at.lock().unwrap().push(Instant::now());
    }

    /// How many attempts were made.
    pub fn total(&self) -> u32 {
        self.at.lock().unwrap().len() as u32
    }

    /// How many attempts were made between two times, counted from `start`.
    pub fn between(&self, start: Instant, from: Duration, to: Duration) -> u32 {
        let within = |at: &&Instant| **at >= start + from && **at < start + to;
        self.at.lock().unwrap().iter().filter(within).count() as u32
    }
}
