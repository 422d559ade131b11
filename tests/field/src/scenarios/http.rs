//! HTTP through nginx, HAProxy, the proxy of this package, or directly.

use std::time::Duration;

use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};
use tokio::time::{Instant, sleep, sleep_until};

use super::Scenario;
use crate::{
    Error,
    clients::{Client, Kind, METHODS, Setup},
    load::{Load, Records, drive},
    proxy::{Proxy, ProxyMode},
    servers::{
        haproxy::{self, Haproxy},
        nginx::{self, Limit, Nginx},
    },
    table::{Operation, Reached, Recovered, Report, Row, Terms},
    upstream::{Executions, Health, Upstream, accepts},
};

/// A scenario as data.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    about: &'static str,
    short: bool,
    path: Path,
    upstreams: usize,
    /// The response time of a healthy upstream.
    latency: Duration,
    /// The length of a response's body in bytes.
    length: usize,
    /// Arrivals per second of each method.
    per_second: f64,
    fault: Fault,
    /// The time during which requests arrive after the fault.
    after: Duration,
    patience: Duration,
    setup: Setup,
    clients: &'static [Kind],
    /// Whether another attempt within one second could succeed.
    repeatable: bool,
}

/// The gateway or proxy between the client and the upstreams.
#[derive(Debug, Clone, Copy)]
enum Path {
    Direct,
    Proxy,
    Nginx(fn(&mut nginx::Settings)),
    Haproxy(fn(&mut haproxy::Settings)),
}

/// The fault. Unless noted, it begins one second after the first request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The settings of the server are the fault, from the beginning. Requests arrive for this time.
    Settings(Duration),
    /// The upstreams are dead for this time: they don't listen, and their connections are closed.
    Dead(Duration),
    /// The second of two upstreams is dead from the beginning. Requests arrive for this time.
    HalfDead(Duration),
    /// The upstreams have this health for this time.
    Unhealthy(Health, Duration),
    /// The proxy is in this state for this time.
    Proxy(ProxyMode, Duration),
    /// The upstream is killed and started again at once.
    UpstreamRestarts,
    NginxReloads,
    NginxRestarts,
    /// nginx is killed, and started again after this time.
    NginxIsKilled(Duration),
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const BEFORE: Duration = ms(1000);
/// The rule counts attempts on a dead upstream after this time of a fault.
const SETTLED: Duration = ms(5000);

const THREE: &[Kind] = &[Kind::Bare, Kind::Library, Kind::Ours];
const WITH_REQWEST: &[Kind] = &[Kind::Bare, Kind::Library, Kind::Ours, Kind::OursOverReqwest];
const WITH_RETRY_ALONE: &[Kind] = &[Kind::Bare, Kind::Library, Kind::Ours, Kind::RetryAlone];
const WITH_BODIES: &[Kind] = &[Kind::Bare, Kind::Library, Kind::Ours, Kind::OursWithBodies];

const NGINX: Path = Path::Nginx(|_| ());

/// The settings that most scenarios share.
const BASE: Case = Case {
    name: "",
    about: "",
    short: false,
    path: NGINX,
    upstreams: 1,
    latency: ms(3),
    length: 200,
    per_second: 100.0,
    fault: Fault::Settings(ms(5000)),
    after: ms(5000),
    patience: ms(10_000),
    setup: Setup { http2: false, attempt: None },
    clients: THREE,
    repeatable: false,
};

