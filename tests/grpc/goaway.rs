//! Connections that end during a call with a GOAWAY frame, around a tonic client. The server writes
//! the frames itself.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;
use tower_recourse::retry::RetryThrottle;

use crate::{client, config, greeting, in_time, loopback::Serving, name};

/// What the server does with one call after it has read the request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Success,
    /// The connection ends with `NO_ERROR`, and the server hasn't processed this call.
    GoAwayBelow,
    /// The same, but this call is the last one that the server processed. It gets no response.
    GoAwayAt,
    /// The same, and the call gets its response.
    GoAwayAtThenResponse,
    /// The connection ends with `INTERNAL_ERROR`, whatever the server processed.
    GoAwayBroken,
    /// `ENHANCE_YOUR_CALM`, and the server hasn't processed this call.
    GoAwayCalmBelow,
    /// `ENHANCE_YOUR_CALM`, and this call is the last one that the server processed.
    GoAwayCalmAt,
}

use Fate::{GoAwayAt, GoAwayAtThenResponse, GoAwayBelow, GoAwayBroken, GoAwayCalmAt, GoAwayCalmBelow, Success};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// The 8th entry of HPACK's static table.
const STATUS_200: u8 = 0x88;

/// Runs a script with one line per call, over as many connections as needed. Counts the calls.
async fn playing(script: &'static [Fate]) -> (Serving, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let counted = calls.clone();
    let serving = Serving::by(|listener| async move {
        while let Ok((socket, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let _ = play(socket, &counted, script).await;
            });
        }
    });
    (serving.await, calls)
}

async fn play(mut socket: TcpStream, calls: &AtomicUsize, script: &[Fate]) -> io::Result<()> {
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
            DATA if flags & END_STREAM != 0 => {
                let number = calls.fetch_add(1, Ordering::SeqCst);
                match script[number.min(script.len() - 1)] {
                    Success => socket.write_all(&response(stream)).await?,
                    GoAwayBelow => return go_away(&mut socket, stream - 1, h2::Reason::NO_ERROR, &[]).await,
                    GoAwayAt => return go_away(&mut socket, stream, h2::Reason::NO_ERROR, &[]).await,
                    GoAwayAtThenResponse => {
                        return go_away(&mut socket, stream, h2::Reason::NO_ERROR, &response(stream)).await;
                    }
                    GoAwayCalmBelow => {
                        return go_away(&mut socket, stream - 1, h2::Reason::ENHANCE_YOUR_CALM, &[]).await;
                    }
                    GoAwayCalmAt => return go_away(&mut socket, stream, h2::Reason::ENHANCE_YOUR_CALM, &[]).await,
                    GoAwayBroken => return go_away(&mut socket, stream - 1, h2::Reason::INTERNAL_ERROR, &[]).await,
                }
            }
            _ => {}
        }
    }
}

/// Sends a GOAWAY with this last stream and reason, then the bytes `then`. Returns when the client
/// has closed the connection.
async fn go_away(socket: &mut TcpStream, last: u32, reason: h2::Reason, then: &[u8]) -> io::Result<()> {
    let payload = [last.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
    socket.write_all(&[&frame(GOAWAY, 0, 0, &payload), then].concat()).await?;
    socket.shutdown().await?;
    while socket.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

/// Headers, a greeting, trailers.
fn response(stream: u32) -> Vec<u8> {
    let message = greeting("answer").encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let head = [&[STATUS_200][..], &header("content-type", "application/grpc")].concat();
    [
        frame(HEADERS, END_HEADERS, stream, &head),
        frame(DATA, 0, stream, &[&[0], &length[..], &message].concat()),
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &header("grpc-status", "0")),
    ]
    .concat()
}

/// A literal header field without indexing, with a literal name.
fn header(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The result of a script with this many retries: the code, the calls that the server has read, and
/// the tokens left in a throttle that starts with 10.
async fn outcome_of(script: &'static [Fate], retries: u32) -> (Code, usize, f64) {
    let throttle = Arc::new(RetryThrottle::max_tokens(10).unwrap());
    let (serving, calls) = playing(script).await;
    let mut client = client(config().idempotent().retries(retries).shared_budget(throttle.clone()), &serving);
    let code = match in_time(client.greet(name("Ann"))).await {
        Ok(response) => {
            assert_eq!(response.into_inner(), greeting("answer"));
            Code::Ok
        }
        Err(status) => status.code(),
    };
    drop(client);
    serving.ends().await;
    (code, calls.load(Ordering::SeqCst), throttle.tokens())
}

/// The call has the code UNAVAILABLE, as in gRPC for a lost connection. It is retried by its code,
/// and the retry counts. For a call above the last stream, h2 could tell that the server didn't
/// process it. But hyper, which tonic uses, reports the same for calls that were being processed.
#[tokio::test]
async fn a_call_on_a_closed_connection_is_a_failure() {
    for script in [&[GoAwayBelow, Success], &[GoAwayAt, Success], &[GoAwayBroken, Success]] {
        let script: &'static [Fate] = script;
        // The call fails; which code tonic returns doesn't matter.
        let (code, calls, tokens) = outcome_of(script, 0).await;
        assert_ne!(code, Code::Ok, "{script:?}");
        assert_eq!((calls, tokens), (1, 9.0), "{script:?}");
        assert_eq!(outcome_of(script, 1).await, (Code::Ok, 2, 9.1), "{script:?}");
    }
}

/// The server may have processed the call, and the preset doesn't know whether the call is
/// idempotent.
#[tokio::test]
async fn a_call_on_a_lost_connection_is_not_resent_by_default() {
    for script in [&[GoAwayBelow, Success], &[GoAwayAt, Success], &[GoAwayBroken, Success]] {
        let script: &'static [Fate] = script;
        let (serving, calls) = playing(script).await;
        let mut client = client(config().retries(1), &serving);
        in_time(client.greet(name("Ann"))).await.unwrap_err();
        drop(client);
        serving.ends().await;
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{script:?}");
    }
}

/// The reason of a GOAWAY concerns the connection. For its calls, the connection is lost.
#[tokio::test]
async fn an_enhance_your_calm_goaway_is_unavailable() {
    for script in [&[GoAwayCalmBelow, Success], &[GoAwayCalmAt, Success]] {
        let script: &'static [Fate] = script;
        assert_eq!(outcome_of(script, 1).await, (Code::Ok, 2, 9.1), "{script:?}");
    }
}

/// The connection stays open until the response has been sent.
#[tokio::test]
async fn a_call_answered_after_goaway_is_not_resent() {
    assert_eq!(outcome_of(&[GoAwayAtThenResponse, Success], 2).await, (Code::Ok, 1, 10.0));
}
