//! A gateway: axum handlers that call two upstreams. Each upstream has its own retry, circuit and
//! deadline, and one of them has a fallback.
//!
//! ```sh
//! cargo run --example gateway --features axum
//! ```
//!
//! The example starts both upstreams, sends requests to the gateway, and exits when done.

mod stack;

use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::{get, post},
};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::Instant};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Answers the first call with a 503 and the second one with prices, and then hangs.
async fn prices(calls: Arc<AtomicU32>) -> Result<&'static str, StatusCode> {
    match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Err(StatusCode::SERVICE_UNAVAILABLE),
        1 => Ok("fresh prices"),
        _ => pending().await,
    }
}

/// Fails every call.
async fn orders(calls: Arc<AtomicU32>) -> StatusCode {
    calls.fetch_add(1, Ordering::SeqCst);
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn serve(app: Router) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// Sends a request to the gateway. Prints the response, and how many calls the upstream received.
async fn send(gateway: SocketAddr, method: &str, path: &str, upstream: &AtomicU32) -> Result<(), Error> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (calls_before, start) = (upstream.load(Ordering::SeqCst), Instant::now());
    let request = Request::builder().method(method).uri(format!("http://{gateway}{path}")).body(Body::empty())?;
    let response = client.request(request).await?;
    let (time, calls) = (start.elapsed().as_millis(), upstream.load(Ordering::SeqCst) - calls_before);
    let (head, body) = response.into_parts();
    let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    println!("{method:4} {path}: {} after {time} ms, {calls} calls of the upstream: {body:?}", head.status.as_u16());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (prices_calls, orders_calls) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (of_prices, of_orders) = (prices_calls.clone(), orders_calls.clone());
    let prices_at = serve(Router::new().route("/prices", get(move || prices(of_prices.clone())))).await?;
    let orders_at = serve(Router::new().route("/orders", post(move || orders(of_orders.clone())))).await?;
    let gateway = serve(stack::gateway(prices_at, orders_at)).await?;

    println!("The upstream of /prices fails once. The gateway repeats the request:");
    send(gateway, "GET", "/prices", &prices_calls).await?;
    println!("It hangs. The attempts end after at most 1.3 s, and the fallback answers:");
    send(gateway, "GET", "/prices", &prices_calls).await?;

    println!("The upstream of /orders fails. A POST may have been processed, so it isn't repeated:");
    for _ in 0..3 {
        send(gateway, "POST", "/orders", &orders_calls).await?;
    }
    println!("After three failures, the circuit is open. The gateway rejects without a call:");
    send(gateway, "POST", "/orders", &orders_calls).await
}
