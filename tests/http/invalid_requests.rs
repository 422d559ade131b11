//! The caller's mistakes: the retry makes one attempt, and the circuit doesn't count them. Other
//! errors only look like mistakes, and are treated as lost connections.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Version};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
    task::AbortHandle,
    time::timeout,
};
use tower::{Layer, ServiceBuilder};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, RetryLayer, State};

use crate::config;
use crate::fixed_numbers::FixedNumbers as _;

const LONGEST: Duration = Duration::from_secs(20);

type Delivery = Request<Full<Bytes>>;

fn request(method: Method, uri: &str, version: Version) -> Delivery {
    Request::builder().method(method).uri(uri).version(version).body(Full::from("a body")).unwrap()
}

/// A server that responds with 200 to everything.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(|| async { "" })).await });
    uri
}

/// Sends 30 requests that fail through a retry and a circuit. Returns the attempts, the failures
/// that the circuit counted, and its state.
async fn seen(http2: bool, request: impl Fn() -> Delivery) -> (usize, u64, State) {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers());
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&circuit))
        .map_request(move |request: Delivery| {
            counted.fetch_add(1, Ordering::SeqCst);
            request
        })
        .service(Client::builder(TokioExecutor::new()).http2_only(http2).build_http::<Full<Bytes>>());
    for _ in 0..30 {
        timeout(LONGEST, service.clone().oneshot(request())).await.unwrap().unwrap_err();
    }
    (attempts.load(Ordering::SeqCst), circuit.stats().total_failures, circuit.state())
}

#[tokio::test]
async fn an_invalid_request_is_tried_once_and_not_counted() {
    let uri = &*server().await;
    let https = &*uri.replace("http:", "https:");
    let (get, put, connect) = (Method::GET, Method::PUT, Method::CONNECT);
    let cases = [
        ("no host", false, get.clone(), "/relative", Version::HTTP_11),
        ("no host", false, put, "/relative", Version::HTTP_11),
        ("version", false, get.clone(), uri, Version::HTTP_09),
        ("version", false, get.clone(), uri, Version::HTTP_3),
        ("version of the connection", false, get.clone(), uri, Version::HTTP_2),
        ("CONNECT of HTTP/1.0", false, connect.clone(), uri, Version::HTTP_10),
        ("scheme that the connector lacks", false, get.clone(), https, Version::HTTP_11),
        ("unknown scheme", false, get, "ftp://127.0.0.1/", Version::HTTP_11),
        ("CONNECT with a body", true, connect, uri, Version::HTTP_2),
    ];
    for (what, http2, method, uri, version) in cases {
        let seen = seen(http2, || request(method.clone(), uri, version)).await;
        assert_eq!(seen, (30, 0, State::Closed), "{what}: {method} {uri} {version:?}");
    }
}

/// Spawns the connection tasks and can abort them.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<AbortHandle>>>);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.lock().unwrap().push(tokio::spawn(task).abort_handle());
    }
}

/// hyper#2112: if the connection's task is gone, hyper reports a user error. The layers treat it as
/// a lost connection.
#[tokio::test]
async fn a_connection_without_its_task_is_lost() {
    for (method, requests) in [("GET", 2), ("PUT", 2), ("POST", 1)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let (tasks, received) = (Tasks::default(), Arc::new(Notify::new()));
        let client = Client::builder(tasks.clone()).build_http::<Full<Bytes>>();
        let seen = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn({
            let (received, seen) = (received.clone(), seen.clone());
            async move {
                let mut first = None;
                loop {
                    let (mut socket, _) = listener.accept().await.unwrap();
                    let _ = socket.read(&mut [0; 4096]).await.unwrap();
                    seen.fetch_add(1, Ordering::SeqCst);
                    if first.is_none() {
                        received.notify_one();
                        first = Some(socket);
                    } else {
                        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                }
            }
        });
        let end = async {
            received.notified().await;
            tasks.0.lock().unwrap().iter().for_each(AbortHandle::abort);
        };
        let request = Request::builder().method(method).uri(uri).body(Full::from("a body")).unwrap();
        let answering = RetryLayer::new(config()).layer(client).oneshot(request);
        let (response, ()) = timeout(LONGEST, async { tokio::join!(answering, end) }).await.unwrap();
        match response {
            Ok(response) => assert_eq!(response.status(), 200, "{method}"),
            Err(error) => {
                let source = std::error::Error::source(&error).unwrap().to_string();
                assert_eq!((method, &*source), ("POST", "dispatch task is gone"));
            }
        }
        assert_eq!(seen.load(Ordering::SeqCst), requests, "{method}");
        serving.abort();
    }
}
