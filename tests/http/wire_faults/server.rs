//! A server for HTTP/1 that plays faults byte by byte and counts requests. The module `h2` plays
//! the faults of HTTP/2.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::JoinHandle,
    time::timeout,
};

/// Longer than any case takes.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

/// What the server does with one request. Unless a variant says otherwise, the connection stays
/// open and takes the next request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// No fault: 200 with the request's body.
    None,
    /// Reads the request and resets the connection.
    ResetBeforeHeaders,
    /// A good head that announces a body, then a reset.
    ResetBeforeBody,
    /// Half of a body, then a reset.
    ResetInBody,
    /// A complete response, then a reset.
    ResetAfterBody,
    /// Sends 503 after it has read only the request's head. Reads the rest afterwards.
    Early503,
    /// A status line without end.
    SlowLoris,
    /// A response with this status and a body without end.
    Endless(u16),
    /// 100, and then this status.
    Continue(u16),
    /// This status, and then the connection is closed.
    Close(u16),
    /// 503 with a `Retry-After` of 31,700 years.
    RetryAfter,
}

/// Plays a script with one line per request; the last line repeats.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
    tasks_before: usize,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) requests: AtomicUsize,
    connections: AtomicUsize,
    open: AtomicUsize,
}

impl Server {
    pub(super) async fn playing(script: &'static [Fault]) -> Self {
        Self::serving(move |socket, counts| async move {
            let _ = play(socket, &counts, script).await;
        })
        .await
    }

    /// A server that serves each connection with this function.
    pub(super) async fn serving<F>(serve: impl Fn(TcpStream, Arc<Counts>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks_before = Handle::current().metrics().num_alive_tasks();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::<Counts>::default();
        let shared = counts.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                shared.open.fetch_add(1, Ordering::SeqCst);
                let served = serve(socket, shared.clone());
                let counts = shared.clone();
                tokio::spawn(async move {
                    served.await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, counts, accepting, tasks_before }
    }

    pub(super) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Checks that nothing is left over: no connection of the server, no task on either side. The
    /// caller must have dropped the client.
    pub(super) async fn ends(self) {
        let none_open = || self.counts.open.load(Ordering::SeqCst) == 0;
        timeout(LONGEST, until(none_open)).await.expect("a connection is left over");
        self.accepting.abort();
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let before = self.tasks_before;
        timeout(LONGEST, until(|| tasks() <= before)).await.expect("a task is left over");
    }
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

type Io<T> = std::io::Result<T>;

async fn play(mut socket: TcpStream, counts: &Counts, script: &[Fault]) -> Io<()> {
    while let Some(head) = read_head(&mut socket).await? {
        let number = counts.requests.fetch_add(1, Ordering::SeqCst);
        let fault = script[number.min(script.len() - 1)];
        match fault {
            Fault::Early503 => response(&mut socket, 503, "", "").await?,
            Fault::Continue(_) => socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?,
            _ => {}
        }
        let body = read_body(&mut socket, &head).await?;
        match fault {
            Fault::None => response(&mut socket, 200, "", &body).await?,
            Fault::ResetBeforeHeaders => return socket.set_zero_linger(),
            Fault::ResetBeforeBody | Fault::ResetInBody => {
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n").await?;
                if fault == Fault::ResetInBody {
                    socket.write_all(b"half").await?;
                }
                // The reset could overtake the bytes that were written before.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return socket.set_zero_linger();
            }
            Fault::ResetAfterBody => {
                response(&mut socket, 200, "", &body).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
                return socket.set_zero_linger();
            }
            Fault::Early503 => {}
            Fault::SlowLoris => loop {
                socket.write_all(b"H").await?;
                if gone_within(&mut socket, Duration::from_millis(10)).await {
                    return Ok(());
                }
            },
            Fault::Endless(status) => {
                let head = format!("HTTP/1.1 {status} Whatever\r\ntransfer-encoding: chunked\r\n\r\n");
                socket.write_all(head.as_bytes()).await?;
                loop {
                    socket.write_all(b"5\r\nagain\r\n").await?;
                    tokio::task::yield_now().await;
                }
            }
            Fault::Continue(status) => response(&mut socket, status, "", &body).await?,
            Fault::Close(status) => return response(&mut socket, status, "connection: close\r\n", &body).await,
            Fault::RetryAfter => response(&mut socket, 503, "retry-after: 1000000000000\r\n", "").await?,
        }
    }
    Ok(())
}

async fn response(socket: &mut TcpStream, status: u16, headers: &str, body: &str) -> Io<()> {
    let length = body.len();
    let response = format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: {length}\r\n\r\n{body}");
    socket.write_all(response.as_bytes()).await
}

async fn gone_within(socket: &mut TcpStream, time: Duration) -> bool {
    timeout(time, socket.read(&mut [0; 64])).await.is_ok_and(|read| read.unwrap_or(0) == 0)
}

/// Reads up to and including the empty line. `None`: no further request.
async fn read_head(socket: &mut TcpStream) -> Io<Option<String>> {
    read_to(socket, "\r\n\r\n").await
}

async fn read_to(socket: &mut TcpStream, end: &str) -> Io<Option<String>> {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        if socket.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        text.push(byte[0]);
    }
    Ok(Some(String::from_utf8(text).unwrap()))
}

/// Reads the body that this head announces. A body of unknown length is read chunk by chunk.
async fn read_body(socket: &mut TcpStream, head: &str) -> Io<String> {
    let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let head = head.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        let mut body = String::new();
        loop {
            let size = read_to(socket, "\r\n").await?.ok_or_else(gone)?;
            let chunk = read_to(socket, "\r\n").await?.ok_or_else(gone)?;
            if size.trim() == "0" {
                return Ok(body);
            }
            body.push_str(chunk.trim_end_matches("\r\n"));
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    socket.read_exact(&mut body).await?;
    Ok(String::from_utf8(body).unwrap())
}
