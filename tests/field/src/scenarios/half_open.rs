//! Four gRPC clients make six calls each to a gateway whose breaker is half-open. Measures when the
//! calls end.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use futures_util::{FutureExt, future::join_all};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tonic::{Status, body::Body, transport::Endpoint};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit,
    breaker::State,
    grpc::{PeekLayer, StatusClassifier, Unavailable},
};

use super::{Scenario, grpc::warm_up};
use crate::{
    Error,
    clients::grpc::{Client, Kind, Setup},
    load::{Call, Load, Records, drive},
    servers::{
        free_port,
        grpc::{GrpcServer, Mode, Pushback},
        local,
    },
    table::{Operation, Recovered, Report, Row, Terms},
};

const CLIENTS: &[Kind] = &[Kind::Bare, Kind::Library, Kind::Ours, Kind::OursByServiceConfig];
/// Only `Get`, because the service config has no retry policy for `Add`.
const OPERATIONS: &[&str] = &["Get"];
/// The duration of the probe.
const PROBE: Duration = Duration::from_millis(900);

pub fn scenario() -> Scenario {
    Scenario { name: "grpc-half-open", short: false, run: Box::new(|| run().boxed()) }
}

async fn run() -> Result<Report, Error> {
    let mut server = GrpcServer::start().await?;
    let gateway = Gateway::start(server.address()).await?;
    let mut clients = Vec::new();
    for &kind in CLIENTS {
        // Longer than any pushback of the gateway.
        let setup = Setup { deadline: Duration::from_secs(60), pings: false };
        clients.push(Client::new(kind, gateway.address, setup).await?);
    }
    warm_up(&clients).await?;

    let prober = clients[0].clone();
    server.set(Mode::Always("UNAVAILABLE", Pushback::Absent)).await?;
    while gateway.circuit.state() != State::Open {
        _ = prober.clone().call(Call { id: u32::MAX, operation: 0 }).await;
        sleep(Duration::from_millis(20)).await;
    }
    server.set(Mode::Slow(PROBE)).await?;
    let open = gateway.circuit.retry_in();
    while let Some(rest) = gateway.circuit.retry_in().filter(|_| gateway.circuit.state() == State::Open) {
        sleep(rest).await;
    }
    let probe = tokio::spawn(prober.call(Call { id: u32::MAX - 1, operation: 0 }));
    sleep(Duration::from_millis(100)).await;

    // Each client makes six calls within 6 ms.
    let load = Load {
        operations: OPERATIONS,
        per_second: 1000.0,
        lasting: Duration::from_millis(6),
        patience: Duration::from_secs(62),
    };
    let start = Instant::now();
    let answers = join_all(clients.iter().map(|client| drive(&load, start, |call| client.clone().call(call)))).await;
    let probe = probe.await?;
    let late = answers.iter().map(|records| records.late).max().unwrap_or_default();
    let rows = clients.iter().zip(answers).map(|(client, records)| row(client.kind(), &records)).collect();
    Ok(Report {
        scenario: "grpc-half-open",
        about: format!(
            "each client makes six calls at once to a gateway whose breaker was open for {:.1} s and is half-open; \
             the probe takes 0.9 s and began 0.1 s earlier ({})",
            open.unwrap_or_default().as_secs_f64(),
            if probe.is_ok() { "it succeeds" } else { "it was rejected" },
        ),
        terms: Terms::default(),
        rows,
        late,
    })
}

fn row(kind: Kind, records: &Records) -> Row {
    let times: Vec<_> = records.records.iter().map(|record| record.ended - record.due).collect();
    let (first, last) = (times.iter().min(), times.iter().max());
    let seconds = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64);
    let reasons: String = records.reasons().iter().map(|(reason, count)| format!(", {reason} × {count}")).collect();
    Row {
        client: kind.name(),
        operations: vec![Operation {
            name: OPERATIONS[0],
            offered: records.offered(0),
            lost: records.lost(0),
            twice: None,
        }],
        recovered: Recovered::NotMeasured,
        attempts: None,
        reached: None,
        notes: format!("ended after {:.2} to {:.2} s{reasons}", seconds(first), seconds(last)),
    }
}

/// A gRPC gateway with its own breaker, whose rejections have a pushback.
struct Gateway {
    address: SocketAddr,
    circuit: Circuit<StatusClassifier>,
    accepting: JoinHandle<()>,
}

impl Gateway {
    async fn start(upstream: SocketAddr) -> Result<Self, Error> {
        let circuit = Circuit::new(BreakerConfig::grpc());
        let channel = Endpoint::from_shared(format!("http://{upstream}"))?.connect_lazy();
        let stack = ServiceBuilder::new()
            .map_request(|request: http::Request<Incoming>| request.map(Body::new))
            .map_response(|response: http::Response<_>| response.map(Body::new))
            .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
            .layer(PeekLayer::new())
            .service(channel);
        // A server must respond, so an error of the channel becomes a status.
        let service = service_fn(move |request| {
            let answer = stack.clone().oneshot(request);
            async {
                Ok::<_, Infallible>(
                    answer.await.unwrap_or_else(|error| Status::from_error(Box::new(error)).into_http()),
                )
            }
        });
        let address = local(free_port()?);
        let listener = TcpListener::bind(address).await?;
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                _ = socket.set_nodelay(true);
                let service = TowerToHyperService::new(service.clone());
                // The task ends with the runtime or with its client.
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    _ = builder.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Ok(Self { address, circuit, accepting })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
