//! A server that answers from a script and keeps what it has received.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use tokio::net::TcpListener;

/// One scripted response.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    after: Duration,
}

/// A response with this status.
pub(crate) fn reply(status: u16) -> Reply {
    Reply { status, ..Reply::default() }
}

impl Reply {
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The server waits before it answers.
    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// What the server has received: `PUT /path body`, and the client's port.
#[derive(Default)]
struct Log {
    script: VecDeque<Reply>,
    requests: Vec<String>,
    ports: Vec<u16>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

impl Server {
    /// Plays the script, and then answers 200 with the request's body.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let log = Log { script: script.into_iter().collect(), ..Log::default() };
        let server = Self { address: listener.local_addr().unwrap(), log: Arc::new(Mutex::new(log)) };
        let app = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().requests.clone()
    }

    /// The number of connections.
    pub(crate) fn connections(&self) -> usize {
        let mut ports = self.log.lock().unwrap().ports.clone();
        ports.sort_unstable();
        ports.dedup();
        ports.len()
    }
}

async fn serve(
    State(server): State<Server>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let reply = {
        let mut log = server.log.lock().unwrap();
        let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        log.requests.push(format!("{} {} {shown}", head.method, head.uri).trim_end().to_owned());
        log.ports.push(client.port());
        log.script.pop_front()
    };
    let Some(reply) = reply else { return Response::new(Body::from(body)) };
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from("scripted")).unwrap()
}

/// An address that refuses connections.
pub(crate) async fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Starts a server at an address that has refused connections until now.
pub(crate) async fn serve_soon(address: SocketAddr) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(|| async { "up" })).await });
}
