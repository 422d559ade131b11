//! After a timeout, the next attempt uses another connection.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, sync::Notify, time::timeout};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_recourse::{
    RetryLayer,
    http::{BodyTimeoutLayer, DeadlineLayer, FirstFrameLayer, RetireConnectionLayer},
    retry::Timeouts,
};

use crate::config;

const LONGEST: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_millis(400);

/// What the server does with requests on its first connection. It answers all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstConnection {
    /// It never reads or writes.
    Dead,
    /// It accepts requests and never answers.
    Silent,
    /// It sends heads and no bodies.
    HeadsOnly,
    /// It answers when it is notified.
    Late,
}

use FirstConnection::{Dead, HeadsOnly, Late, Silent};

/// A body that never continues, or a complete one.
struct StallingBody(Option<&'static str>);

impl Body for StallingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some("") => Poll::Ready(None),
            Some(text) => {
                self.0 = Some("");
                Poll::Ready(Some(Ok(Frame::data(text.into()))))
            }
            None => Poll::Pending,
        }
    }
}

struct Server {
    address: SocketAddr,
    /// The number of the connection of each request.
    seen: Arc<Mutex<Vec<usize>>>,
    late: Arc<Notify>,
}

impl Server {
    async fn start(first: FirstConnection) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, late) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (log, notified) = (seen.clone(), late.clone());
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for number in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                if number == 0 && first == Dead {
                    kept.push(socket);
                    continue;
                }
                let (log, notified) = (log.clone(), notified.clone());
                let service = service_fn(move |_: Request<Incoming>| {
                    log.lock().unwrap().push(number);
                    let notified = notified.clone();
                    async move {
                        let body = match first {
                            HeadsOnly if number == 0 => StallingBody(None),
                            Silent | Dead if number == 0 => std::future::pending().await,
                            Late if number == 0 => {
                                notified.notified().await;
                                StallingBody(Some("late"))
                            }
                            _ => StallingBody(Some("answer")),
                        };
                        Ok::<_, Infallible>(Response::new(body))
                    }
                });
                let serving = auto::Builder::new(TokioExecutor::new());
                tokio::spawn(async move {
                    let _ = serving.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, seen, late }
    }

    fn seen(&self) -> Vec<usize> {
        self.seen.lock().unwrap().clone()
    }

    fn request(&self) -> Request<Full<Bytes>> {
        Request::get(format!("http://{}/", self.address)).body(Full::default()).unwrap()
    }

    /// Waits until the server has received this many requests.
    async fn receives(&self, requests: usize) {
        let received = async {
            while self.seen().len() < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONGEST, received).await.unwrap();
    }
}

type Inner = BoxCloneSyncService<Request<Full<Bytes>>, Response<Incoming>, BoxError>;

/// A client, with the layer or without it.
fn client(http2: bool, retire: Option<RetireConnectionLayer>) -> Inner {
    let client: Client<HttpConnector, _> = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
    match retire {
        Some(layer) => {
            BoxCloneSyncService::new(ServiceBuilder::new().map_err(BoxError::from).service(layer.layer(client)))
        }
        None => BoxCloneSyncService::new(ServiceBuilder::new().map_err(BoxError::from).service(client)),
    }
}

/// Without the layer, an attempt over HTTP/2 uses the silent connection again.
#[tokio::test]
async fn the_attempt_after_a_timeout_uses_another_connection() {
    let off = RetireConnectionLayer::new().on_timeout(false);
    for (http2, retire, connections) in [
        (true, Some(RetireConnectionLayer::new()), vec![0, 1]),
        (true, Some(off), vec![0, 0]),
        (true, None, vec![0, 0]),
        (false, Some(RetireConnectionLayer::new()), vec![0, 1]),
        (false, None, vec![0, 1]),
    ] {
        let server = Server::start(Silent).await;
        let retry = RetryLayer::new(config().retries(1).timeouts(Timeouts::attempt(LIMIT)));
        let call = retry.layer(client(http2, retire)).oneshot(server.request());
        let result = timeout(LONGEST, call).await.unwrap();
        assert_eq!(server.seen(), connections, "HTTP/2: {http2}, {retire:?}");
        assert_eq!(result.is_ok(), connections == [0, 1], "HTTP/2: {http2}, {retire:?}");
    }
}

