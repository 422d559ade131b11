//! The upstream: an HTTP server that counts executions by the request's id and fails on command.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use crate::{
    Error,
    servers::{free_port, local},
};

/// The request header with the id of the request, which all of its attempts share.
pub const REQUEST_ID: &str = "x-request-id";

/// How the upstream treats requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Responds after this time.
    AnswersAfter(Duration),
    /// Receives requests, and responds when it is healthy again.
    Hangs,
    /// Sends the headers at once, and never sends the announced body.
    StallsBody,
}

/// The number of executions of each request. The upstream executes a request as soon as it has
/// received it completely, so a client without a response can't know whether it was executed.
#[derive(Debug, Clone, Default)]
pub struct Executions {
    by_id: Arc<Mutex<HashMap<u32, u32>>>,
}

impl Executions {
    fn add(&self, id: u32) {
        *self.by_id.lock().unwrap().entry(id).or_insert(0) += 1;
    }

    /// The number of executions of the request with this id.
    pub fn of(&self, id: u32) -> u32 {
        self.by_id.lock().unwrap().get(&id).copied().unwrap_or(0)
    }
}

/// A running upstream. Dropping it closes its listener and its connections.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    health: watch::Sender<Health>,
    executions: Executions,
    body: Bytes,
    /// The task that accepts connections and owns those that it has accepted. `None` while dead.
    accepting: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts an upstream that responds after `latency` with a body of `length` bytes.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn start(latency: Duration, length: usize, executions: &Executions) -> Result<Self, Error> {
        let mut upstream = Self {
            address: local(free_port()?),
            health: watch::channel(Health::AnswersAfter(latency)).0,
            executions: executions.clone(),
            body: vec![b'x'; length].into(),
            accepting: None,
        };
        upstream.revive().await?;
        Ok(upstream)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how the upstream treats requests from now on. When the upstream becomes healthy, it
    /// responds to hanging requests.
    pub fn set(&self, health: Health) {
        self.health.send_replace(health);
    }

    /// Closes the listener and all connections, as the kernel does for a killed process.
    pub async fn die(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // The listener is closed when the task has ended.
            _ = accepting.await;
        }
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    ///
    /// Another process has taken the port.
    pub async fn revive(&mut self) -> Result<(), Error> {
        let listener = TcpListener::bind(self.address).await?;
        let (health, executions, body) = (self.health.subscribe(), self.executions.clone(), self.body.clone());
        self.accepting = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, health.clone(), executions.clone(), body.clone()));
                while connections.try_join_next().is_some() {}
            }
        }));
        Ok(())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

async fn serve(socket: TcpStream, health: watch::Receiver<Health>, executions: Executions, body: Bytes) {
    _ = socket.set_nodelay(true);
    let service = service_fn(move |request| answer(request, health.clone(), executions.clone(), body.clone()));
    // Ignores errors: some scenarios close connections.
    _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
}

async fn answer(
    request: Request<Incoming>,
    mut health: watch::Receiver<Health>,
    executions: Executions,
    body: Bytes,
) -> Result<Response<Either<Full<Bytes>, Stalled>>, Infallible> {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let received = request.into_body().collect().await;
    let (Some(id), Ok(_)) = (id, received) else {
        let mut refused = Response::new(Either::Left(Full::default()));
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refused);
    };
    executions.add(id);
    let now = *health.borrow();
    match now {
        Health::AnswersAfter(latency) => sleep(latency).await,
        // An error means that the upstream was dropped.
        Health::Hangs => _ = health.wait_for(|health| *health != Health::Hangs).await,
        Health::StallsBody => return Ok(Response::new(Either::Right(Stalled { length: body.len() as u64 }))),
    }
    Ok(Response::new(Either::Left(Full::new(body))))
}

/// A body that announces its length and never yields a frame.
#[derive(Debug)]
struct Stalled {
    length: u64,
}

impl http_body::Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Pending
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.length)
    }
}

/// Waits until `address` accepts connections.
///
/// # Errors
///
/// `address` doesn't accept connections within 10 s.
pub async fn accepts(address: SocketAddr) -> Result<(), Error> {
    let tries = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(10), tries).await.map_err(|_| format!("{address} doesn't accept connections").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clients::{Client, Kind, Setup},
        load::Call,
    };

    fn client(upstream: &Upstream) -> Client {
        Client::new(Kind::Bare, upstream.address(), Setup::default()).unwrap()
    }

    #[tokio::test]
    async fn executions_are_counted_by_the_id_of_the_request() {
        let executions = Executions::default();
        let upstream = Upstream::start(Duration::ZERO, 10, &executions).await.unwrap();
        for id in [1, 2, 2] {
            client(&upstream).call(Call { id, operation: 2 }).await.unwrap();
        }
        assert_eq!([0, 1, 2].map(|id| executions.of(id)), [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_dead_upstream_refuses_until_it_is_revived() {
        let mut upstream = Upstream::start(Duration::ZERO, 10, &Executions::default()).await.unwrap();
        let client = client(&upstream);
        let call = Call { id: 1, operation: 0 };
        client.clone().call(call).await.unwrap();
        upstream.die().await;
        assert_eq!(client.clone().call(call).await, Err("ConnectionRefused".to_owned()));
        upstream.revive().await.unwrap();
        client.call(call).await.unwrap();
    }

    #[tokio::test]
    async fn a_hanging_upstream_answers_when_it_is_well() {
        let executions = Executions::default();
        let upstream = Upstream::start(Duration::ZERO, 10, &executions).await.unwrap();
        upstream.set(Health::Hangs);
        let call = tokio::spawn(client(&upstream).call(Call { id: 7, operation: 0 }));
        while executions.of(7) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(!call.is_finished());
        upstream.set(Health::AnswersAfter(Duration::ZERO));
        call.await.unwrap().unwrap();
    }
}
