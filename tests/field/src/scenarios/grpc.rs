//! gRPC: tonic and grpcio clients call a grpcio server, directly or through the proxy of this
//! package. All clients of a scenario call the same server at the same time.

use std::time::Duration;

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use tokio::time::{Instant, sleep, sleep_until};

use super::Scenario;
use crate::{
    Error,
    attempts::Attempts,
    clients::grpc::{Client, Kind, METHODS, Setup},
    load::{Call, Load, Records, drive},
    proxy::{Proxy, ProxyMode},
    servers::grpc::{GrpcServer, Log, Mode, Pushback},
    table::{Operation, Reached, Recovered, Report, Row, Terms},
};

/// A scenario as data.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    about: &'static str,
    short: bool,
    fault: Fault,
    /// The time during which calls arrive after the fault.
    after: Duration,
    /// The deadline of each call.
    deadline: Duration,
    clients: &'static [Kind],
    /// Whether another attempt within one second could succeed.
    repeatable: bool,
}

/// The fault. Unless noted, it begins one second after the first call.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The server ends by this signal, and the next process listens 50 ms later. This happens again
    /// 3 s later.
    RestartsTwice(End),
    /// The server is killed, and the next process listens after this time.
    Dead(Duration),
    /// From the beginning, the server has this mode. The given number of calls arrive at once.
    Burst(u32, Mode),
    /// From the beginning, the server has this mode. Calls arrive for this time.
    Settings(Mode, Duration),
    /// The proxy is in this state for this time.
    Proxy(ProxyMode, Duration),
}

/// How the server ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// SIGTERM: the server finishes its calls.
    Gracefully,
    /// SIGKILL.
    Killed,
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const BEFORE: Duration = ms(1000);
const RESTART: Duration = ms(50);
const BETWEEN_RESTARTS: Duration = ms(3000);
/// The rule counts attempts on a dead upstream after this time of a fault.
const SETTLED: Duration = ms(5000);
/// Arrivals per second and client, both methods together.
const PER_SECOND: f64 = 100.0;

const ALL: &[Kind] = &[Kind::Bare, Kind::Library, Kind::Ours, Kind::OursByServiceConfig, Kind::RetryAlone];

const BASE: Case = Case {
    name: "",
    about: "",
    short: false,
    fault: Fault::Dead(ms(80)),
    after: ms(3000),
    deadline: ms(10_000),
    clients: ALL,
    repeatable: false,
};

