//! Transactions that conflict, retried until they commit: with tokio-postgres and `run_with`, and
//! with the blocking client and `run_blocking`.
//!
//! ```sh
//! cargo run --example database                            # starts a PostgreSQL server of its own
//! cargo run --example database -- postgresql://user@host/database
//! ```
//!
//! With a URL, it replaces the tables `account` and `transfer` of that database.

mod postgres_server;
mod transfers;

use std::{
    env,
    error::Error,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use postgres_server::PostgresServer;
use tokio::task::spawn_blocking;
use transfers::{Conflicts, create_tables, totals, transfer_in_tasks, transfer_in_threads};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, _server) = match env::args().nth(1) {
        Some(url) => (url, None),
        None => {
            let server = spawn_blocking(|| PostgresServer::start().map_err(|error| error.to_string())).await??;
            (server.url(), Some(server))
        }
    };

    let conflicts = Arc::new(Conflicts::default());
    create_tables(&url).await?;
    transfer_in_tasks(&url, &conflicts).await?;
    print("tasks", &url, &conflicts).await?;

    let conflicts = Arc::new(Conflicts::default());
    create_tables(&url).await?;
    let (thread_url, counted) = (url.clone(), Arc::clone(&conflicts));
    spawn_blocking(move || transfer_in_threads(&thread_url, &counted)).await??;
    print("threads", &url, &conflicts).await
}

async fn print(clients: &str, url: &str, conflicts: &Conflicts) -> Result<(), Box<dyn Error>> {
    let (cents, transfers) = totals(url).await?;
    println!(
        "{clients}: transfers committed: {transfers}, serialization failures: {}, deadlocks: {}, sum of all accounts: {}.{:02}",
        conflicts.serialization_failures.load(Relaxed),
        conflicts.deadlocks.load(Relaxed),
        cents / 100,
        cents % 100,
    );
    Ok(())
}
