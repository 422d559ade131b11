//! A circuit per host around axum's routes, whose error type stays `Infallible`.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    routing::get,
};
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tower_recourse::{
    BreakerConfig, BreakerLayer, State,
    breaker::{OpenDuration, TripRule},
    http::{Unavailable, rejection},
};

use crate::fixed_numbers::FixedNumbers as _;

/// The status and the `Retry-After` that a client on a socket receives.
async fn ask(address: SocketAddr, host: &str) -> (StatusCode, Option<HeaderValue>) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = http::Request::get(format!("http://{address}/")).header(header::HOST, host);
    let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
    (response.status(), response.headers().get(header::RETRY_AFTER).cloned())
}

async fn tenant(headers: axum::http::HeaderMap) -> StatusCode {
    if headers[header::HOST] == "down" { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
}

#[tokio::test]
async fn a_circuit_per_host_rejects_only_for_its_host() {
    let config = BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(2).unwrap()).without_observers();
    let config = config.open_for(OpenDuration::fixed(Duration::from_secs(30)));
    let layer = BreakerLayer::keyed(config, |request: &Request| request.headers().get(header::HOST).cloned())
        .on_rejection(Unavailable);
    let circuits = layer.circuits().clone();
    let app: Router = Router::new().route("/", get(tenant)).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async { axum::serve(listener, app).await });

    for _ in 0..2 {
        assert_eq!(ask(address, "down").await, (StatusCode::BAD_GATEWAY, None));
    }
    let (status, retry_after) = ask(address, "down").await;
    assert_eq!((status, retry_after.is_some()), (StatusCode::SERVICE_UNAVAILABLE, true));
    assert_eq!(ask(address, "up").await, (StatusCode::OK, None));
    let state = |host| circuits.get(&Some(HeaderValue::from_static(host))).state();
    assert_eq!((state("down"), state("up")), (State::Open, State::Closed));
    serving.abort();
}

#[tokio::test]
async fn the_response_of_a_keyed_breaker_is_marked() {
    let layer = BreakerLayer::keyed(BreakerConfig::http().fixed_share().without_observers(), |_: &Request| ())
        .on_rejection(Unavailable);
    layer.circuits().get(&()).force_open();
    let app: Router = Router::new().route("/", get(|| async { "never" })).layer(layer);
    let request = Request::get("/").body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
    assert!(rejection(&response).is_some());
}
