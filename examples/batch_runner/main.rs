//! A batch runner that retries each item at most 3 times and all items at most 50 times, over all
//! runs.
//!
//! ```sh
//! cargo run --example batch_runner --features store,audit
//! ```
//!
//! Time is paused: tokio advances its clock while all tasks wait, so the example doesn't wait. The
//! files are real.

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
        "first run: `letter` needs two attempts, `novel` is invalid, `poem` always fails; from `play` on, every item fails"
    );
    let batch = open()?;
    for item in ["letter", "novel", "poem", "song", "play", "ode", "hymn", "tale"] {
        report(&batch, item, |attempt| first_run(item, attempt)).await;
    }
    println!(
        "  a second runner can't open the same batch: {}",
        open().err().map(|error| error.to_string()).unwrap_or_default()
    );
    drop(batch);

    println!("second run: the state is restored; `poem` still fails, and `play` succeeds");
    let batch = open()?;
    report(&batch, "poem", down).await;
    batch.resume();
    report(&batch, "poem", down).await;
    report(&batch, "play", |_| async { Ok(()) }).await;
    batch.retry_switch.turn_off();
    report(&batch, "ode", down).await;
    println!("  {} of 50 retries were made in total", batch.quota.total_retries());
    drop(batch);

    println!("audit log:");
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
        Ok(()) => println!("  {item}: done after {} retries", batch.quota.retries_for_key(item)),
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
