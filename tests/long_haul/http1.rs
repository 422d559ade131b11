//! The faults in HTTP/1, byte by byte.

use std::{
    io,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{plan::Fault, server::ServerState};

pub(crate) async fn serve(socket: TcpStream, desk: Arc<ServerState>) {
    let connection = Connection { socket, buffer: Vec::with_capacity(1 << 10), desk };
    let _ = connection.serve().await;
}

struct Connection {
    socket: TcpStream,
    /// Bytes that were read and not used yet.
    buffer: Vec<u8>,
    desk: Arc<ServerState>,
}

/// The parts of a request's head that the server uses.
struct Head {
    id: u32,
    call: usize,
    length: Option<usize>,
}

impl Connection {
    async fn serve(mut self) -> io::Result<()> {
        while let Some(head) = self.head().await? {
            let fault = self.desk.next_fault(head.id, head.call, Fault::by_http1);
            let good = self.desk.account.plan.response(head.id);
            match fault {
                Fault::Early200 => self.response(200, "", &good).await?,
                Fault::Early503 => self.response(503, "", "early").await?,
                Fault::Early503Close => return self.response(503, "connection: close\r\n", "early").await,
                Fault::Continue503 => self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?,
                _ => {}
            }
            self.body(&head).await?;
            match fault {
                Fault::Unseen | Fault::Refused | Fault::Early503Close => unreachable!("not a fault of HTTP/1"),
                Fault::Early200 | Fault::Early503 => {}
                Fault::None | Fault::CloseAfter => self.response(200, "", &good).await?,
                Fault::CloseAsSaid => self.response(200, "connection: close\r\n", &good).await?,
                Fault::Is500 | Fault::Is502 | Fault::Is503 | Fault::Is504 | Fault::Continue503 => {
                    self.response(fault.status().unwrap(), "", "not now").await?;
                }
                Fault::Throttled => self.response(429, "retry-after: 0\r\n", "slower").await?,
                Fault::ThrottledASecond => self.response(429, "retry-after: 1\r\n", "slower").await?,
                Fault::ThrottledInThePast => {
                    self.response(503, "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "slower").await?;
                }
                Fault::ThrottledForEver => self.response(503, "retry-after: 1000000000000\r\n", "slower").await?,
                Fault::ResetBeforeHeaders => {}
                Fault::ResetInHeaders => self.write(b"HTTP/1.1 200 O").await?,
                Fault::ResetInBody | Fault::CloseInBody => {
                    let half = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", good.len() + 1, good);
                    self.write(half.as_bytes()).await?;
                }
                Fault::Slow => while self.read().await? > 0 {},
                Fault::SlowLoris => loop {
                    self.write(b"H").await?;
                    if timeout(Duration::from_millis(50), self.read()).await.is_ok_and(|read| read.unwrap_or(0) == 0) {
                        return Ok(());
                    }
                },
                Fault::Endless503 => {
                    self.write(b"HTTP/1.1 503 Not Now\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                    let mut chunk = b"4000\r\n".to_vec();
                    chunk.extend_from_slice(&[b'.'; 0x4000]);
                    chunk.extend_from_slice(b"\r\n");
                    loop {
                        self.write(&chunk).await?;
                    }
                }
                Fault::Garbage => self.write(b"\r\n\0 is no HTTP\r\n\r\n").await?,
            }
            match fault {
                Fault::ResetBeforeHeaders | Fault::ResetInHeaders => return self.socket.set_zero_linger(),
                Fault::ResetInBody => {
                    // Without the wait, the reset would overtake the earlier bytes.
                    sleep(Duration::from_millis(5)).await;
                    return self.socket.set_zero_linger();
                }
                Fault::CloseInBody | Fault::CloseAfter | Fault::CloseAsSaid | Fault::Garbage => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    /// `None`: no further request.
    async fn head(&mut self) -> io::Result<Option<Head>> {
        let length = match self.find(b"\r\n\r\n").await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            end => end? + 4,
        };
        let text = std::str::from_utf8(&self.buffer[..length]).expect("the request is text");
        let mut head = Head { id: 0, call: 0, length: Some(0) };
        let mut lines = text.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a request line");
        head.id = path.trim_start_matches('/').parse().expect("the path is the number");
        for line in lines {
            let Some((name, value)) = line.split_once(": ") else { continue };
            match name {
                "x-call" => head.call = value.parse().expect("a number"),
                "content-length" => head.length = Some(value.parse().expect("a number")),
                "transfer-encoding" => head.length = None,
                _ => {}
            }
        }
        self.buffer.drain(..length);
        Ok(Some(head))
    }

    /// Reads the body, and checks that it is what was sent.
    async fn body(&mut self, head: &Head) -> io::Result<()> {
        let mut expected = self.desk.account.plan.body(head.id);
        let is_right = match head.length {
            Some(length) => self.piece(length, &mut expected).await? && expected.is_empty(),
            None => {
                let mut is_right = true;
                loop {
                    let end = self.find(b"\r\n").await?;
                    let size = std::str::from_utf8(&self.buffer[..end]).expect("a size");
                    let size = usize::from_str_radix(size, 16).expect("a size");
                    self.buffer.drain(..end + 2);
                    is_right &= self.piece(size, &mut expected).await?;
                    self.fill(2).await?;
                    self.buffer.drain(..2);
                    if size == 0 {
                        break is_right && expected.is_empty();
                    }
                }
            }
        };
        if !is_right {
            self.desk.account.corrupt.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    /// Reads this much of a body. Returns whether it matches the expected bytes.
    async fn piece(&mut self, length: usize, expected: &mut &[u8]) -> io::Result<bool> {
        self.fill(length).await?;
        let is_right = expected.starts_with(&self.buffer[..length]);
        *expected = expected.get(length..).unwrap_or_default();
        self.buffer.drain(..length);
        Ok(is_right)
    }

    /// Reads until `end` is found, and returns its position.
    async fn find(&mut self, end: &[u8]) -> io::Result<usize> {
        loop {
            if let Some(place) = self.buffer.windows(end.len()).position(|bytes| bytes == end) {
                return Ok(place);
            }
            self.more().await?;
        }
    }

    async fn fill(&mut self, length: usize) -> io::Result<()> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.read().await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(1 << 10);
        self.socket.read_buf(&mut self.buffer).await
    }

    async fn response(&mut self, status: u16, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let response = format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: {length}\r\n\r\n{body}");
        self.write(response.as_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }
}
