//! Connections that end while a call is under way, and say which stream was the last: frame by frame, around a tonic client.

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

use crate::{client, config, greeting, in_time, name, serving::Serving};

/// What is done with one call, whose request has been read.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Well,
    /// The connection ends in good order (`NO_ERROR`), and this call wasn't looked at.
    GoAwayBelow,
    /// The same, and this call was the last one that was looked at. It isn't answered.
    GoAwayAt,
    /// The same, and it is answered.
    GoAwayAtThenWell,
    /// No order at all: `INTERNAL_ERROR`, whatever was looked at.
    GoAwayBroken,
    /// `ENHANCE_YOUR_CALM`, and this call wasn't looked at.
    GoAwayCalmBelow,
    /// `ENHANCE_YOUR_CALM`, and this call was the last one that was looked at.
    GoAwayCalmAt,
}

use Fate::{GoAwayAt, GoAwayAtThenWell, GoAwayBelow, GoAwayBroken, GoAwayCalmAt, GoAwayCalmBelow, Well};

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

/// Plays a script, a line a call, over as many connections as it takes; counts the calls.
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
                    Well => socket.write_all(&answer(stream)).await?,
                    GoAwayBelow => return go_away(&mut socket, stream - 1, h2::Reason::NO_ERROR, &[]).await,
                    GoAwayAt => return go_away(&mut socket, stream, h2::Reason::NO_ERROR, &[]).await,
                    GoAwayAtThenWell => {
                        return go_away(&mut socket, stream, h2::Reason::NO_ERROR, &answer(stream)).await;
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

/// Says which stream was the last, and how it went with that one; and is gone once the client is.
async fn go_away(socket: &mut TcpStream, last: u32, reason: h2::Reason, then: &[u8]) -> io::Result<()> {
    let payload = [last.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
    socket.write_all(&[&frame(GOAWAY, 0, 0, &payload), then].concat()).await?;
    socket.shutdown().await?;
    while socket.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

/// Headers, a greeting, trailers.
fn answer(stream: u32) -> Vec<u8> {
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

/// A literal that isn't indexed, with a name of its own.
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

/// What a script comes to with so many retries: the code, the calls that the server has read, and the tokens of a throttle of 10.
async fn comes_to(script: &'static [Fate], retries: u32) -> (Code, usize, f64) {
    let throttle = Arc::new(RetryThrottle::max_tokens(10).unwrap());
    let (serving, calls) = playing(script).await;
    let mut client = client(config().idempotent().retries(retries).shared_budget(throttle.clone()), &serving);
    let code = match in_time(client.greet(name("Ann"))).await {
        Ok(answer) => {
            assert_eq!(answer.into_inner(), greeting("answer"));
            Code::Ok
        }
        Err(status) => status.code(),
    };
    drop(client);
    serving.ends().await;
    (code, calls.load(Ordering::SeqCst), throttle.tokens())
}

/// UNAVAILABLE, as gRPC has it of a connection that is lost: retried by its code, and that counts. Of a call above the last stream h2 could
/// tell that it wasn't looked at, but hyper, which tonic is made of, says the same of calls that were on their way.
#[tokio::test]
async fn a_call_whose_connection_ended_is_a_failure_like_another() {
    for script in [&[GoAwayBelow, Well], &[GoAwayAt, Well], &[GoAwayBroken, Well]] {
        let script: &'static [Fate] = script;
        // Whatever tonic calls it.
        let (code, calls, tokens) = comes_to(script, 0).await;
        assert_ne!(code, Code::Ok, "{script:?}");
        assert_eq!((calls, tokens), (1, 9.0), "{script:?}");
        assert_eq!(comes_to(script, 1).await, (Code::Ok, 2, 9.1), "{script:?}");
    }
}

/// The call may have been processed, and the preset doesn't know whether it may be processed again.
#[tokio::test]
async fn a_call_on_a_lost_connection_is_not_sent_again_unasked() {
    for script in [&[GoAwayBelow, Well], &[GoAwayAt, Well], &[GoAwayBroken, Well]] {
        let script: &'static [Fate] = script;
        let (serving, calls) = playing(script).await;
        let mut client = client(config().retries(1), &serving);
        in_time(client.greet(name("Ann"))).await.unwrap_err();
        drop(client);
        serving.ends().await;
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{script:?}");
    }
}

/// The reason of a GOAWAY is about the connection. To the calls on it, the connection is lost.
#[tokio::test]
async fn a_goaway_that_asks_for_calm_is_unavailable() {
    for script in [&[GoAwayCalmBelow, Well], &[GoAwayCalmAt, Well]] {
        let script: &'static [Fate] = script;
        assert_eq!(comes_to(script, 1).await, (Code::Ok, 2, 9.1), "{script:?}");
    }
}

/// The connection lives until it is answered.
#[tokio::test]
async fn a_call_that_is_still_answered_is_not_sent_again() {
    assert_eq!(comes_to(&[GoAwayAtThenWell, Well], 2).await, (Code::Ok, 1, 10.0));
}
