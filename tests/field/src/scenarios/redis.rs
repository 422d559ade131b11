//! Redis through restarts: `GET`, which may be repeated, and `INCR`, which must not. All clients of
//! a scenario call the same server at the same time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use redis::{
    RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::{Instant, sleep, sleep_until};
use tower_recourse::{BreakerConfig, BreakerError, Circuit, Delivery, RetryConfig, RetryLayer, Verdict};

use super::Scenario;
use crate::{
    Error,
    attempts::Attempts,
    load::{Call, Load, Lost, Records, drive},
    proxy::{Proxy, ProxyMode},
    servers::redis::RedisServer,
    table::{Operation, Recovered, Report, Row, Terms},
};

const OPERATIONS: &[&str] = &["GET", "INCR"];
const CLIENTS: &[Kind] = &[Kind::Bare, Kind::Library, Kind::Ours, Kind::OursByClosure, Kind::RetryAlone];

const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(3);
const PULSE: Duration = Duration::from_millis(100);

/// The fault that begins one second after the first call.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The server is killed and started again at once. This happens the given number of times,
    /// every second.
    Restarts(u32),
    /// For 10 ms, the proxy closes connections instead of forwarding a response, after the server
    /// has executed the command. This happens the given number of times, every 100 ms.
    AnswersLost(u32),
}

/// All scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    let scenario = |name, short, about, fault| Scenario {
        name,
        short,
        run: Box::new(move || -> BoxFuture<'static, _> { run(name, about, fault).boxed() }),
    };
    vec![
        scenario(
            "redis-restart",
            false,
            "redis-server (append-only file) is killed (-9) and started again at once, four times, 200 calls/s",
            Fault::Restarts(4),
        ),
        scenario(
            "redis-answers-lost",
            true,
            "a proxy closes connections instead of forwarding the response, 20 times for 10 ms, 200 calls/s",
            Fault::AnswersLost(20),
        ),
    ]
}

async fn run(scenario: &'static str, about: &'static str, fault: Fault) -> Result<Report, Error> {
    let mut server = RedisServer::start().await?;
    let proxy = Proxy::start(server.address()).await?;
    let (target, lasting) = match fault {
        Fault::Restarts(times) => (server.address(), BEFORE * times + AFTER),
        Fault::AnswersLost(times) => (proxy.address(), BEFORE + PULSE * times + AFTER),
    };
    let mut clients = Vec::new();
    for &kind in CLIENTS {
        clients.push(Client::new(kind, target).await?);
    }
    let load = Load { operations: OPERATIONS, per_second: 200.0, lasting, patience: Duration::from_secs(10) };
    let start = Instant::now() + Duration::from_millis(50);
    let arrivals = clients.iter().cloned().map(|client| {
        let load = load.clone();
        tokio::spawn(async move { drive(&load, start, |call| client.clone().call(call)).await })
    });
    let arrivals: Vec<_> = arrivals.collect();
    let (from, to) = match fault {
        Fault::Restarts(times) => {
            let mut span = (Duration::ZERO, Duration::ZERO);
            for time in 1..=times {
                sleep_until(start + BEFORE * time).await;
                span.0 = start.elapsed();
                server.kill()?;
                server.start_again().await?;
                span.1 = start.elapsed();
            }
            span
        }
        Fault::AnswersLost(times) => {
            for time in 0..times {
                sleep_until(start + BEFORE + PULSE * time).await;
                proxy.set(ProxyMode::Cuts { after: 0 });
                sleep(Duration::from_millis(10)).await;
                proxy.set(ProxyMode::Passes);
            }
            (BEFORE, start.elapsed())
        }
    };
    let records = join_all(arrivals).await;
    let (mut rows, mut late) = (Vec::new(), Duration::ZERO);
    for (client, records) in clients.iter().zip(records) {
        let records = records?;
        late = late.max(records.late);
        let executions = executions(server.address(), client.kind, &records).await?;
        rows.push(row(client, &records, &executions, to));
    }
    let terms = Terms { per_second: load.per_second, fault: Some(to - from), once: &["INCR"], repeatable: false };
    Ok(Report { scenario, about: about.to_owned(), terms, rows, late })
}

/// The kind of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The redis crate's connection manager, which reconnects when a call needs it, with one try.
    Bare,
    /// The redis crate's connection manager with its defaults: it tries 6 times to connect, and
    /// calls wait for that. It repeats no command.
    Library,
    /// `RetryLayer::run` around `Circuit::call` with the defaults, around the bare client. `GET` is
    /// idempotent.
    Ours,
    /// The same with a closure for `INCR` that recognises refused connections.
    OursByClosure,
    /// `RetryLayer::run` with the defaults, without a breaker, around the bare client.
    RetryAlone,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Library => "library",
            Self::Ours => "ours",
            Self::OursByClosure => "ours (closure)",
            Self::RetryAlone => "retry alone",
        }
    }

    /// The key that the `INCR` of one call increments.
    fn key(self, id: u32) -> String {
        format!("{self:?}:{id}")
    }
}