const CASES: &[Case] = &[
    Case {
        name: "grpc-restart-term",
        about: "the server is restarted twice (TERM, 50 ms later the next process listens), 100 calls/s",
        fault: Fault::RestartsTwice(End::Gracefully),
        short: true,
        ..BASE
    },
    Case {
        name: "grpc-restart-kill",
        about: "the server is killed (-9) twice, 50 ms later the next process listens, 100 calls/s",
        fault: Fault::RestartsTwice(End::Killed),
        repeatable: true,
        ..BASE
    },
    Case {
        name: "grpc-dead-80ms",
        about: "the server is dead for 80 ms, 100 calls/s",
        fault: Fault::Dead(ms(80)),
        repeatable: true,
        ..BASE
    },
    Case {
        name: "grpc-dead-1s",
        about: "the server is dead for 1 s, 100 calls/s",
        fault: Fault::Dead(ms(1000)),
        ..BASE
    },
    Case {
        name: "grpc-dead-5s",
        about: "the server is dead for 5 s, 100 calls/s",
        fault: Fault::Dead(ms(5000)),
        after: ms(6000),
        ..BASE
    },
    Case {
        name: "grpc-dead-10s",
        about: "the server is dead for 10 s, 100 calls/s",
        fault: Fault::Dead(ms(10_000)),
        after: ms(6000),
        ..BASE
    },
    Case {
        name: "grpc-burst",
        about: "60 calls at once, the server answers each first attempt with UNAVAILABLE",
        short: true,
        fault: Fault::Burst(60, Mode::Once("UNAVAILABLE", Pushback::Absent)),
        repeatable: true,
        ..BASE
    },
    Case {
        name: "grpc-pushback-100ms",
        about: "30 calls at once, the server answers each first attempt with UNAVAILABLE and a pushback of 100 ms",
        fault: Fault::Burst(30, Mode::Once("UNAVAILABLE", Pushback::After(ms(100)))),
        repeatable: true,
        ..BASE
    },
    Case {
        name: "grpc-pushback-never",
        about: "30 calls at once, the server answers each first attempt with UNAVAILABLE and a pushback of -1",
        fault: Fault::Burst(30, Mode::Once("UNAVAILABLE", Pushback::Never)),
        ..BASE
    },
    Case {
        name: "grpc-limit",
        about: "the server accepts 70 calls/s per client and rejects the others with RESOURCE_EXHAUSTED, 100 calls/s",
        fault: Fault::Settings(Mode::Limit(70, Pushback::Absent), ms(5000)),
        ..BASE
    },
    Case {
        name: "grpc-limit-pushback",
        about: "the server accepts 70 calls/s per client and rejects the others with RESOURCE_EXHAUSTED and a pushback of 200 ms, \
                100 calls/s",
        fault: Fault::Settings(Mode::Limit(70, Pushback::After(ms(200))), ms(5000)),
        ..BASE
    },
    Case {
        name: "grpc-cut",
        about: "a proxy cuts connections 10 bytes into a response for 300 ms, 100 calls/s",
        fault: Fault::Proxy(ProxyMode::Cuts { after: 10 }, ms(300)),
        ..BASE
    },
    Case {
        name: "grpc-half-close",
        about: "a proxy closes the response direction instead of forwarding responses for 300 ms, 100 calls/s",
        fault: Fault::Proxy(ProxyMode::HalfCloses, ms(300)),
        ..BASE
    },
    Case {
        name: "grpc-blackhole",
        about: "a proxy discards all bytes for 2 s, calls have a deadline of 500 ms, tonic sends a ping every \
                100 ms and waits 200 ms for the response, 100 calls/s",
        fault: Fault::Proxy(ProxyMode::Discards, ms(2000)),
        deadline: ms(500),
        ..BASE
    },
];

/// All scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    let scenario = |&case: &Case| Scenario {
        name: case.name,
        short: case.short,
        run: Box::new(move || -> BoxFuture<'static, _> { case.run().boxed() }),
    };
    CASES.iter().map(scenario).collect()
}

/// The beginning and the end of the fault, relative to the first call.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Duration,
    to: Duration,
}

impl Case {
    fn load(&self) -> Load {
        let (per_second, lasting) = match self.fault {
            Fault::Burst(calls, _) => (f64::from(calls) * 100.0, ms(10)),
            Fault::Settings(_, time) => (PER_SECOND, time),
            Fault::Dead(time) | Fault::Proxy(_, time) => (PER_SECOND, BEFORE + time + self.after),
            // 800 calls.
            Fault::RestartsTwice(_) => (PER_SECOND, ms(8000)),
        };
        // The deadline ends calls. The patience ends only calls that ignore their deadline.
        Load { operations: METHODS, per_second, lasting, patience: self.deadline + ms(2000) }
    }

    async fn run(self) -> Result<Report, Error> {
        let mut server = GrpcServer::start().await?;
        let proxy = Proxy::start(server.address()).await?;
        let target = if let Fault::Proxy(..) = self.fault { proxy.address() } else { server.address() };
        let setup =
            Setup { deadline: self.deadline, pings: matches!(self.fault, Fault::Proxy(ProxyMode::Discards, _)) };
        let mut clients = Vec::new();
        for &kind in self.clients {
            clients.push(Client::new(kind, target, setup).await?);
        }
        let load = self.load();
        warm_up(&clients).await?;
        server.prepare().await?;
        if let Fault::Burst(_, mode) | Fault::Settings(mode, _) = self.fault {
            server.set(mode).await?;
        }
        let start = Instant::now() + ms(50);
        let arrivals = clients.iter().cloned().map(|client| {
            let load = load.clone();
            tokio::spawn(async move { drive(&load, start, |call| client.clone().call(call)).await })
        });
        let arrivals: Vec<_> = arrivals.collect();
        sleep_until(start + BEFORE).await;
        let span = self.run_fault(&mut server, &proxy, start).await?;
        let records = join_all(arrivals).await;
        let (mut rows, mut late) = (Vec::new(), Duration::ZERO);
        for (client, records) in clients.iter().zip(records) {
            let records = records?;
            late = late.max(records.late);
            rows.push(self.row(client, &records, &server.log(), start, span));
        }
        let terms = Terms {
            per_second: if let Fault::Burst(..) = self.fault { 0.0 } else { load.per_second },
            fault: span.map(|span| span.to - span.from),
            once: &["Add"],
            repeatable: self.repeatable,
        };
        Ok(Report { scenario: self.name, about: self.about.to_owned(), terms, rows, late })
    }

