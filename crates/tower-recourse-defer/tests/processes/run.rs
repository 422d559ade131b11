//! Starts child processes and sends them signals.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower_recourse_defer::{Clock, Counts, JobKey, Queue};

use crate::{
    child::{LOG, QUEUE, ROLE, Work, job},
    judge::Verdict,
};

/// How many signals a test sends.
pub(crate) fn count(short: u32, full: u32) -> u32 {
    if env::var_os("DEFER_FULL").is_some() { full } else { short }
}

/// A queue, its log, and the children that use it.
pub(crate) struct Run {
    test: &'static str,
    queue: String,
    log: PathBuf,
    died: HashMap<u32, i64>,
    random: u64,
}

impl Run {
    /// `test` is the name of the test that the children run. `queue` is a file or the URL of a
    /// server.
    pub(crate) fn new(test: &'static str, queue: String, folder: &Path) -> Self {
        Self { test, queue, log: folder.join("log"), died: HashMap::new(), random: 0x9e37_79b9_7f4a_7c15 }
    }

    pub(crate) fn spawn(&self, role: &str) -> Child {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", self.test, "--nocapture"]).env(ROLE, role).env(QUEUE, &self.queue).env(LOG, &self.log);
        child.stdout(Stdio::null()).spawn().unwrap()
    }

    /// Sends a signal that ends the process, waits for its end, and starts another one.
    pub(crate) fn replace(&mut self, child: &mut Child, signal: &str, role: &str) {
        self.end(child, signal);
        *child = self.spawn(role);
    }

    pub(crate) fn end(&mut self, child: &mut Child, name: &str) {
        signal(child, name);
        child.wait().unwrap();
        self.died.insert(child.id(), Clock::system().now());
    }

    /// A number from 0 to 1, from a fixed sequence.
    pub(crate) fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Waits for a random time of `from` to `to` seconds.
    pub(crate) async fn wait(&mut self, from: f64, to: f64) {
        let time = from + (to - from) * self.random();
        sleep(Duration::from_secs_f64(time)).await;
    }

    pub(crate) fn verdict(&self) -> Verdict {
        Verdict::read(&self.log, &self.died)
    }
}

pub(crate) fn signal(child: &Child, signal: &str) {
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
}

/// Stores 40 jobs. Every fifth one fails at every attempt, and 0 to 3 attempts of the others fail.
/// They take 60 to 200 ms.
pub(crate) async fn put_jobs(queue: &impl Queue) {
    for number in 0..40 {
        let work = Work { fails: number % 5, ms: 60 + 20 * u64::from(number % 8) };
        queue.put(&job(&format!("{number:02}"), &work)).await.unwrap();
    }
}

/// Waits until no job waits or runs.
pub(crate) async fn finished(queue: &impl Queue) -> Counts {
    let start = Instant::now();
    loop {
        // The database may be restarting.
        if let Ok(counts) = queue.counts().await
            && counts.waiting + counts.running == 0
        {
            return counts;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "not finished: {:?}", queue.counts().await);
        sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn key(name: &str) -> JobKey {
    JobKey::new(name).unwrap()
}
