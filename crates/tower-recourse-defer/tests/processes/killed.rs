//! Processes that are killed or terminated at random points.

use tempfile::TempDir;
use tower_recourse_defer::{Queue, postgres::PostgresQueue, sqlite::SqliteQueue};

use crate::{
    child::{Work, is_child, job},
    postgres_server::PostgresServer,
    run::{Run, count, finished, put_jobs},
};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &TempDir) -> String {
    folder.path().join("jobs.db").to_str().unwrap().to_owned()
}

/// Two workers run the jobs. One of them gets the signal, and another one takes its place.
async fn signal_workers(run: &mut Run, queue: &impl Queue, signal: &str, times: u32) {
    put_jobs(queue).await;
    let mut workers = [run.spawn("worker"), run.spawn("worker")];
    for number in 0..times {
        run.wait(0.1, 0.7).await;
        let chosen = usize::from(run.random() < 0.5);
        run.replace(&mut workers[chosen], signal, "worker");
        // New jobs, so that there is work until the last signal.
        if number % 10 == 9 {
            put_more(queue, number).await;
        }
    }
    finished(queue).await;
    for worker in &mut workers {
        run.end(worker, "-TERM");
    }
}

/// Stores 20 jobs, all of which succeed in the end.
async fn put_more(queue: &impl Queue, number: u32) {
    for extra in 0..20 {
        let work = Work { fails: extra % 4, ms: 150 };
        queue.put(&job(&format!("extra-{number}-{extra}"), &work)).await.unwrap();
    }
}

/// Every fifth of the first 40 jobs fails at each attempt; all other jobs succeed.
async fn check(run: &Run, queue: &impl Queue, times: u32) {
    let (verdict, counts) = (run.verdict(), queue.counts().await.unwrap());
    println!("{times} signals: {verdict}; {counts:?}");
    let jobs = 40 + 20 * u64::from(times / 10);
    assert_eq!((counts.done, counts.dead), (jobs - 8, 8), "nothing is lost");
    assert_eq!(verdict.ok.len() as u64, counts.done, "what is done was called");
    assert_eq!(verdict.most_attempts, 4, "no attempt exceeds the limit");
    assert_eq!(verdict.at_once, [""; 0], "no job runs twice at once");
}

#[tokio::test]
async fn killed_workers_lose_no_job_on_sqlite() {
    if is_child().await {
        return;
    }
    let (folder, times) = (folder(), count(10, 50));
    let queue = SqliteQueue::open(file(&folder)).await.unwrap();
    let mut run = Run::new("killed::killed_workers_lose_no_job_on_sqlite", file(&folder), folder.path());
    signal_workers(&mut run, &queue, "-KILL", times).await;
    check(&run, &queue, times).await;
}

#[tokio::test]
async fn killed_workers_lose_no_job_on_postgres() {
    if is_child().await {
        return;
    }
    let (folder, server, times) = (folder(), PostgresServer::start().await, count(10, 50));
    let queue = PostgresQueue::connect(&server.url()).await.unwrap();
    queue.migrate().await.unwrap();
    let mut run = Run::new("killed::killed_workers_lose_no_job_on_postgres", server.url(), folder.path());
    signal_workers(&mut run, &queue, "-KILL", times).await;
    check(&run, &queue, times).await;
}

#[tokio::test]
async fn terminated_workers_repeat_no_attempt_on_sqlite() {
    if is_child().await {
        return;
    }
    let (folder, times) = (folder(), count(10, 100));
    let queue = SqliteQueue::open(file(&folder)).await.unwrap();
    let mut run = Run::new("killed::terminated_workers_repeat_no_attempt_on_sqlite", file(&folder), folder.path());
    signal_workers(&mut run, &queue, "-TERM", times).await;
    check(&run, &queue, times).await;
    assert_eq!(run.verdict().repeated, 0);
}

#[tokio::test]
async fn terminated_workers_repeat_no_attempt_on_postgres() {
    if is_child().await {
        return;
    }
    let (folder, server, times) = (folder(), PostgresServer::start().await, count(10, 100));
    let queue = PostgresQueue::connect(&server.url()).await.unwrap();
    queue.migrate().await.unwrap();
    let mut run = Run::new("killed::terminated_workers_repeat_no_attempt_on_postgres", server.url(), folder.path());
    signal_workers(&mut run, &queue, "-TERM", times).await;
    check(&run, &queue, times).await;
    assert_eq!(run.verdict().repeated, 0);
}

/// Two fronts store jobs, and one of them is killed. What it accepted isn't lost.
#[tokio::test]
async fn killed_fronts_lose_no_accepted_job() {
    if is_child().await {
        return;
    }
    let (folder, times) = (folder(), count(5, 20));
    let queue = SqliteQueue::open(file(&folder)).await.unwrap();
    let mut run = Run::new("killed::killed_fronts_lose_no_accepted_job", file(&folder), folder.path());
    let mut fronts = [run.spawn("front"), run.spawn("front")];
    for _ in 0..times {
        run.wait(0.1, 0.5).await;
        let chosen = usize::from(run.random() < 0.5);
        run.replace(&mut fronts[chosen], "-KILL", "front");
    }
    run.wait(0.3, 0.5).await;
    for front in &mut fronts {
        run.end(front, "-KILL");
    }
    let accepted = run.verdict().accepted;
    println!("{times} fronts killed, {} jobs accepted", accepted.len());
    assert!(accepted.len() > 20, "{}", accepted.len());
    let mut lost = Vec::new();
    for name in &accepted {
        if queue.status(&crate::run::key(name)).await.unwrap().is_none() {
            lost.push(name);
        }
    }
    assert_eq!(lost, [""; 0]);
    // A front may die between the queue's answer and its own: at most one job per killed front.
    let stored = queue.counts().await.unwrap().waiting;
    assert!(stored - accepted.len() as u64 <= u64::from(times) + 2, "{stored} {}", accepted.len());
}

#[tokio::test]
async fn a_killed_database_loses_no_job() {
    if is_child().await {
        return;
    }
    let (folder, mut server, times) = (folder(), PostgresServer::start().await, count(3, 10));
    let queue = PostgresQueue::connect(&server.url()).await.unwrap();
    queue.migrate().await.unwrap();
    let mut run = Run::new("killed::a_killed_database_loses_no_job", server.url(), folder.path());
    put_jobs(&queue).await;
    let mut workers = [run.spawn("worker"), run.spawn("worker")];
    for number in 0..times {
        run.wait(0.2, 1.0).await;
        put_more(&queue, number).await;
        run.wait(0.0, 0.3).await;
        server.restart("-KILL").await;
    }
    let counts = finished(&queue).await;
    for worker in &mut workers {
        assert!(worker.try_wait().unwrap().is_none(), "no worker ends by itself");
        run.end(worker, "-TERM");
    }
    let verdict = run.verdict();
    println!("{times} kills of the database: {verdict}; {counts:?}");
    let succeeding = 32 + 20 * u64::from(times);
    assert_eq!((counts.done, counts.dead), (succeeding, 8), "nothing is lost");
    assert_eq!((verdict.ok.len() as u64, verdict.most_attempts), (succeeding, 4));
    assert_eq!(verdict.at_once, [""; 0], "no job runs twice at once");
}
