//! A TCP proxy between a client and an upstream, which damages connections on command.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::{
    Error,
    servers::{free_port, local},
};

/// What the proxy does with bytes. A change also applies to existing connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyMode {
    /// Forwards all bytes.
    Passes,
    /// Forwards the first `after` bytes of the next response, then closes both connections.
    Cuts { after: usize },
    /// Forwards all bytes, with this delay for each chunk of a response.
    Delays(Duration),
    /// Closes the direction to the client instead of forwarding a response, and continues to read
    /// from the client.
    HalfCloses,
    /// Discards the bytes of both directions, and keeps the connections open.
    Discards,
}

/// A running proxy. Dropping it closes its listener and its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<ProxyMode>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// # Errors
    ///
    /// No port is free.
    pub async fn start(upstream: SocketAddr) -> Result<Self, Error> {
        let address = local(free_port()?);
        let listener = TcpListener::bind(address).await?;
        let mode = watch::channel(ProxyMode::Passes).0;
        let state = mode.subscribe();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connect(client, upstream, state.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, mode, accepting })
    }

    /// The address to which clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the proxy does from now on, on existing connections too.
    pub fn set(&self, mode: ProxyMode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(client: TcpStream, upstream: SocketAddr, mode: watch::Receiver<ProxyMode>) {
    // If the upstream refuses the connection, the client's connection is closed.
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // Closes both connections when one direction has ended.
    tokio::select! {
        () = requests(from_client, to_server, mode.clone()) => {}
        () = answers(from_server, to_client, mode) => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<ProxyMode>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if *mode.borrow_and_update() == ProxyMode::Discards {
            continue;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mode: watch::Receiver<ProxyMode>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let answer = &buffer[..length];
        let now = *mode.borrow();
        let passed = match now {
            ProxyMode::Passes => to.write_all(answer).await,
            ProxyMode::Cuts { after } => {
                _ = to.write_all(&answer[..after.min(length)]).await;
                return;
            }
            ProxyMode::Delays(time) => {
                sleep(time).await;
                to.write_all(answer).await
            }
            ProxyMode::HalfCloses => {
                _ = to.shutdown().await;
                // The other direction stays open until the client closes it.
                return std::future::pending().await;
            }
            ProxyMode::Discards => Ok(()),
        };
        if passed.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A connection through a proxy to an echo server.
    async fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (mut from, mut to) = socket.split();
            tokio::io::copy(&mut from, &mut to).await
        });
        let proxy = Proxy::start(upstream).await.unwrap();
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        // The connection to the upstream exists before the mode changes.
        assert_eq!(exchange(&mut client, b"first", 5).await, b"first");
        (proxy, client)
    }

    /// Sends a text, then reads up to `most` bytes or to the end of the stream.
    async fn exchange(client: &mut TcpStream, text: &[u8], most: u64) -> Vec<u8> {
        client.write_all(text).await.unwrap();
        let mut answer = Vec::new();
        _ = client.take(most).read_to_end(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn cut_passes_the_first_bytes_and_closes() {
        let (proxy, mut client) = echo().await;
        proxy.set(ProxyMode::Cuts { after: 3 });
        assert_eq!(exchange(&mut client, b"second", 100).await, b"sec");
        assert!(client.write_all(b"third").await.is_err() || client.read_u8().await.is_err());
    }

    #[tokio::test]
    async fn half_close_still_accepts_requests() {
        let (proxy, mut client) = echo().await;
        proxy.set(ProxyMode::HalfCloses);
        assert_eq!(exchange(&mut client, b"second", 100).await, b"");
        client.write_all(b"third").await.unwrap();
        sleep(Duration::from_millis(20)).await;
        client.write_all(b"fourth").await.unwrap();
    }

    #[tokio::test]
    async fn discard_answers_nothing_and_closes_nothing() {
        let (proxy, mut client) = echo().await;
        proxy.set(ProxyMode::Discards);
        let answered = timeout(Duration::from_millis(50), exchange(&mut client, b"second", 6)).await;
        assert!(answered.is_err());
        proxy.set(ProxyMode::Passes);
        assert_eq!(exchange(&mut client, b"third", 5).await, b"third");
    }
}
