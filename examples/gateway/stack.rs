//! The gateway: its state, its layers and its routes.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, Uri},
    response::IntoResponse,
    routing::{get, post},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::Layer;
use tower_recourse::{
    BreakerConfig, Circuit, RetryConfig,
    breaker::{CircuitHandle, OpenDuration, TripRule},
    fallback::KeepPrimary,
    http::{
        FixedResponse, StatusClassifier,
        standard::{Standard, StandardLayer, WithFallback},
    },
};

type Upstream = Client<HttpConnector, Body>;

/// One client per upstream. All handlers share them.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) prices: Standard<Upstream, WithFallback<FixedResponse, KeepPrimary>>,
    pub(crate) orders: Standard<Upstream>,
    pub(crate) prices_at: SocketAddr,
    pub(crate) orders_at: SocketAddr,
    /// The circuits of both upstreams, for `/health`.
    pub(crate) circuits: [CircuitHandle; 2],
}

pub(crate) fn gateway(prices_at: SocketAddr, orders_at: SocketAddr) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    // Reads: up to three attempts within 1.3 s. Then a stored response answers.
    let prices = StandardLayer::http("prices")
        .retry(RetryConfig::http().name("prices").retries(2))
        .attempt_timeout(Duration::from_millis(500))
        .total(Duration::from_millis(1_500))
        .fallback_response(Response::new("stored prices".into()))
        .reserve_for_fallback(Duration::from_millis(200));
    // Writes: resent only if the upstream provably didn't process them. An `Idempotency-Key` of a
    // client proves nothing about the upstream. There is no fallback. The preset's circuit opens
    // for 100 ms at first. This one opens for 30 s, so that the example shows a rejection.
    let breaker = BreakerConfig::http()
        .name("orders")
        .open_when(TripRule::consecutive(3).expect("3 is valid"))
        .open_for(OpenDuration::fixed(Duration::from_secs(30)));
    let by_method = StatusClassifier::default().ignore_idempotency_key();
    let orders = StandardLayer::http("orders")
        .breaker(&Circuit::new(breaker))
        .retry(RetryConfig::http().name("orders").classifier(by_method).retries(1))
        .attempt_timeout(Duration::from_secs(1))
        .total(Duration::from_secs(2));
    let circuits = [prices.circuit().handle(), orders.circuit().handle()];
    let (prices, orders) = (prices.layer(client.clone()), orders.layer(client));
    Router::new()
        .route("/prices", get(prices_route))
        .route("/orders", post(orders_route))
        .route("/health", get(health_route))
        .with_state(Gateway { prices, orders, prices_at, orders_at, circuits })
}

/// The states of both circuits. The status is 200 in every state: while a circuit is open, the
/// gateway works, and restarting it wouldn't help.
async fn health_route(State(gateway): State<Gateway>) -> String {
    gateway.circuits.iter().map(|circuit| format!("{}: {}\n", circuit.name(), circuit.state())).collect()
}

async fn prices_route(State(gateway): State<Gateway>, request: Request) -> impl IntoResponse {
    let request = send_to(gateway.prices_at, request);
    gateway.prices.oneshot(request).await.map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn orders_route(State(gateway): State<Gateway>, request: Request) -> impl IntoResponse {
    let request = send_to(gateway.orders_at, request);
    gateway.orders.oneshot(request).await.map_err(|_| StatusCode::BAD_GATEWAY)
}

/// Changes the host of a request. The path stays.
fn send_to(address: SocketAddr, mut request: Request) -> Request {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::try_from(format!("http://{address}{path}")).expect("a path stays valid");
    request
}
