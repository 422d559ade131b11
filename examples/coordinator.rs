//! A coordinator whose agents must not spin on failing calls: one named circuit per agent.
//!
//! ```sh
//! cargo run --example coordinator
//! ```
//!
//! Time is paused: tokio advances its clock while all tasks wait, so the example doesn't wait.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower_recourse::{
    BreakerConfig, BreakerError, Circuit,
    breaker::{CircuitStats, OpenDuration, Probes, TripRule},
    observe::{LogEvent, TracingObserver},
};
use tracing::{Level, info, warn};
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

/// The circuits of all agents. Each is created when its agent first calls.
pub(crate) struct Coordinator {
    config: BreakerConfig,
    circuits: Mutex<BTreeMap<String, Circuit>>,
}

impl Coordinator {
    /// Creates all circuits with this config and the names of their agents.
    pub(crate) fn new(config: BreakerConfig) -> Self {
        // A test call follows only every 30 s, so its line is worth the level INFO.
        let log = TracingObserver::new().level(LogEvent::CircuitHalfOpened, Level::INFO);
        Self { config: config.count_all_calls().observe(log), circuits: Mutex::default() }
    }

    /// Calls an async function if the agent's circuit admits it. The circuit's observer logs its
    /// changes.
    pub(crate) async fn execute<F, T, E>(&self, agent: &str, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        E: fmt::Display + 'static,
    {
        let result = self.circuit(agent).call(function).await;
        match &result {
            Ok(_) => {}
            Err(BreakerError::Inner(error)) => warn!(agent, %error, "call failed"),
            Err(BreakerError::Rejected(rejection)) => info!(agent, %rejection, "not called"),
        }
        result
    }

    /// The circuit of an agent, for its state, its stats, or a manual reset.
    pub(crate) fn circuit(&self, agent: &str) -> Circuit {
        let mut circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Circuit::new(self.config.clone().name(agent.to_owned()));
        circuits.entry(agent.to_owned()).or_insert_with(new).clone()
    }

    pub(crate) fn stats(&self) -> Vec<CircuitStats> {
        let circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        circuits.values().map(Circuit::stats).collect()
    }

    /// Logs the stats of all circuits.
    pub(crate) fn shut_down(&self) {
        for stats in self.stats() {
            info!(
                name = %stats.name,
                state = %stats.state,
                failures_in_a_row = stats.failures_in_a_row,
                threshold = stats.threshold,
                open_for = ?stats.open_for,
                retry_in = ?stats.retry_in,
                failures = stats.total_failures,
                successes = stats.total_successes,
                transitions = stats.transitions,
                "at shutdown"
            );
        }
    }
}

/// The loop of one agent: calls at an interval. After a rejection, waits until the circuit may
/// admit a call.
pub(crate) async fn keep_working<F, T, E>(
    coordinator: &Coordinator,
    agent: &str,
    every: Duration,
    mut function: impl FnMut() -> F,
) where
    F: Future<Output = Result<T, E>>,
    E: fmt::Display + 'static,
{
    loop {
        let wait = match coordinator.execute(agent, &mut function).await {
            Err(BreakerError::Rejected(rejection)) => rejection.retry_in().unwrap_or(every),
            _ => every,
        };
        sleep(wait).await;
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let started = Instant::now();
    tracing_subscriber::fmt().with_timer(Since(started)).with_target(false).with_ansi(false).init();
    let config = BreakerConfig::default()
        .open_when(TripRule::consecutive(5).expect("5 failures can be counted"))
        .open_for(OpenDuration::fixed(Duration::from_secs(30)))
        .probes(Probes::one());
    let coordinator = Arc::new(Coordinator::new(config));

    info!("`mailer` works; `indexer` is down until 45 s; `billing` is fixed at 70 s, and its circuit reset");
    for (agent, every, fixed) in [("mailer", 10, 0), ("indexer", 1, 45), ("billing", 5, 70)] {
        let coordinator = Arc::clone(&coordinator);
        tokio::spawn(async move {
            let call = || upstream(started + Duration::from_secs(fixed));
            keep_working(&coordinator, agent, Duration::from_secs(every), call).await;
        });
    }
    sleep(Duration::from_secs(70)).await;
    coordinator.circuit("billing").reset();
    sleep(Duration::from_secs(50)).await;
    coordinator.shut_down();
}

async fn upstream(fixed: Instant) -> io::Result<()> {
    if Instant::now() < fixed { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}

/// Formats log times as seconds of the paused clock.
struct Since(Instant);

impl FormatTime for Since {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{:>5.1} s", self.0.elapsed().as_secs_f64())
    }
}
