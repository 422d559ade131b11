//! PostgreSQL: 50 connections make 500 transactions that conflict. The clients of a scenario run in
//! sequence, because their transactions would also conflict.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};
use tokio::{spawn, time::Instant};
use tokio_postgres::{Client, NoTls, error::SqlState};
use tower_recourse::{
    RetryConfig, RetryLayer, Verdict,
    retry::{Backoff, Jitter, Policy},
};

use super::Scenario;
use crate::{
    Error,
    servers::postgres::PostgresServer,
    table::{Operation, Recovered, Report, Row, Terms},
};

const CONNECTIONS: u32 = 50;
const EACH: u32 = 10;

/// The statements of a transaction.
#[derive(Debug, Clone, Copy)]
enum Workload {
    /// SERIALIZABLE: reads the sum of 10 rows, and adds 1 to one of them. Any two concurrent
    /// transactions conflict (40001).
    Sum,
    /// READ COMMITTED: adds 1 to each of two of 20 rows, in varying order. Two concurrent
    /// transactions may wait for each other (40P01).
    Pairs,
}

/// How a transaction is retried.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bare,
    /// `RetryConfig::default()` with a closure that recognises conflicts.
    Default,
    /// `RetryConfig::transactions`.
    Transactions,
    /// Settings from which the preset was chosen: a name, the retries, and the first and longest
    /// delay in milliseconds.
    Settings(&'static str, u32, u64, u64),
}

const ALL: &[Kind] = &[Kind::Bare, Kind::Default, Kind::Transactions];
const SETTINGS: &[Kind] = &[
    Kind::Settings("5 retries, 5 ms to 500 ms", 5, 5, 500),
    Kind::Settings("10 retries, 5 ms to 500 ms", 10, 5, 500),
    Kind::Settings("20 retries, 1 ms to 50 ms", 20, 1, 50),
    Kind::Settings("20 retries, 5 ms to 100 ms", 20, 5, 100),
    Kind::Settings("20 retries, 5 ms to 500 ms", 20, 5, 500),
    Kind::Settings("20 retries, 10 ms to 1 s", 20, 10, 1000),
    Kind::Settings("20 retries, 50 ms to 2 s", 20, 50, 2000),
];

/// All scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    let scenario = |name, short, about, workload, kinds: &'static [Kind]| Scenario {
        name,
        short,
        run: Box::new(move || -> BoxFuture<'static, _> { run(name, about, workload, kinds).boxed() }),
    };
    vec![
        scenario(
            "postgres-conflicts",
            true,
            "50 connections make 10 SERIALIZABLE transactions each; any two concurrent ones conflict (40001)",
            Workload::Sum,
            ALL,
        ),
        scenario(
            "postgres-deadlocks",
            false,
            "50 connections make 10 transactions each, which lock two of 20 rows in varying order (40P01)",
            Workload::Pairs,
            ALL,
        ),
        scenario(
            "postgres-settings",
            false,
            "the transactions of `postgres-conflicts` without a budget, by number of retries and backoff with full jitter",
            Workload::Sum,
            SETTINGS,
        ),
    ]
}

async fn run(
    scenario: &'static str,
    about: &'static str,
    workload: Workload,
    kinds: &'static [Kind],
) -> Result<Report, Error> {
    let server = PostgresServer::start().await?;
    let mut rows = Vec::new();
    for &kind in kinds {
        rows.push(row(&server, workload, kind).await?);
    }
    server.stop().await?;
    // Closed loop: each connection starts its next transaction when the previous one ends, so there
    // is no arrival rate and nothing is late. A conflict can always succeed on retry
    // (`repeatable`).
    let terms = Terms { repeatable: true, ..Terms::default() };
    Ok(Report { scenario, about: about.to_owned(), terms, rows, late: Duration::ZERO })
}

async fn row(server: &PostgresServer, workload: Workload, kind: Kind) -> Result<Row, Error> {
    let default = RetryConfig::default();
    match kind {
        Kind::Bare => measure(server, workload, kind, default.retries(0).classify_errors(judge)).await,
        Kind::Default => measure(server, workload, kind, default.classify_errors(judge)).await,
        Kind::Transactions => measure(server, workload, kind, RetryConfig::transactions(is_conflict)).await,
        Kind::Settings(_, retries, first, longest) => {
            let backoff = Backoff::exponential(Duration::from_millis(first)).max(Duration::from_millis(longest));
            let config = default.retries(retries).backoff(backoff.jitter(Jitter::Full)).without_budget();
            measure(server, workload, kind, config.classify_errors(judge)).await
        }
    }
}

