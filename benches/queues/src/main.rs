//! Compares the queues of tower-recourse-defer with apalis and graphile_worker: jobs pushed and run
//! per second, at several depths of the queue.
//!
//! ```sh
//! cargo run --release --manifest-path benches/queues/Cargo.toml -- [DEPTH…] [--memory]
//! ```
//!
//! Each measurement is a process of its own, with an empty database. The systems take turns at each
//! depth. `--memory` runs 100,000 jobs of an SQLite file, and prints the worker's memory.
//!
//! PostgreSQL is started from Debian's package `postgresql`, with `fsync` off.

use std::{env, error::Error as StdError, path::Path, process::Command};

use postgres_server::PostgresServer;

mod measure;
mod ours;
// The server of the tests.
#[allow(dead_code)]
#[path = "../../../crates/tower-recourse-defer/tests/support/postgres_server.rs"]
mod postgres_server;

type Error = Box<dyn StdError + Send + Sync>;

/// The systems in the order of measurement: its name here, the database, and whether it's ours.
const SYSTEMS: [(&str, &str, bool); 5] = [
    ("recourse-sqlite", "SQLite", true),
    ("apalis-sqlite", "SQLite", false),
    ("recourse-postgres", "PostgreSQL", true),
    ("apalis-postgres", "PostgreSQL", false),
    ("graphile", "PostgreSQL", false),
];

struct Measured {
    push: f64,
    drain: f64,
    run: u64,
    memory: u64,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &*arguments {
        [system, depth, url] if system.starts_with("recourse-") => ours::measure(system, depth.parse()?, url).await,
        [flag] if flag == "--memory" => {
            let folder = tempfile::tempdir()?;
            ours::memory(100_000, &folder.path().join("jobs.db")).await
        }
        [] => compare(&[1_000, 10_000, 100_000]).await,
        depths => compare(&depths.iter().map(|depth| depth.parse()).collect::<Result<Vec<_>, _>>()?).await,
    }
}

/// Prints the tables of `benches/queues/README.md`.
async fn compare(depths: &[u64]) -> Result<(), Error> {
    let mut build = cargo("build");
    if !build.status()?.success() {
        return Err("the programs of the other crates don't compile".into());
    }
    println!("| jobs waiting | database | | pushed/s | ours ÷ it | run/s | ours ÷ it | memory, MiB |");
    println!("|---:|---|---|---:|---:|---:|---:|---:|");
    for &depth in depths {
        let mut ours = None;
        for (system, database, is_ours) in SYSTEMS {
            let measured = measured_in_a_process(system, database, depth, is_ours).await?;
            let Measured { push, drain, run, memory } = measured;
            let expected = measure::drained(depth);
            let note = if run < expected { format!(" ({run} of {expected} in 10 s)") } else { String::new() };
            if is_ours {
                ours = Some((push, drain));
            }
            let ratio = |value: f64, ours: Option<f64>| match ours {
                Some(ours) if !is_ours => format!("{:.1}", ours / value),
                _ => String::new(),
            };
            println!(
                "| {depth} | {database} | {} | {push:.0} | {} | {drain:.0}{note} | {} | {:.1} |",
                name(system),
                ratio(push, ours.map(|ours| ours.0)),
                ratio(drain, ours.map(|ours| ours.1)),
                memory as f64 / 1024.0,
            );
        }
    }
    Ok(())
}

async fn measured_in_a_process(system: &str, database: &str, depth: u64, is_ours: bool) -> Result<Measured, Error> {
    let folder = tempfile::tempdir()?;
    let (server, url) = if database == "PostgreSQL" {
        let server = PostgresServer::start().await;
        let url = server.url();
        (Some(server), url)
    } else {
        (None, folder.path().join("jobs.db").display().to_string())
    };
    let mut command = if is_ours {
        Command::new(env::current_exe()?)
    } else {
        let mut cargo = cargo("run");
        cargo.arg("--");
        cargo
    };
    let output = command.args([system, &depth.to_string(), &url]).output()?;
    drop(server);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let &[push, drain, run, memory] = &*fields else {
        return Err(format!("{system}: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    };
    Ok(Measured { push: push.parse()?, drain: drain.parse()?, run: run.parse()?, memory: memory.parse()? })
}

fn name(system: &str) -> &'static str {
    match system {
        "graphile" => "graphile_worker 0.14.1",
        _ if system.starts_with("apalis") => "apalis 1.0.0",
        _ => "tower-recourse-defer",
    }
}

/// A command of cargo about the package with the other crates.
fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    cargo.args([command, "--release", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
    cargo
}
