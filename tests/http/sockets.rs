//! A hyper client, and servers on the loopback interface that count.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, http::StatusCode, routing::any};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use tower::{Layer, ServiceExt};
use tower_recourse::RetryLayer;

use crate::config;

const LONGEST: Duration = Duration::from_secs(20);

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn request(method: &str, address: SocketAddr) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("http://{address}/")).body(Full::from("body")).unwrap()
}

/// Serves this, and says where.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

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
        let answer = RetryLayer::new(config()).layer(client()).oneshot(request(method, address));
        assert_eq!(timeout(LONGEST, answer).await.unwrap().unwrap().status(), 503);
        assert_eq!(calls.load(Ordering::SeqCst), sent, "{method}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_whatever_the_method() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let serving = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        axum::serve(listener, Router::new().route("/", any(|body: String| async { body }))).await
    });
    let patient = config().retries(50);
    let answer = RetryLayer::new(patient).layer(client()).oneshot(request("POST", address));
    let answer = timeout(LONGEST, answer).await.unwrap().unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body");
    serving.abort();
}

/// A response that is retried is read to its end, so that the next attempt goes over the same connection.
#[tokio::test]
async fn a_small_response_is_read_and_its_connection_used_again() {
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
        let answer = RetryLayer::new(config()).layer(client()).oneshot(request("GET", address));
        assert_eq!(timeout(LONGEST, answer).await.unwrap().unwrap().status(), 200);
        let mut ports = ports.lock().unwrap().clone();
        assert_eq!(ports.len(), 2);
        ports.dedup();
        assert_eq!(ports.len(), connections, "{length} bytes");
    }
}

/// A connection that is reset after the request was read: nobody can tell what became of a POST.
#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_tried_again_only_if_that_is_safe() {
    for (method, sent) in [("POST", 1), ("PUT", 3)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
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
        let answer = RetryLayer::new(config()).layer(client()).oneshot(request(method, address));
        timeout(LONGEST, answer).await.unwrap().unwrap_err();
        assert_eq!(calls.load(Ordering::SeqCst), sent, "{method}");
        serving.abort();
    }
}

/// A server that closes an idle connection: the next request finds it dead, and goes over another one.
#[tokio::test]
async fn a_pooled_connection_that_died_is_no_failure_to_the_caller() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
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
        let answer = service.clone().oneshot(request("PUT", address));
        assert_eq!(timeout(LONGEST, answer).await.unwrap().unwrap().status(), 200);
    }
    serving.abort();
}