    /// Runs the fault. Returns the beginning and the end of its last part, if it has an end.
    async fn run_fault(&self, server: &mut GrpcServer, proxy: &Proxy, start: Instant) -> Result<Option<Span>, Error> {
        match self.fault {
            Fault::Burst(..) | Fault::Settings(..) => Ok(None),
            Fault::RestartsTwice(end) => {
                restart(server, end, RESTART, start).await?;
                server.prepare().await?;
                sleep_until(start + BEFORE + BETWEEN_RESTARTS).await;
                Ok(Some(restart(server, end, RESTART, start).await?))
            }
            Fault::Dead(time) => Ok(Some(restart(server, End::Killed, time, start).await?)),
            Fault::Proxy(mode, time) => {
                let from = start.elapsed();
                proxy.set(mode);
                sleep(time).await;
                proxy.set(ProxyMode::Passes);
                Ok(Some(Span { from, to: start.elapsed() }))
            }
        }
    }

    fn row(&self, client: &Client, records: &Records, log: &Log, start: Instant, span: Option<Span>) -> Row {
        let prefix = client.prefix();
        let operation = |(number, &name): (usize, &&'static str)| Operation {
            name,
            offered: records.offered(number),
            lost: records.lost(number),
            twice: Some(log.executed_twice(&prefix, name)),
        };
        let reached = span.filter(|_| matches!(self.fault, Fault::Dead(time) if time > SETTLED)).and_then(|span| {
            let from = span.from + SETTLED;
            let attempts = client.attempts()?.between(start, from, span.to);
            Some(Reached { attempts, demand: records.arrived(from, span.to), during: span.to - from })
        });
        // Subtracts the warm-up call, which isn't part of the load.
        let attempts = client.attempts().map_or_else(|| log.received(&prefix), Attempts::total) - 1;
        Row {
            client: client.kind().name(),
            operations: METHODS.iter().enumerate().map(operation).collect(),
            recovered: span.map_or(Recovered::NotMeasured, |span| {
                let observed = self.load().lasting.saturating_sub(span.to);
                records.recovered_after(span.to).map_or(Recovered::NotWithin(observed), Recovered::After)
            }),
            attempts: Some(f64::from(attempts) / records.records.len() as f64),
            reached,
            notes: notes(records, client),
        }
    }
}

/// Ends the serving process, and makes the next one listen after `dead`.
async fn restart(server: &mut GrpcServer, end: End, dead: Duration, start: Instant) -> Result<Span, Error> {
    let from = start.elapsed();
    match end {
        End::Gracefully => server.terminate().await?,
        End::Killed => server.kill()?,
    }
    sleep(dead).await;
    server.listen().await?;
    Ok(Span { from, to: start.elapsed() })
}

/// Makes one call per client, so that the load begins on open connections.
pub(super) async fn warm_up(clients: &[Client]) -> Result<(), Error> {
    for client in clients {
        let call = client.clone().call(Call { id: u32::MAX, operation: 0 }).await;
        call.map_err(|reason| format!("{}: the first call failed: {reason}", client.kind().name()))?;
    }
    Ok(())
}

/// The most frequent reasons of losses, and whether the load was late.
fn notes(records: &Records, client: &Client) -> String {
    let reasons = records.reasons();
    let mut notes: Vec<_> = reasons.iter().take(3).map(|(reason, count)| format!("{reason} × {count}")).collect();
    if records.late > ms(50) {
        notes.push(format!("load up to {} ms late", records.late.as_millis()));
    }
    if client.attempts().is_none() {
        notes.push("attempts that reached the server".to_owned());
    }
    notes.join(", ")
}
