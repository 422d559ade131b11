//! The faults of HTTP/2: refused streams, and GOAWAY frames that name the last stream.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::server::Counts;

/// What the server does with one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// No fault: 200.
    None,
    /// Resets the stream with this code: 7 is `REFUSED_STREAM`.
    Reset(u8),
    /// Ends the connection with `NO_ERROR`. The GOAWAY names an earlier stream as the last
    /// processed one.
    GoAwayBelow,
    /// Ends the connection with `NO_ERROR`. The GOAWAY names this stream as the last processed one,
    /// and the stream gets no response.
    GoAwayAt,
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_OF_BOTH: u8 = 5;
const ACK: u8 = 1;
/// The 8th entry of HPACK's static table, `:status: 200`.
const STATUS_200: u8 = 0x88;

/// Serves one connection with one line of the script per request. A request is a stream whose head
/// has arrived.
pub(super) async fn serve(mut socket: TcpStream, counts: Arc<Counts>, script: &'static [Fault]) {
    let _ = play(&mut socket, &counts, script).await;
}

async fn play(socket: &mut TcpStream, counts: &Counts, script: &[Fault]) -> io::Result<()> {
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    socket.read_exact(&mut [0; "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).await?;
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, s1, s2, s3, s4] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        socket.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([s1, s2, s3, s4]);
        match kind {
            SETTINGS if flags & ACK == 0 => socket.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            PING if flags & ACK == 0 => socket.write_all(&frame(PING, ACK, 0, &payload)).await?,
            HEADERS => {
                let number = counts.requests.fetch_add(1, Ordering::SeqCst);
                match script[number.min(script.len() - 1)] {
                    Fault::None => socket.write_all(&frame(HEADERS, END_OF_BOTH, stream, &[STATUS_200])).await?,
                    Fault::Reset(code) => socket.write_all(&frame(RST_STREAM, 0, stream, &[0, 0, 0, code])).await?,
                    Fault::GoAwayBelow => return go_away(socket, stream - 1).await,
                    Fault::GoAwayAt => return go_away(socket, stream).await,
                }
            }
            _ => {}
        }
    }
}

/// Sends the number of the last stream, and returns when the client has closed the connection.
async fn go_away(socket: &mut TcpStream, last: u32) -> io::Result<()> {
    socket.write_all(&frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat())).await?;
    socket.shutdown().await?;
    while socket.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}