type Caller = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<(), Lost>> + Send + Sync>;

/// A client of one address.
#[derive(Clone)]
struct Client {
    kind: Kind,
    attempts: Attempts,
    caller: Caller,
}

impl Client {
    async fn new(kind: Kind, target: SocketAddr) -> Result<Self, Error> {
        let redis = redis::Client::open(format!("redis://{target}"))?;
        let mut config = ConnectionManagerConfig::new();
        if kind != Kind::Library {
            config = config.set_number_of_retries(0);
        }
        let manager = ConnectionManager::new_with_config(redis, config).await?;
        let attempts = Attempts::new();
        let counted = attempts.clone();
        let command = move |call| {
            counted.record();
            command(manager.clone(), kind, call)
        };
        let caller: Caller = match kind {
            Kind::Bare | Kind::Library => {
                Arc::new(move |call| command(call).map(|done| done.map_err(|error| reason(&error))).boxed())
            }
            Kind::Ours | Kind::OursByClosure | Kind::RetryAlone => ours(kind, command),
        };
        Ok(Self { kind, attempts, caller })
    }

    async fn call(self, call: Call) -> Result<(), Lost> {
        (self.caller)(call).await
    }
}

async fn command(mut connection: ConnectionManager, kind: Kind, call: Call) -> Result<(), RedisError> {
    let (name, key) = (OPERATIONS[call.operation], kind.key(call.id));
    redis::cmd(name).arg(key).query_async::<Option<i64>>(&mut connection).await.map(drop)
}

fn ours<F, Fut>(kind: Kind, command: F) -> Caller
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), RedisError>> + Send,
{
    let circuit = Circuit::new(BreakerConfig::default());
    let get = RetryLayer::new(RetryConfig::default().idempotent());
    let increment = RetryLayer::new(RetryConfig::default());
    let increment_by_closure =
        RetryLayer::new(RetryConfig::default().classify_errors(|error: &BreakerError<RedisError>| match error {
            BreakerError::Inner(error) if error.is_connection_refusal() => {
                Verdict::transient().delivery(Delivery::NotSent)
            }
            _ => Verdict::permanent(),
        }));
    Arc::new(move |call| {
        let (circuit, command) = (circuit.clone(), command.clone());
        let attempt = move |_| {
            let (circuit, command) = (circuit.clone(), command.clone());
            async move {
                match kind {
                    Kind::RetryAlone => command(call).await.map_err(BreakerError::Inner),
                    _ => circuit.call(|| command(call)).await,
                }
            }
        };
        let lost = |done: Result<(), BreakerError<RedisError>>| {
            done.map_err(|error| match error {
                BreakerError::Rejected(_) => "rejected".to_owned(),
                BreakerError::Inner(error) => reason(&error),
            })
        };
        match (call.operation, kind) {
            (0, _) => get.run(attempt).map(lost).boxed(),
            (_, Kind::OursByClosure) => increment_by_closure.run(attempt).map(lost).boxed(),
            _ => increment.run(attempt).map(lost).boxed(),
        }
    })
}

fn reason(error: &RedisError) -> Lost {
    match error {
        error if error.is_connection_refusal() => "refused".to_owned(),
        error if error.is_timeout() => "timed out".to_owned(),
        error if error.is_connection_dropped() => "connection lost".to_owned(),
        error => error.to_string(),
    }
}

/// The number of executions of each `INCR` of a client.
async fn executions(server: SocketAddr, kind: Kind, records: &Records) -> Result<Vec<i64>, Error> {
    let mut connection = redis::Client::open(format!("redis://{server}"))?.get_multiplexed_async_connection().await?;
    let increments = records.records.iter().filter(|record| record.call.operation == 1);
    let keys: Vec<_> = increments.map(|record| kind.key(record.call.id)).collect();
    let values: Vec<Option<i64>> = redis::cmd("MGET").arg(keys).query_async(&mut connection).await?;
    Ok(values.into_iter().map(Option::unwrap_or_default).collect())
}

fn row(client: &Client, records: &Records, executions: &[i64], end: Duration) -> Row {
    let operation = |(number, &name): (usize, &&'static str)| Operation {
        name,
        offered: records.offered(number),
        lost: records.lost(number),
        twice: (number == 1).then(|| executions.iter().filter(|&&times| times > 1).count() as u32),
    };
    let reasons: Vec<_> =
        records.reasons().iter().take(3).map(|(reason, count)| format!("{reason} × {count}")).collect();
    let observed = records.records.last().map_or(Duration::ZERO, |record| record.due.saturating_sub(end));
    Row {
        client: client.kind.name(),
        operations: OPERATIONS.iter().enumerate().map(operation).collect(),
        recovered: records.recovered_after(end).map_or(Recovered::NotWithin(observed), Recovered::After),
        attempts: Some(f64::from(client.attempts.total()) / records.records.len() as f64),
        reached: None,
        notes: reasons.join(", "),
    }
}
