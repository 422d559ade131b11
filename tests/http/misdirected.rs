//! 421: the next attempt uses another connection.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, time::timeout};
use tower::Layer;
use tower_recourse::{RetryLayer, http::RetireConnectionLayer};

use crate::config;

const LONGEST: Duration = Duration::from_secs(20);

/// A server that answers 421 on its first connection and 200 on all others. Returns its address and
/// a log with the connection number of each request.
async fn server() -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    tokio::spawn(async move {
        for number in 0.. {
            let (socket, _) = listener.accept().await.unwrap();
            let log = log.clone();
            let service = service_fn(move |_: Request<Incoming>| {
                log.lock().unwrap().push(number);
                let status = if number == 0 { 421 } else { 200 };
                async move { Response::builder().status(status).body(Full::<Bytes>::default()) }
            });
            let serving = auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                let _ = serving.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    (address, seen)
}

#[tokio::test]
async fn a_misdirected_request_is_resent_on_another_connection() {
    for http2 in [false, true] {
        for method in ["GET", "POST"] {
            let (address, seen) = server().await;
            let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
            let service = RetryLayer::new(config()).layer(RetireConnectionLayer::new().layer(client));
            for requests in [vec![0, 1], vec![0, 1, 1]] {
                let request = Request::builder().method(method).uri(format!("http://{address}/"));
                let request = request.body(Full::from("a body")).unwrap();
                let response = timeout(LONGEST, service.clone().oneshot(request)).await.unwrap().unwrap();
                assert_eq!(response.status(), 200, "{method}, HTTP/2: {http2}");
                assert_eq!(*seen.lock().unwrap(), requests, "{method}, HTTP/2: {http2}");
            }
        }
    }
}
