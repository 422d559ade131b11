//! A batch runner: each item may be tried again 3 times and all of them 50 times, in all runs together.
//! `cargo run --example batch_runner --features store,audit`
//!
//! Time is paused: tokio moves its clock on whenever everybody waits, so that minutes take none. The files are real.

mod batch;
mod operator;

use std::{error::Error, fs, io, time::Duration};

use batch::Batch;
use tower_recourse::{Attempt, retry::Backoff};
use tracing::Level;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().with_max_level(Level::WARN).without_time().with_target(false).with_ansi(false).init();
    let folder = tempfile::tempdir()?;
    let open = || {
        let backoff = Backoff::exponential(Duration::from_secs(1));
        Batch::open(folder.path(), "b-17", backoff, |message| println!("  >>> {message}"))
    };

    println!(
        "first run: `letter` needs two attempts, `novel` is no text, `poem` is hopeless; from `play` on, all is down"
    );
    let batch = open()?;
    for item in ["letter", "novel", "poem", "song", "play", "ode", "hymn", "tale"] {
        report(&batch, item, |attempt| first_run(item, attempt)).await;
    }
    println!(
        "  the same file can't be used twice: {}",
        open().err().map(|error| error.to_string()).unwrap_or_default()
    );
    drop(batch);

    println!("second run: nothing is forgotten, and all is well again but `poem`");
    let batch = open()?;
    report(&batch, "poem", down).await;
    batch.resume();
    report(&batch, "poem", down).await;
    report(&batch, "play", |_| async { Ok(()) }).await;
    batch.consent.turn_off();
    report(&batch, "ode", down).await;
    println!("  {} retries of 50 were made in all", batch.ledger.total_retries());
    drop(batch);

    println!("what was written down:");
    for line in fs::read_to_string(folder.path().join("b-17.audit.jsonl"))?.lines() {
        println!("  {line}");
    }
    Ok(())
}

async fn report<F>(batch: &Batch, item: &str, work: impl Fn(Attempt) -> F)
where
    F: Future<Output = io::Result<()>>,
{
    match batch.process(item, work).await {
        Ok(()) => println!("  {item}: done after {} retries", batch.ledger.retries_for_key(item)),
        Err(not) => println!("  {item}: not done, {}, after {} retries: {}", not.reason, not.retries, not.error),
    }
}

async fn first_run(item: &str, attempt: Attempt) -> io::Result<()> {
    match item {
        "letter" if attempt.number() > 1 => Ok(()),
        "song" => Ok(()),
        "novel" => Err(io::Error::new(io::ErrorKind::InvalidData, "not a text")),
        _ => down(attempt).await,
    }
}

async fn down(_: Attempt) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::ConnectionReset))
}
