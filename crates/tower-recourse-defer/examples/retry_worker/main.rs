//! Durable retries: a front stores the requests that its upstream fails, and workers send them
//! later. One of the workers is killed meanwhile.
//!
//! ```sh
//! cargo run --release -p tower-recourse-defer --example retry_worker
//! ```
//!
//! Time runs 20 times as fast as it is shown: the retries after 10, 30 and 90 s take 0.5, 1.5 and
//! 4.5 s. The upstream is down until t = 100 s.

mod front;
mod scaled;
mod upstream;
mod worker;

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    path::Path,
    process::{Child, Command},
};

use scaled::{Timeline, scaled};
use tower_recourse_defer::{Queue, sqlite::SqliteQueue};
use upstream::Upstream;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["worker", file] => worker::run(file).await,
        _ => show().await,
    }
}

async fn show() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("jobs.db");
    let timeline = Timeline::start();
    let upstream = Upstream::start(timeline).await?;
    let queue = SqliteQueue::open(&file).await?;
    let front = front::start(queue.clone(), &upstream.url()).await?;

    let mut first = start_worker(&file)?;
    timeline.show(format_args!("worker {} starts; the upstream is down; ten clients send their orders", first.id()));
    let orders = (0..10).map(|number| tokio::spawn(front::order(front, number)));
    for order in orders.collect::<Vec<_>>() {
        let (status, location) = order.await??;
        if location.ends_with("-0") {
            timeline.show(format_args!("the front answers {status}, Location: {location}"));
        }
    }
    timeline.show(format_args!("{} jobs wait", queue.counts().await?.waiting));

    timeline.until(40).await;
    while queue.counts().await?.running == 0 {
        tokio::time::sleep(scaled(1) / 10).await;
    }
    first.kill()?;
    first.wait()?;
    timeline.show(format_args!("worker {} is killed (kill -9) while it runs its jobs", first.id()));
    let mut second = start_worker(&file)?;
    timeline.show(format_args!("worker {} takes over; the leases of the killed one end after 30 s", second.id()));

    timeline.until(100).await;
    upstream.recover();
    timeline.show("the upstream is back");
    while queue.counts().await?.done < 10 {
        tokio::time::sleep(scaled(1)).await;
        if timeline.now() > 400 {
            return Err(format!("not done: {:?}", queue.counts().await?).into());
        }
    }
    let status = front::status(front, 0).await?;
    timeline.show(format_args!("all jobs are done; the status of the first is {status}"));
    second.kill()?;
    second.wait()?;

    println!("\nThe upstream's log, by order (seconds; ✗ is 503, ✓ is 200, … is a call that was cut off):");
    let mut attempts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in upstream.log() {
        attempts.entry(call.order.clone()).or_default().push(call.to_string());
    }
    for (order, attempts) in &attempts {
        println!("  {order}: {}", attempts.join(", "));
    }
    let done = attempts.values().filter(|attempts| attempts.last().is_some_and(|last| last.ends_with('✓'))).count();
    println!("{done} of 10 orders are done, by the upstream's own log.");
    if done == 10 { Ok(()) } else { Err("an order is missing".into()) }
}

fn start_worker(file: &Path) -> Result<Child, BoxError> {
    Ok(Command::new(env::current_exe()?).arg("worker").arg(file).spawn()?)
}