/// The server doesn't even complete the HTTP/2 handshake.
#[tokio::test]
async fn a_dead_connection_is_replaced() {
    for http2 in [false, true] {
        let server = Server::start(Dead).await;
        let retry = RetryLayer::new(config().retries(1).timeouts(Timeouts::attempt(LIMIT)));
        let call = retry.layer(client(http2, Some(RetireConnectionLayer::new()))).oneshot(server.request());
        timeout(LONGEST, call).await.unwrap().unwrap();
        assert_eq!(server.seen(), [1], "HTTP/2: {http2}");
    }
}

#[tokio::test]
async fn a_deadline_retires_the_connection_too() {
    let server = Server::start(Silent).await;
    let inner = client(true, Some(RetireConnectionLayer::new()));
    let deadline = DeadlineLayer::new(LIMIT).on_timeout(|elapsed| Err::<Response<Incoming>, BoxError>(elapsed.into()));
    let limited = deadline.layer(inner);
    limited.clone().oneshot(server.request()).await.unwrap_err();
    limited.oneshot(server.request()).await.unwrap();
    assert_eq!(server.seen(), [0, 1]);
}

/// The head has arrived, and the first frame doesn't. The limit of the attempt ends the wait.
#[tokio::test]
async fn a_missing_first_frame_retires_the_connection() {
    for (retire, connections) in [(Some(RetireConnectionLayer::new()), vec![0, 1]), (None, vec![0, 0])] {
        let server = Server::start(HeadsOnly).await;
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(config().retries(1).timeouts(Timeouts::attempt(LIMIT))))
            .layer(FirstFrameLayer::new())
            .service(client(true, retire));
        let result = timeout(LONGEST, service.oneshot(server.request())).await.unwrap();
        assert_eq!((server.seen(), result.is_ok()), (connections, retire.is_some()));
    }
}

#[tokio::test]
async fn a_stalled_body_retires_the_connection() {
    let off = RetireConnectionLayer::new().on_timeout(false);
    let idle = || BodyTimeoutLayer::new().idle(LIMIT).unwrap();
    let total = || BodyTimeoutLayer::new().total(LIMIT).unwrap();
    for (retire, limit, connections) in [
        (Some(RetireConnectionLayer::new()), idle(), [0, 1]),
        (Some(RetireConnectionLayer::new()), total(), [0, 0]),
        (Some(off), idle(), [0, 0]),
        (None, idle(), [0, 0]),
    ] {
        let server = Server::start(HeadsOnly).await;
        let service = limit.layer(client(true, retire));
        let response = service.clone().oneshot(server.request()).await.unwrap();
        timeout(LONGEST, response.into_body().collect()).await.unwrap().unwrap_err();
        service.oneshot(server.request()).await.unwrap();
        assert_eq!(server.seen(), connections, "{retire:?}, {limit:?}");
    }
}

/// A caller that gives up retires the connection only on request.
#[tokio::test]
async fn a_cancelled_call_keeps_the_connection_by_default() {
    for (on_cancel, connections) in [(false, [0, 0]), (true, [0, 1])] {
        let server = Server::start(Late).await;
        let service = client(true, Some(RetireConnectionLayer::new().on_cancel(on_cancel)));
        let call = tokio::spawn(service.clone().oneshot(server.request()));
        server.receives(1).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        server.late.notify_one();
        let call = tokio::spawn(service.oneshot(server.request()));
        server.receives(2).await;
        server.late.notify_one();
        timeout(LONGEST, call).await.unwrap().unwrap().unwrap();
        assert_eq!(server.seen(), connections);
    }
}

/// Requests that are in flight on a retired connection go on.
#[tokio::test]
async fn a_retired_connection_finishes_its_other_streams() {
    let server = Server::start(Late).await;
    let service = client(true, Some(RetireConnectionLayer::new()));
    let slow = tokio::spawn(service.clone().oneshot(server.request()));
    server.receives(1).await;
    let retry = RetryLayer::new(config().retries(1).timeouts(Timeouts::attempt(LIMIT)));
    retry.layer(service).oneshot(server.request()).await.unwrap();
    assert_eq!(server.seen(), [0, 0, 1]);
    server.late.notify_waiters();
    let slow = timeout(LONGEST, slow).await.unwrap().unwrap().unwrap();
    assert_eq!(slow.into_body().collect().await.unwrap().to_bytes(), "late");
}