async fn measure<C>(
    server: &PostgresServer,
    workload: Workload,
    kind: Kind,
    config: RetryConfig<C>,
) -> Result<Row, Error>
where
    RetryConfig<C>: Policy<(), (), tokio_postgres::Error, State: Send> + Send + Sync + 'static,
{
    let admin = connect(server).await?;
    admin
        .batch_execute(
            "DROP TABLE IF EXISTS counters, executed;
             CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL);
             INSERT INTO counters SELECT id, 0 FROM generate_series(0, 19) AS id;
             CREATE TABLE executed (transaction int NOT NULL);",
        )
        .await?;
    let attempts = Arc::new(AtomicU32::new(0));
    let retry = RetryLayer::new(config);
    let clients = try_join_all((0..CONNECTIONS).map(|_| connect(server))).await?;
    let start = Instant::now();
    let workers = clients.into_iter().zip(0..).map(|(client, worker): (Client, u32)| {
        let (retry, attempts) = (retry.clone(), Arc::clone(&attempts));
        spawn(async move {
            let mut lost = 0;
            for id in worker * EACH..(worker + 1) * EACH {
                let attempt = |_| {
                    attempts.fetch_add(1, Ordering::Relaxed);
                    transaction(&client, workload, id)
                };
                lost += u32::from(retry.run(attempt).await.is_err());
            }
            lost
        })
    });
    let lost = try_join_all(workers.collect::<Vec<_>>()).await?.into_iter().sum();
    let took = start.elapsed();
    let twice = "SELECT count(*) FROM (SELECT FROM executed GROUP BY transaction HAVING count(*) > 1) AS twice";
    let twice: i64 = admin.query_one(twice, &[]).await?.get(0);
    let offered = CONNECTIONS * EACH;
    Ok(Row {
        client: kind.name(),
        operations: vec![Operation { name: "transaction", offered, lost, twice: Some(twice as u32) }],
        recovered: Recovered::NotMeasured,
        attempts: Some(f64::from(attempts.load(Ordering::Relaxed)) / f64::from(offered)),
        reached: None,
        notes: format!("{} committed in {:.2} s", offered - lost, took.as_secs_f64()),
    })
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Default => "retry default",
            Self::Transactions => "ours",
            Self::Settings(name, ..) => name,
        }
    }
}

/// Whether the server rolled the transaction back because it conflicted with another one. It may
/// succeed when the other one has ended.
fn is_conflict(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
}

fn judge(error: &tokio_postgres::Error) -> Verdict {
    if is_conflict(error) { Verdict::transient() } else { Verdict::permanent() }
}

async fn connect(server: &PostgresServer) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(&server.settings(), NoTls).await?;
    // The task ends when the client is dropped. The client also returns its error.
    spawn(connection);
    Ok(client)
}

async fn transaction(client: &Client, workload: Workload, id: u32) -> Result<(), tokio_postgres::Error> {
    let done = async {
        match workload {
            Workload::Sum => {
                client.batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
                let sum: i64 = client.query_one("SELECT sum(n) FROM counters WHERE id < 10", &[]).await?.get(0);
                let counter = (i64::from(id) + sum) % 10;
                client.batch_execute(&format!("UPDATE counters SET n = n + 1 WHERE id = {counter}")).await?;
            }
            Workload::Pairs => {
                client.batch_execute("BEGIN").await?;
                // Each pair of the 20 rows occurs in both orders.
                let (first, second) = (id % 20, (id % 20 + 1 + id / 20 % 19) % 20);
                for counter in [first, second] {
                    client.batch_execute(&format!("UPDATE counters SET n = n + 1 WHERE id = {counter}")).await?;
                }
            }
        }
        client.batch_execute(&format!("INSERT INTO executed VALUES ({id}); COMMIT")).await
    };
    match done.await {
        Ok(()) => Ok(()),
        Err(error) => {
            // An error here means that the connection is lost, which also ends the transaction.
            _ = client.batch_execute("ROLLBACK").await;
            Err(error)
        }
    }
}
