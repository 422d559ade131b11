//! The gateway of the example: its retries, its deadline, its fallback and its circuit.

#[path = "../../examples/gateway/stack.rs"]
mod stack;

use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, http::StatusCode, routing::any};
use http_body_util::BodyExt;

use crate::loopback::{client, request, serve};

/// An upstream with these statuses; the last one repeats. 0 hangs. Returns its address and the
/// number of its calls.
async fn upstream(statuses: &'static [u16]) -> (SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let answer = move |body: String| {
        let status = statuses[counted.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1)];
        async move {
            if status == 0 {
                pending::<()>().await;
            }
            (StatusCode::from_u16(status).unwrap(), format!("fresh {body}"))
        }
    };
    (serve(Router::new().fallback(any(answer))).await, calls)
}

/// The status and the body of the gateway's response.
async fn send(gateway: SocketAddr, method: &str, path: &str, body: &'static str) -> (u16, String) {
    let mut request = request(method, gateway, body);
    *request.uri_mut() = format!("http://{gateway}{path}").parse().unwrap();
    let response = client().request(request).await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap())
}

#[tokio::test]
async fn a_failed_read_is_repeated_and_a_write_is_not() {
    let (prices, of_prices) = upstream(&[503, 200]).await;
    let (orders, of_orders) = upstream(&[503, 200]).await;
    let gateway = serve(stack::gateway(prices, orders)).await;
    assert_eq!(send(gateway, "GET", "/prices", "").await, (200, "fresh ".to_owned()));
    assert_eq!(of_prices.load(Ordering::SeqCst), 2);
    assert_eq!(send(gateway, "POST", "/orders", "order").await, (503, "fresh order".to_owned()));
    assert_eq!(send(gateway, "POST", "/orders", "order").await, (200, "fresh order".to_owned()));
    assert_eq!(of_orders.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_read_that_hangs_is_answered_by_the_fallback() {
    let (prices, of_prices) = upstream(&[0]).await;
    let gateway = serve(stack::gateway(prices, prices)).await;
    assert_eq!(send(gateway, "GET", "/prices", "").await, (200, "stored prices".to_owned()));
    assert!(of_prices.load(Ordering::SeqCst) >= 1);
    let (status, body) = send(gateway, "POST", "/orders", "order").await;
    assert_eq!((status, body.contains("did not respond in time")), (504, true));
}

#[tokio::test]
async fn an_open_circuit_answers_503_without_a_call() {
    let (orders, of_orders) = upstream(&[500]).await;
    let gateway = serve(stack::gateway(orders, orders)).await;
    for _ in 0..3 {
        assert_eq!(send(gateway, "POST", "/orders", "").await.0, 500);
    }
    let (status, body) = send(gateway, "POST", "/orders", "").await;
    assert_eq!((status, body.contains("not called for now")), (503, true));
    assert_eq!(of_orders.load(Ordering::SeqCst), 3);
    assert_eq!(send(gateway, "GET", "/health", "").await, (200, "prices: closed\norders: open\n".to_owned()));
}

#[tokio::test]
async fn a_clients_idempotency_key_does_not_repeat_a_write() {
    let (orders, of_orders) = upstream(&[503, 200]).await;
    let gateway = serve(stack::gateway(orders, orders)).await;
    let mut request = request("POST", gateway, "order");
    *request.uri_mut() = format!("http://{gateway}/orders").parse().unwrap();
    request.headers_mut().insert("idempotency-key", "of the client".parse().unwrap());
    assert_eq!(client().request(request).await.unwrap().status(), 503);
    assert_eq!(of_orders.load(Ordering::SeqCst), 1);
}
