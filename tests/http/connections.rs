//! A hyper client, and servers on the loopback interface that count requests.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, http::StatusCode, routing::any};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use tower::Layer;
use tower_recourse::RetryLayer;

use crate::{
    config,
    loopback::{client, listen, request, serve},
};

const LONGEST: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_post_is_not_sent_twice_and_a_put_is() {
    for (method, sent) in [("POST", 1), ("PATCH", 1), ("PUT", 3), ("GET", 3)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let address = serve(Router::new().route(
            "/",
            any(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                async { StatusCode::SERVICE_UNAVAILABLE }
            }),
        ))
        .await;
        let response = RetryLayer::new(config()).layer(client()).oneshot(request(method, address, "body"));
        assert_eq!(timeout(LONGEST, response).await.unwrap().unwrap().status(), 503);
        assert_eq!(calls.load(Ordering::SeqCst), sent, "{method}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_retried_for_every_method() {
    let (listener, address) = listen().await;
    drop(listener);
    let serving = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        axum::serve(listener, Router::new().route("/", any(|body: String| async { body }))).await
    });
    let patient = config().retries(50);
    let response = RetryLayer::new(patient).layer(client()).oneshot(request("POST", address, "body"));
    let response = timeout(LONGEST, response).await.unwrap().unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "body");
    serving.abort();
}

/// A response that is retried is read to its end, so that the next attempt uses the same
/// connection.
#[tokio::test]
async fn a_small_response_is_drained_and_its_connection_reused() {
    for (length, connections) in [(1_000, 1), (10_000_000, 2)] {
        let ports = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = ports.clone();
        let address = serve(Router::new().route(
            "/",
            any(move |ConnectInfo(peer): ConnectInfo<SocketAddr>| {
                let mut seen = seen.lock().unwrap();
                seen.push(peer.port());
                let first = seen.len() == 1;
                async move {
                    if first {
                        (StatusCode::SERVICE_UNAVAILABLE, Body::from("x".repeat(length)))
                    } else {
                        (StatusCode::OK, Body::from("yes"))
                    }
                }
            }),
        ))
        .await;
        let response = RetryLayer::new(config()).layer(client()).oneshot(request("GET", address, "body"));
        assert_eq!(timeout(LONGEST, response).await.unwrap().unwrap().status(), 200);
        let mut ports = ports.lock().unwrap().clone();
        assert_eq!(ports.len(), 2);
        ports.dedup();
        assert_eq!(ports.len(), connections, "{length} bytes");
    }
}

/// The connection is reset after the request was read, so it is unknown whether a POST was
/// processed.
#[tokio::test]
async fn a_request_on_a_lost_connection_is_retried_only_if_safe() {
    for (method, sent) in [("POST", 1), ("PUT", 3)] {
        let (listener, address) = listen().await;
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                let _ = socket.read(&mut head).await;
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = socket.shutdown().await;
            }
        });
        let response = RetryLayer::new(config()).layer(client()).oneshot(request(method, address, "body"));
        timeout(LONGEST, response).await.unwrap().unwrap_err();
        assert_eq!(calls.load(Ordering::SeqCst), sent, "{method}");
        serving.abort();
    }
}

/// The server closes an idle connection. The next request finds it closed and uses another one.
#[tokio::test]
async fn a_dead_pooled_connection_does_not_fail_the_call() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = socket.read(&mut head).await;
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    let service = RetryLayer::new(config()).layer(client());
    for _ in 0..20 {
        let response = service.clone().oneshot(request("PUT", address, "body"));
        assert_eq!(timeout(LONGEST, response).await.unwrap().unwrap().status(), 200);
    }
    serving.abort();
}
