//! A hyper client calls an axum server over loopback, bare and behind all three layers, in
//! alternating rounds.

use std::{fmt::Write, net::SocketAddr, sync::Arc, thread, time::Duration};

use axum::{
    Router,
    body::Bytes,
    http::{Request, Response},
    routing::get,
};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot, time::Instant};
use tower::{Layer, Service};
use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer};

use crate::{options::Size, spread::Spread, table::nanos};

/// Concurrent requests, each on its own connection.
const AT_A_TIME: usize = 16;

/// Ends the measurement early if other programs keep the cores busy.
const AT_MOST: Duration = Duration::from_secs(30);

pub struct EndToEnd {
    bare: Rounds,
    stacked: Rounds,
    /// Requests per second behind the layers, relative to the bare client in the same round.
    pub throughput: Spread,
    /// The added 99th percentile behind the layers in the same round, in microseconds.
    pub later: Spread,
}

#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    p99: Vec<f64>,
}

type Outgoing = Request<Empty<Bytes>>;

pub fn measure(size: Size) -> EndToEnd {
    let (rounds, requests) = match size {
        Size::Full => (200, 60),
        Size::Quick => (4, 20),
    };
    let address = serve();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let bare = client();
        // The backup is another client, as for a replica.
        let stacked = FallbackLayer::new(client()).layer(
            RetryLayer::new(RetryConfig::http()).layer(BreakerLayer::new(BreakerConfig::http()).layer(client())),
        );
        let (mut of_bare, mut of_stacked) = (Rounds::default(), Rounds::default());
        let since = Instant::now();
        for round in 0..rounds + 2 {
            if since.elapsed() > AT_MOST {
                break;
            }
            // The first two rounds open the connections.
            let counts = round >= 2;
            if round % 2 == 0 {
                of_bare.add(counts, one(&bare, address, requests).await);
                of_stacked.add(counts, one(&stacked, address, requests).await);
            } else {
                of_stacked.add(counts, one(&stacked, address, requests).await);
                of_bare.add(counts, one(&bare, address, requests).await);
            }
        }
        let pairs = |ours: &[f64], bare: &[f64], compare: fn(f64, f64) -> f64| {
            Spread::of(ours.iter().zip(bare).map(|(&ours, &bare)| compare(ours, bare)).collect())
        };
        let throughput = pairs(&of_stacked.per_second, &of_bare.per_second, |ours, bare| ours / bare);
        let later = pairs(&of_stacked.p99, &of_bare.p99, |ours, bare| ours - bare);
        EndToEnd { bare: of_bare, stacked: of_stacked, throughput, later }
    })
}

/// Starts a server on a separate thread. It runs until the program ends.
fn serve() -> SocketAddr {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            sender.send(listener.local_addr().expect("an address")).expect("the receiver waits");
            axum::serve(listener, Router::new().route("/", get(|| async { "hello" }))).await.expect("serves");
        });
    });
    receiver.blocking_recv().expect("the server is up")
}

fn client() -> Client<HttpConnector, Empty<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// One round: makes `requests` requests in sequence on each connection. Returns the requests per
/// second, and the 99th percentile in microseconds.
async fn one<S, B>(service: &S, address: SocketAddr, requests: usize) -> (f64, f64)
where
    S: Service<Outgoing, Response = Response<B>, Error: std::fmt::Debug, Future: Send> + Clone + Send + 'static,
    B: BodyExt<Data: Send, Error: std::fmt::Debug> + Send,
{
    let uri: Arc<str> = format!("http://{address}/").into();
    let start = Instant::now();
    let tasks: Vec<_> = (0..AT_A_TIME)
        .map(|_| {
            let (mut service, uri) = (service.clone(), uri.clone());
            tokio::spawn(async move {
                let mut took = Vec::with_capacity(requests);
                for _ in 0..requests {
                    let request = Request::get(&*uri).body(Empty::new()).expect("a request");
                    let start = Instant::now();
                    std::future::poll_fn(|context| service.poll_ready(context)).await.expect("ready");
                    let response = service.call(request).await.expect("an answer");
                    std::pin::pin!(response.into_body()).collect().await.expect("a body");
                    took.push(start.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took: Vec<Duration> = Vec::with_capacity(AT_A_TIME * requests);
    for task in tasks {
        took.extend(task.await.expect("no panic"));
    }
    let per_second = took.len() as f64 / start.elapsed().as_secs_f64();
    took.sort_unstable();
    (per_second, took[took.len() * 99 / 100].as_secs_f64() * 1e6)
}

impl Rounds {
    fn add(&mut self, counts: bool, (per_second, p99): (f64, f64)) {
        if counts {
            self.per_second.push(per_second);
            self.p99.push(p99);
        }
    }
}

impl EndToEnd {
    /// Half of the interquartile range of the bare client's 99th percentiles, in microseconds.
    pub fn noise(&self) -> f64 {
        let p99 = Spread::of(self.bare.p99.clone());
        (p99.upper - p99.lower) / 2.0
    }

    pub fn is_noise(&self) -> bool {
        self.later.median <= self.noise()
    }

    /// Formats the result as a Markdown table.
    pub fn table(&self) -> String {
        let mut table = String::from(
            "| end to end | requests per second | middle half | p99 | middle half |\n|---|---:|---:|---:|---:|\n",
        );
        for (name, rounds) in [("bare", &self.bare), ("all three stacked", &self.stacked)] {
            let (speed, p99) = (Spread::of(rounds.per_second.clone()), Spread::of(rounds.p99.clone()));
            let [median, lower, upper] = [speed.median, speed.lower, speed.upper].map(|speed| format!("{speed:.0}"));
            let [late, from, to] = [p99.median, p99.lower, p99.upper].map(nanos);
            writeln!(table, "| {name} | {median} | {lower}–{upper} | {late} µs | {from}–{to} µs |").ok();
        }
        table
    }
}