const CASES: &[Case] = &[
    Case {
        name: "nginx-reload",
        about: "nginx reloads its configuration (`nginx -s reload`), 100/s of each method",
        fault: Fault::NginxReloads,
        clients: WITH_REQWEST,
        repeatable: true,
        ..BASE
    },
    Case {
        name: "nginx-restart",
        about: "nginx stops gracefully (QUIT) and is started again, 100/s of each method",
        short: true,
        fault: Fault::NginxRestarts,
        after: ms(3000),
        clients: WITH_REQWEST,
        repeatable: true,
        ..BASE
    },
    Case {
        name: "nginx-killed",
        about: "nginx is killed (-9) and started again after 200 ms, 100/s of each method",
        fault: Fault::NginxIsKilled(ms(200)),
        clients: WITH_REQWEST,
        ..BASE
    },
    Case {
        name: "upstream-killed",
        about: "the upstream is killed (-9) and started again at once, without a gateway, 100/s of each method",
        path: Path::Direct,
        latency: ms(20),
        fault: Fault::UpstreamRestarts,
        clients: WITH_REQWEST,
        repeatable: true,
        ..BASE
    },
    Case {
        name: "nginx-dead-10ms",
        about: "the upstream behind nginx is dead for 10 ms (502), 200/s of each method",
        per_second: 200.0,
        fault: Fault::Dead(ms(10)),
        repeatable: true,
        ..BASE
    },
    Case {
        name: "nginx-dead-80ms",
        about: "the upstream behind nginx is dead for 80 ms (502), 500/s of each method",
        short: true,
        per_second: 500.0,
        fault: Fault::Dead(ms(80)),
        clients: WITH_RETRY_ALONE,
        repeatable: true,
        ..BASE
    },
    Case {
        name: "nginx-dead-300ms",
        about: "the upstream behind nginx is dead for 300 ms (502), 200/s of each method",
        short: true,
        per_second: 200.0,
        fault: Fault::Dead(ms(300)),
        after: ms(4000),
        clients: WITH_RETRY_ALONE,
        ..BASE
    },
    Case {
        name: "nginx-dead-1s",
        about: "the upstream behind nginx is dead for 1 s (502), 200/s of each method",
        per_second: 200.0,
        fault: Fault::Dead(ms(1000)),
        ..BASE
    },
    Case {
        name: "nginx-dead-5s",
        about: "the upstream behind nginx is dead for 5 s (502), 200/s of each method",
        per_second: 200.0,
        fault: Fault::Dead(ms(5000)),
        after: ms(8000),
        clients: WITH_RETRY_ALONE,
        ..BASE
    },
    Case {
        name: "nginx-dead-30s",
        about: "the upstream behind nginx is dead for 30 s (502), 100/s of each method",
        fault: Fault::Dead(ms(30_000)),
        after: ms(8000),
        clients: WITH_RETRY_ALONE,
        ..BASE
    },
    Case {
        name: "direct-dead-80ms",
        about: "the upstream is dead for 80 ms (connections refused), without a gateway, 300/s of each method",
        path: Path::Direct,
        per_second: 300.0,
        fault: Fault::Dead(ms(80)),
        repeatable: true,
        ..BASE
    },
    Case {
        name: "direct-dead-1s",
        about: "the upstream is dead for 1 s (connections refused), without a gateway, 200/s of each method",
        path: Path::Direct,
        per_second: 200.0,
        fault: Fault::Dead(ms(1000)),
        clients: WITH_REQWEST,
        ..BASE
    },
    Case {
        name: "direct-dead-5s",
        about: "the upstream is dead for 5 s (connections refused), without a gateway, 200/s of each method",
        path: Path::Direct,
        per_second: 200.0,
        fault: Fault::Dead(ms(5000)),
        after: ms(8000),
        ..BASE
    },
    Case {
        name: "direct-dead-30s",
        about: "the upstream is dead for 30 s (connections refused), without a gateway, 100/s of each method",
        path: Path::Direct,
        fault: Fault::Dead(ms(30_000)),
        after: ms(8000),
        clients: WITH_REQWEST,
        ..BASE
    },
    Case {
        name: "direct-dead-5s-slow-traffic",
        about: "the upstream is dead for 5 s (connections refused), without a gateway, 4/s of each method",
        path: Path::Direct,
        per_second: 4.0,
        fault: Fault::Dead(ms(5000)),
        after: ms(15_000),
        ..BASE
    },
    Case {
        name: "nginx-hang-1500ms",
        about: "the upstream hangs for 1.5 s, nginx answers 504 after 1 s, 150/s of each method",
        short: true,
        path: Path::Nginx(|nginx| nginx.read_timeout = ms(1000)),
        per_second: 150.0,
        fault: Fault::Unhealthy(Health::Hangs, ms(1500)),
        after: ms(4000),
        clients: WITH_RETRY_ALONE,
        ..BASE
    },
    Case {
        name: "proxy-blackhole",
        about: "a proxy discards all bytes for 2 s, attempts are limited to 500 ms, 100/s of each method",
        path: Path::Proxy,
        fault: Fault::Proxy(ProxyMode::Discards, ms(2000)),
        setup: Setup { http2: false, attempt: Some(ms(500)) },
        clients: WITH_REQWEST,
        ..BASE
    },
    Case {
        name: "nginx-half-dead",
        about: "one of two upstreams behind nginx is dead, no health check, 130/s of each method",
        short: true,
        upstreams: 2,
        per_second: 130.0,
        fault: Fault::HalfDead(ms(5000)),
        clients: WITH_RETRY_ALONE,
        ..BASE
    },
    Case {
        name: "haproxy-half-dead",
        about: "one of two upstreams behind HAProxy is dead, no health check, 130/s of each method",
        path: Path::Haproxy(|_| ()),
        upstreams: 2,
        per_second: 130.0,
        fault: Fault::HalfDead(ms(5000)),
        ..BASE
    },
    Case {
        name: "slow",
        about: "the upstream takes 50 ms instead of 5 ms for 3 s, 130/s of each method",
        latency: ms(5),
        per_second: 130.0,
        fault: Fault::Unhealthy(Health::AnswersAfter(ms(50)), ms(3000)),
        after: ms(2000),
        ..BASE
    },
    Case {
        name: "haproxy-queue-full",
        about: "HAProxy's queue is full (503): demand 400/s, capacity 130/s, 100 ms in the queue",
        short: true,
        path: Path::Haproxy(|haproxy| {
            haproxy.concurrency = 4;
            haproxy.queue = ms(100);
        }),
        latency: ms(30),
        per_second: 400.0 / 3.0,
        ..BASE
    },
    Case {
        name: "nginx-limit-503",
        about: "nginx limits 300/s to 200/s with a 503 without Retry-After",
        short: true,
        path: Path::Nginx(|nginx| nginx.limit = Some(Limit { rate: 200, status: 503, retry_after: None })),
        ..BASE
    },
    Case {
        name: "nginx-limit-503-retry-after",
        about: "nginx limits 300/s to 200/s with a 503 with Retry-After: 1",
        path: Path::Nginx(|nginx| nginx.limit = Some(Limit { rate: 200, status: 503, retry_after: Some(1) })),
        ..BASE
    },
    Case {
        name: "nginx-limit-429-retry-after",
        about: "nginx limits 300/s to 200/s with a 429 with Retry-After: 1",
        path: Path::Nginx(|nginx| nginx.limit = Some(Limit { rate: 200, status: 429, retry_after: Some(1) })),
        ..BASE
    },
    Case {
        name: "keep-alive-20ms",
        about: "nginx closes idle connections after 20 ms, 15/s of each method",
        path: Path::Nginx(|nginx| nginx.keepalive = ms(20)),
        per_second: 15.0,
        clients: WITH_REQWEST,
        repeatable: true,
        ..BASE
    },
    Case {
        name: "h2c-10-requests",
        about: "nginx serves HTTP/2 and accepts 10 requests per connection (GOAWAY), 100/s of each method",
        path: Path::Nginx(|nginx| {
            nginx.http2 = true;
            nginx.requests_per_connection = 10;
        }),
        setup: Setup { http2: true, attempt: None },
        clients: WITH_REQWEST,
        repeatable: true,
        ..BASE
    },
    Case {
        name: "proxy-cut-head",
        about: "a proxy cuts off responses within the headers for 300 ms, 100/s of each method",
        path: Path::Proxy,
        fault: Fault::Proxy(ProxyMode::Cuts { after: 10 }, ms(300)),
        clients: WITH_REQWEST,
        ..BASE
    },
    Case {
        name: "proxy-cut-body",
        about: "a proxy cuts off responses within the body for 300 ms, 100/s of each method",
        path: Path::Proxy,
        length: 8000,
        fault: Fault::Proxy(ProxyMode::Cuts { after: 1000 }, ms(300)),
        clients: WITH_BODIES,
        ..BASE
    },
    Case {
        name: "proxy-delay",
        about: "a proxy delays responses by 200 ms for 2 s, 100/s of each method",
        path: Path::Proxy,
        fault: Fault::Proxy(ProxyMode::Delays(ms(200)), ms(2000)),
        after: ms(2000),
        ..BASE
    },
    Case {
        name: "proxy-half-close",
        about: "a proxy closes the response direction instead of forwarding responses for 300 ms, 100/s of each method",
        path: Path::Proxy,
        fault: Fault::Proxy(ProxyMode::HalfCloses, ms(300)),
        ..BASE
    },
    Case {
        name: "stalled-body",
        about: "the upstream sends headers and no bodies for 1 s, attempts are limited to 1.5 s, 100/s of each method",
        path: Path::Direct,
        fault: Fault::Unhealthy(Health::StallsBody, ms(1000)),
        patience: ms(4000),
        setup: Setup { http2: false, attempt: Some(ms(1500)) },
        clients: WITH_BODIES,
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

/// The servers of one client. Each client has its own, so that clients don't affect each other.
struct Environment {
    upstreams: Vec<Upstream>,
    executions: Executions,
    nginx: Option<Nginx>,
    haproxy: Option<Haproxy>,
    proxy: Option<Proxy>,
}

/// The beginning and the end of the fault, relative to the first request.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Duration,
    to: Duration,
}

/// The result of one client and its servers.
struct ClientResult {
    row: Row,
    span: Span,
    late: Duration,
}

impl Environment {
    async fn new(case: &Case) -> Result<Self, Error> {
        let executions = Executions::default();
        let mut upstreams = Vec::new();
        for _ in 0..case.upstreams {
            upstreams.push(Upstream::start(case.latency, case.length, &executions).await?);
        }
        let addresses: Vec<_> = upstreams.iter().map(Upstream::address).collect();
        let mut environment = Self { upstreams, executions, nginx: None, haproxy: None, proxy: None };
        match case.path {
            Path::Direct => {}
            Path::Proxy => environment.proxy = Some(Proxy::start(addresses[0]).await?),
            Path::Nginx(set) => {
                let mut settings = nginx::Settings::new(addresses);
                set(&mut settings);
                environment.nginx = Some(Nginx::start(&settings).await?);
            }
            Path::Haproxy(set) => {
                let mut settings = haproxy::Settings::new(addresses);
                set(&mut settings);
                environment.haproxy = Some(Haproxy::start(&settings).await?);
            }
        }
        if let Fault::HalfDead(_) = case.fault {
            environment.upstreams[1].die().await;
        }
        Ok(environment)
    }

    fn address(&self) -> std::net::SocketAddr {
        let nginx = self.nginx.as_ref().map(Nginx::address);
        let haproxy = self.haproxy.as_ref().map(Haproxy::address);
        let proxy = self.proxy.as_ref().map(Proxy::address);
        nginx.or(haproxy).or(proxy).unwrap_or_else(|| self.upstreams[0].address())
    }

    fn nginx(&mut self) -> Result<&mut Nginx, Error> {
        self.nginx.as_mut().ok_or_else(|| "the scenario has no nginx".into())
    }

    /// Runs the fault from its beginning to its end.
    async fn run_fault(&mut self, fault: Fault, latency: Duration) -> Result<(), Error> {
        match fault {
            Fault::Settings(_) | Fault::HalfDead(_) => {}
            Fault::Dead(time) => {
                for upstream in &mut self.upstreams {
                    upstream.die().await;
                }
                sleep(time).await;
                for upstream in &mut self.upstreams {
                    upstream.revive().await?;
                }
            }
            Fault::UpstreamRestarts => {
                for upstream in &mut self.upstreams {
                    upstream.die().await;
                    upstream.revive().await?;
                }
            }
            Fault::Unhealthy(health, time) => {
                self.upstreams.iter().for_each(|upstream| upstream.set(health));
                sleep(time).await;
                self.upstreams.iter().for_each(|upstream| upstream.set(Health::AnswersAfter(latency)));
            }
            Fault::Proxy(mode, time) => {
                let proxy = self.proxy.as_ref().ok_or("the scenario has no proxy")?;
                proxy.set(mode);
                sleep(time).await;
                proxy.set(ProxyMode::Passes);
            }
            Fault::NginxReloads => {
                self.nginx()?.reload()?;
                // The new workers need some time to take over.
                sleep(ms(200)).await;
            }
            Fault::NginxRestarts => self.nginx()?.restart().await?,
            Fault::NginxIsKilled(time) => {
                self.nginx()?.kill()?;
                sleep(time).await;
                self.nginx()?.start_again().await?;
            }
        }
        Ok(())
    }
}

impl Case {
    fn load(&self) -> Load {
        let lasting = match self.fault {
            Fault::Settings(time) | Fault::HalfDead(time) => time,
            Fault::Dead(time) | Fault::Unhealthy(_, time) | Fault::Proxy(_, time) => BEFORE + time + self.after,
            Fault::NginxIsKilled(time) => BEFORE + time + self.after,
            Fault::UpstreamRestarts | Fault::NginxReloads | Fault::NginxRestarts => BEFORE + self.after,
        };
        let per_second = self.per_second * METHODS.len() as f64;
        Load { operations: METHODS, per_second, lasting, patience: self.patience }
    }

    /// Whether the fault has an end after which the upstream is healthy.
    fn ends(&self) -> bool {
        !matches!(self.fault, Fault::Settings(_) | Fault::HalfDead(_))
    }

    async fn run(self) -> Result<Report, Error> {
        let mut environments = Vec::new();
        for &kind in self.clients {
            let environment = Environment::new(&self).await?;
            accepts(environment.address()).await?;
            environments.push((kind, environment));
        }
        let start = Instant::now() + ms(50);
        let results = environments.into_iter().map(|(kind, environment)| self.run_client(kind, environment, start));
        let results = try_join_all(results).await?;
        let longest = results.iter().map(|result| result.span.to - result.span.from).max();
        let late = results.iter().map(|result| result.late).max().unwrap_or_default();
        let terms = Terms {
            per_second: self.load().per_second,
            fault: longest.filter(|_| self.ends()),
            once: &["POST"],
            repeatable: self.repeatable,
        };
        let rows = results.into_iter().map(|result| result.row).collect();
        Ok(Report { scenario: self.name, about: self.about.to_owned(), terms, rows, late })
    }

    /// Runs one client and its servers.
    async fn run_client(
        &self,
        kind: Kind,
        mut environment: Environment,
        start: Instant,
    ) -> Result<ClientResult, Error> {
        let client = Client::new(kind, environment.address(), self.setup)?;
        let attempts = client.attempts().clone();
        let load = self.load();
        let arrivals = tokio::spawn(async move { drive(&load, start, |call| client.clone().call(call)).await });
        sleep_until(start + BEFORE).await;
        let from = start.elapsed();
        environment.run_fault(self.fault, self.latency).await?;
        let span = Span { from, to: start.elapsed() };
        let records = arrivals.await?;
        let offered = records.records.len();
        let row = Row {
            client: kind.name(),
            operations: operations(&records, &environment.executions),
            recovered: self.recovered(&records, span),
            attempts: Some(f64::from(attempts.total()) / offered as f64),
            reached: self.reached(&records, span).map(|(demand, from, to)| Reached {
                attempts: attempts.between(start, from, to),
                demand,
                during: to - from,
            }),
            notes: notes(&records),
        };
        Ok(ClientResult { row, span, late: records.late })
    }

    fn recovered(&self, records: &Records, span: Span) -> Recovered {
        if !self.ends() {
            return Recovered::NotMeasured;
        }
        let observed = self.load().lasting.saturating_sub(span.to);
        records.recovered_after(span.to).map_or(Recovered::NotWithin(observed), Recovered::After)
    }

    /// The demand on an upstream that is dead for longer than [`SETTLED`], and the counted time
    /// span.
    fn reached(&self, records: &Records, span: Span) -> Option<(u32, Duration, Duration)> {
        let from = span.from + SETTLED;
        let dead = matches!(self.fault, Fault::Dead(time) if time > SETTLED);
        dead.then(|| (records.arrived(from, span.to), from, span.to))
    }
}

fn operations(records: &Records, executions: &Executions) -> Vec<Operation> {
    let operation = |(number, &name): (usize, &&'static str)| {
        let calls = records.records.iter().map(|record| record.call).filter(|call| call.operation == number);
        Operation {
            name,
            offered: records.offered(number),
            lost: records.lost(number),
            twice: Some(calls.filter(|call| executions.of(call.id) > 1).count() as u32),
        }
    };
    METHODS.iter().enumerate().map(operation).collect()
}

/// The most frequent reasons of losses, the longest call, and whether the load was late.
fn notes(records: &Records) -> String {
    let reasons = records.reasons();
    let mut notes: Vec<_> = reasons.iter().take(3).map(|(reason, count)| format!("{reason} × {count}")).collect();
    if records.longest() > ms(1000) {
        notes.push(format!("longest call {:.1} s", records.longest().as_secs_f64()));
    }
    if records.late > ms(50) {
        notes.push(format!("load up to {} ms late", records.late.as_millis()));
    }
    notes.join(", ")
}
