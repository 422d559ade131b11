//! What the layers pass through unchanged: HEAD, upgrades, and event streams. On a socket, because
//! hyper takes part in all of them.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::Request, http::StatusCode, response::IntoResponse, routing::get};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, RetryLayer, http::Unavailable};

use crate::{config, fixed_numbers::FixedNumbers as _, loopback};

const LONGEST: Duration = Duration::from_secs(20);

/// Serves the router with both layers around every route.
async fn serve(app: Router) -> SocketAddr {
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::new(BreakerConfig::http().fixed_share().without_observers()).on_rejection(Unavailable));
    loopback::serve(app.layer(layers)).await
}

fn request(method: &str, address: SocketAddr) -> http::Request<Empty<Bytes>> {
    http::Request::builder().method(method).uri(format!("http://{address}/")).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn the_response_to_head_keeps_its_length() {
    let address = serve(Router::new().route("/", get(|| async { "twelve bytes" }))).await;
    let client = RetryLayer::new(config()).layer(Client::builder(TokioExecutor::new()).build_http());
    let answer = timeout(LONGEST, client.oneshot(request("HEAD", address))).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-length"], "12");
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
}

/// An event is passed on when it arrives, not at the end of the stream.
#[tokio::test]
async fn events_are_passed_on_one_by_one() {
    let (events, source) = mpsc::unbounded_channel::<Result<Frame<Bytes>, Infallible>>();
    let body = std::sync::Mutex::new(Some(Body::new(Events(source))));
    let handler = move || {
        let body = body.lock().unwrap().take().expect("called once");
        async move { ([("content-type", "text/event-stream")], body).into_response() }
    };
    let handler = std::sync::Arc::new(handler);
    let address = serve(Router::new().route("/", get(move || handler()))).await;
    let client = RetryLayer::new(config()).layer(Client::builder(TokioExecutor::new()).build_http());
    let answer = timeout(LONGEST, client.oneshot(request("GET", address))).await.unwrap().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        events.send(Ok(Frame::data(event.into()))).unwrap();
        let frame = timeout(LONGEST, body.frame()).await.expect("the event arrives before the end of the stream");
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), event);
    }
    drop(events);
    assert!(timeout(LONGEST, body.frame()).await.unwrap().is_none());
}

struct Events(mpsc::UnboundedReceiver<Result<Frame<Bytes>, Infallible>>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx)
    }
}

/// The client and the server both have the layers. After the upgrade, the two ends use another
/// protocol.
#[tokio::test]
async fn an_upgraded_connection_passes_to_the_caller() {
    let address = serve(Router::new().route(
        "/",
        get(|mut request: Request| async move {
            tokio::spawn(async move {
                let upgraded = hyper::upgrade::on(&mut request).await.unwrap();
                let mut io = TokioIo::new(upgraded);
                let mut four = [0; 4];
                io.read_exact(&mut four).await.unwrap();
                io.write_all(&four).await.unwrap();
                io.shutdown().await.unwrap();
            });
            (StatusCode::SWITCHING_PROTOCOLS, [("upgrade", "echo"), ("connection", "upgrade")])
        }),
    ))
    .await;
    let client = RetryLayer::new(config()).layer(Client::builder(TokioExecutor::new()).build_http());
    let mut upgrade = request("GET", address);
    upgrade.headers_mut().insert("upgrade", "echo".parse().unwrap());
    upgrade.headers_mut().insert("connection", "upgrade".parse().unwrap());
    let answer = timeout(LONGEST, client.oneshot(upgrade)).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut io = TokioIo::new(timeout(LONGEST, hyper::upgrade::on(answer)).await.unwrap().unwrap());
    io.write_all(b"echo").await.unwrap();
    let mut received = Vec::new();
    timeout(LONGEST, io.read_to_end(&mut received)).await.unwrap().unwrap();
    assert_eq!(received, b"echo");
}

/// The layers are placed on a route, on a router, in a `ServiceBuilder`, and on a nested router.
/// They always use the same circuit, and the error type is always `Infallible`.
#[tokio::test]
async fn one_layer_is_one_breaker_wherever_it_is_added() {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers());
    let layer = || BreakerLayer::on(&circuit).on_rejection(Unavailable);
    let ok = || async { "ok" };
    let inner = Router::new().route("/router", get(ok)).route("/other", get(ok)).layer(layer());
    let app: Router = Router::new()
        .nest("/nested", inner)
        .route("/route", get(ok).layer(layer()))
        .route_service("/builder", ServiceBuilder::new().layer(layer()).service(get(ok)));
    let ask = |path: &'static str| {
        let app = app.clone();
        async move { app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap().status() }
    };
    let paths = ["/route", "/builder", "/nested/router", "/nested/other"];
    for path in paths {
        assert_eq!(ask(path).await, StatusCode::OK, "{path}");
    }
    circuit.force_open();
    for path in paths {
        assert_eq!(ask(path).await, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    assert_eq!(circuit.stats().total_rejected, 4);
}
