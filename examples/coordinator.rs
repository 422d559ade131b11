//! A coordinator whose agents must not spin on what fails: one circuit an agent, with its
//! name. `cargo run --example coordinator`
//!
//! Time is paused: tokio moves its clock on whenever everybody waits, so that two minutes take
//! none.

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
};
use tracing::{info, warn};
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

/// The circuits of all agents, each made when its agent first calls.
pub(crate) struct Coordinator {
    config: BreakerConfig,
    circuits: Mutex<BTreeMap<String, Circuit>>,
}

impl Coordinator {
    /// Every circuit goes by this config, under the name of its agent.
    pub(crate) fn new(config: BreakerConfig) -> Self {
        Self { config: config.count_calls(), circuits: Mutex::default() }
    }

    /// Calls any async function, if the agent's circuit lets it. Changes of the circuit are logged
    /// by its default observer.
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

    /// To watch and to steer: its state, its stats, a manual reset.
    pub(crate) fn circuit(&self, agent: &str) -> Circuit {
        let mut circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Circuit::new(self.config.clone().name(agent.to_owned()));
        circuits.entry(agent.to_owned()).or_insert_with(new).clone()
    }

    pub(crate) fn stats(&self) -> Vec<CircuitStats> {
        let circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        circuits.values().map(Circuit::stats).collect()
    }

    /// Logs everybody's stats.
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

/// The loop of one agent: a call every so often, and none before the circuit may admit one.
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

    info!("`mailer` is well; `indexer` is down until 45 s; `billing` until somebody mends it, at 70 s, and says so");
    for (agent, every, mended) in [("mailer", 10, 0), ("indexer", 1, 45), ("billing", 5, 70)] {
        let coordinator = Arc::clone(&coordinator);
        tokio::spawn(async move {
            let call = || upstream(started + Duration::from_secs(mended));
            keep_working(&coordinator, agent, Duration::from_secs(every), call).await;
        });
    }
    sleep(Duration::from_secs(70)).await;
    coordinator.circuit("billing").reset();
    sleep(Duration::from_secs(50)).await;
    coordinator.shut_down();
}

async fn upstream(mended: Instant) -> io::Result<()> {
    if Instant::now() < mended { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}

/// Seconds by the clock that is paused.
struct Since(Instant);

impl FormatTime for Since {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{:>5.1} s", self.0.elapsed().as_secs_f64())
    }
}
