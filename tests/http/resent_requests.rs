//! What the server receives when a request is resent: the same as the first time, over HTTP/1 and
//! HTTP/2.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{sleep, timeout},
};
use tower::{Layer, Service};
use tower_recourse::{
    FallbackLayer, RetryLayer,
    http::{Replay, replay::CloneableBody},
};

use crate::{
    config,
    replay_bodies::{Boxed, Frames, data},
};

const LONGEST: Duration = Duration::from_secs(20);

/// What arrived of one request: the announced length, the body, and the trailers.
#[derive(Debug, Clone, PartialEq, Default)]
struct Seen {
    announced: Option<u64>,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// Reads requests to their end and responds with 503, and with 200 from the third on.
async fn busy() -> (std::net::SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log = Log::default();
    let seen = log.clone();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let announced = request.body().size_hint().exact();
                    let body = request.into_body().collect().await?;
                    let trailers = body.trailers().cloned();
                    let mut seen = seen.lock().unwrap();
                    seen.push(Seen { announced, body: body.to_bytes(), trailers });
                    let status = if seen.len() < 3 { 503 } else { 200 };
                    Ok::<_, hyper::Error>(Response::builder().status(status).body(Full::<Bytes>::default()).unwrap())
                }
            });
            let serving = auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                let _ = serving.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    (address, log)
}

fn client<B>(
    http2: bool,
) -> impl Service<Request<B>, Response = Response<Incoming>, Error = hyper_util::client::legacy::Error, Future: Send> + Clone
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin + Send + 'static,
{
    Client::builder(TokioExecutor::new()).http2_only(http2).build_http()
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("checksum".parse().unwrap(), "abc".parse().unwrap())])
}

/// Three requests, and what the server should receive of each: a body of known length, a body in
/// chunks with trailers, and an empty body.
fn requests(address: std::net::SocketAddr) -> [(Request<Boxed>, Seen); 3] {
    let whole = Full::from("the body").map_err(|never| match never {}).boxed_unsync();
    let pieces = Frames::of([data("the "), data("body"), Ok(Frame::trailers(trailers()))]).boxed_unsync();
    let empty = Full::default().map_err(|never| match never {}).boxed_unsync();
    let put = || Request::put(format!("http://{address}/"));
    [
        (put().body(whole).unwrap(), Seen { announced: Some(8), body: "the body".into(), trailers: None }),
        (
            // HTTP/1 sends trailers only if they are announced.
            put().header("trailer", "checksum").body(pieces).unwrap(),
            Seen { announced: None, body: "the body".into(), trailers: Some(trailers()) },
        ),
        (put().body(empty).unwrap(), Seen { announced: Some(0), ..Seen::default() }),
    ]
}

#[tokio::test]
async fn each_attempt_sends_the_same_length_body_and_trailers() {
    for http2 in [false, true] {
        for place in 0..3 {
            let (address, log) = busy().await;
            let (request, expected) = requests(address).into_iter().nth(place).unwrap();
            let response = RetryLayer::new(config()).layer(client(http2)).oneshot(request);
            assert_eq!(timeout(LONGEST, response).await.unwrap().unwrap().status(), 200);
            assert_eq!(*log.lock().unwrap(), vec![expected; 3], "HTTP/2: {http2}");
        }
    }
}

/// The retry makes two attempts, and the fallback sends a third request to the same server. The
/// server receives the same request each time.
#[tokio::test]
async fn the_fallbacks_request_is_the_same_too() {
    for http2 in [false, true] {
        for place in 0..3 {
            let (address, log) = busy().await;
            let (request, expected) = requests(address).into_iter().nth(place).unwrap();
            let replay = Replay::default();
            let client = client::<CloneableBody<Boxed>>(http2);
            let fallback = FallbackLayer::new(client.clone()).when(|outcome: Result<&Response<Incoming>, _>| {
                outcome.map_or(true, |response| response.status() == 503)
            });
            let stack = fallback.layer(RetryLayer::new(config().retries(1)).layer(client));
            let response = timeout(LONGEST, stack.oneshot(replay.cloneable(request))).await.unwrap().unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(*log.lock().unwrap(), vec![expected; 3], "HTTP/2: {http2}");
            assert_eq!(replay.memory_in_use(), 0);
        }
    }
}

/// The server closes each connection after its response, without announcing it. Whether or not the
/// client notices before the next POST, the server receives that POST at most once, and has
/// received every POST that got a response.
#[tokio::test]
async fn a_post_on_a_dead_pooled_connection_arrives_at_most_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let serving = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let length = socket.read(&mut head).await.unwrap_or_default();
            let Some(line) = std::str::from_utf8(&head[..length]).unwrap().lines().next() else { continue };
            log.lock().unwrap().push(line.split(' ').nth(1).unwrap().to_owned());
            let _: io::Result<()> = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let service = RetryLayer::new(config()).layer(client(false));
    let mut answered = Vec::new();
    for number in 0..100 {
        let path = format!("/{number}");
        let body = Full::<Bytes>::default();
        let request = Request::post(format!("http://{address}{path}")).body(body).unwrap();
        if timeout(LONGEST, service.clone().oneshot(request)).await.unwrap().is_ok() {
            answered.push(path);
        }
        if number % 3 == 0 {
            sleep(Duration::from_millis(2)).await;
        }
    }
    let mut seen = seen.lock().unwrap().clone();
    assert!(answered.iter().all(|path| seen.contains(path)) && !answered.is_empty());
    let all = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), all, "a request arrived twice");
    serving.abort();
}
