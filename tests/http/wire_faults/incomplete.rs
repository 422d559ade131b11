//! Responses that end before their whole body has arrived, on sockets: what a breaker that waits
//! for the end of bodies counts, and how a retry behind a `FirstFrameLayer` handles those that end
//! before their first byte.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use http::{Request, Version};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tower::{Layer, ServiceExt};
use tower_recourse::{
    BreakerConfig, Circuit, RetryLayer,
    http::{BodyBreakerLayer, FirstFrameLayer},
};

use super::{
    Outcome, client, got, request,
    server::{Counts, LONGEST, Server},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{config, replay_bodies::Boxed};

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The parts of a response, as HTTP/2 frames. The head is the first.
#[derive(Debug, Clone, Copy)]
enum Frame {
    /// The head: the status, the announced length, and whether the head ends the stream.
    Head(u16, Option<u64>, bool),
    /// This many bytes, and whether they end the stream.
    Data(u8, bool),
    Trailers,
    /// A reset with this code.
    Reset(u8),
}

use Frame::{Data, Head, Reset, Trailers};

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A literal header field without indexing, with a literal name.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

fn bytes_of(part: Frame, stream: u32) -> Vec<u8> {
    let end = |last: bool| if last { END_STREAM } else { 0 };
    match part {
        Head(status, announced, last) => {
            let mut block = literal(":status", &status.to_string());
            if let Some(announced) = announced {
                block.extend(literal("content-length", &announced.to_string()));
            }
            frame(1, END_HEADERS | end(last), stream, &block)
        }
        Data(length, last) => frame(0, end(last), stream, &vec![b'x'; length.into()]),
        Trailers => frame(1, END_HEADERS | END_STREAM, stream, &literal("checksum", "1")),
        Reset(code) => frame(3, 0, stream, &[0, 0, 0, code]),
    }
}

/// Responds to each request with the next script; the last one repeats.
async fn serve_h2(mut socket: TcpStream, counts: Arc<Counts>, scripts: &'static [&'static [Frame]]) -> io::Result<()> {
    socket.write_all(&frame(4, 0, 0, &[])).await?;
    socket.read_exact(&mut [0; "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).await?;
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, s1, s2, s3, s4] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        socket.read_exact(&mut payload).await?;
        match (kind, flags) {
            (4, 0) => socket.write_all(&frame(4, 1, 0, &[])).await?,
            (6, 0) => socket.write_all(&frame(6, 1, 0, &payload)).await?,
            (0 | 1, flags) if flags & END_STREAM != 0 => {
                let stream = u32::from_be_bytes([s1, s2, s3, s4]);
                let number = counts.requests.fetch_add(1, Ordering::SeqCst);
                for &part in scripts[number.min(scripts.len() - 1)] {
                    // A reset could overtake the earlier frames.
                    if let Reset(_) = part {
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    }
                    socket.write_all(&bytes_of(part, stream)).await?;
                }
            }
            _ => {}
        }
    }
}

async fn h2_server(scripts: &'static [&'static [Frame]]) -> Server {
    Server::serving(move |socket, counts| async move {
        let _ = serve_h2(socket, counts, scripts).await;
    })
    .await
}

/// Responds to each request with these bytes, and closes the connection.
async fn h1_server(answers: &'static [&'static str]) -> Server {
    Server::serving(move |mut socket, counts| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && socket.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
        let number = counts.requests.fetch_add(1, Ordering::SeqCst);
        let _ = socket.write_all(answers[number.min(answers.len() - 1)].as_bytes()).await;
        let _ = socket.shutdown().await;
        while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    })
    .await
}

/// The successes and failures that a body breaker counts for one request.
async fn counted(version: Version, server: &Server, request: Request<Boxed>) -> (u64, u64) {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
    let service = BodyBreakerLayer::on(&circuit).layer(client(version));
    if let Ok(response) = timeout(LONGEST, service.oneshot(request)).await.expect("the test hangs") {
        let _ = timeout(LONGEST, response.into_body().collect()).await.expect("the test hangs");
    }
    let stats = circuit.stats();
    assert_eq!((stats.total_neutral, stats.total_dropped), (0, 0), "to {}", server.address);
    (stats.total_successes.unwrap(), stats.total_failures)
}

/// The frames of each response.
type Frames = &'static [&'static [Frame]];

const SUCCESS: (u64, u64) = (1, 0);
const FAILURE: (u64, u64) = (0, 1);

#[tokio::test]
async fn an_incomplete_http2_response_is_a_failure_at_its_end() {
    let cases: [(&str, Frames, &str, (u64, u64)); 15] = [
        ("all of it", &[&[Head(200, Some(10), false), Data(10, true)]], "GET", SUCCESS),
        ("all of it, then a reset", &[&[Head(200, Some(10), false), Data(10, false), Reset(0)]], "GET", SUCCESS),
        ("nothing announced", &[&[Head(200, None, false), Data(10, true)]], "GET", SUCCESS),
        ("with trailers", &[&[Head(200, Some(10), false), Data(10, false), Trailers]], "GET", SUCCESS),
        ("nothing at all", &[&[Head(200, Some(0), true)]], "GET", SUCCESS),
        ("10 of 100, NO_ERROR", &[&[Head(200, Some(100), false), Data(10, false), Reset(0)]], "GET", FAILURE),
        ("0 of 100, NO_ERROR", &[&[Head(200, Some(100), false), Reset(0)]], "GET", FAILURE),
        ("10 of 100, CANCEL", &[&[Head(200, Some(100), false), Data(10, false), Reset(8)]], "GET", FAILURE),
        ("10 of 100, END_STREAM", &[&[Head(200, Some(100), false), Data(10, true)]], "GET", FAILURE),
        ("0 of 100, END_STREAM", &[&[Head(200, Some(100), true)]], "GET", FAILURE),
        ("10 of 100, trailers", &[&[Head(200, Some(100), false), Data(10, false), Trailers]], "GET", FAILURE),
        ("CANCEL, nothing announced", &[&[Head(200, None, false), Data(10, false), Reset(8)]], "GET", FAILURE),
        ("HEAD", &[&[Head(200, Some(100), true)]], "HEAD", SUCCESS),
        ("204", &[&[Head(204, None, true)]], "GET", SUCCESS),
        ("304", &[&[Head(304, None, true)]], "GET", SUCCESS),
    ];
    for (name, scripts, method, expected) in cases {
        let server = h2_server(scripts).await;
        let request =
            request(method, &server).map(|_| http_body_util::Empty::new().map_err(|e| match e {}).boxed_unsync());
        assert_eq!(counted(Version::HTTP_2, &server, request).await, expected, "{name}");
        server.ends().await;
    }
}

#[tokio::test]
async fn an_incomplete_http1_response_is_a_failure_at_its_end() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let cases: [(&str, &'static str, &str, (u64, u64)); 10] = [
        ("all of it", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour", "GET", SUCCESS),
        ("chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n", "GET", SUCCESS),
        ("until it is closed", "HTTP/1.1 200 OK\r\n\r\nfour", "GET", SUCCESS),
        ("4 of 9", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour", "GET", FAILURE),
        ("0 of 9", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "GET", FAILURE),
        ("no last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n", "GET", FAILURE),
        ("half a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nfour", "GET", FAILURE),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "HEAD", SUCCESS),
        ("204", "HTTP/1.1 204 No Content\r\n\r\n", "GET", SUCCESS),
        ("304", "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", "GET", SUCCESS),
    ];
    for (name, response, method, expected) in cases {
        assert!(response.starts_with(OK) || expected == SUCCESS);
        let server = h1_server(Box::leak(Box::new([response]))).await;
        let request =
            request(method, &server).map(|_| http_body_util::Empty::new().map_err(|e| match e {}).boxed_unsync());
        assert_eq!(counted(Version::HTTP_11, &server, request).await, expected, "{name}");
        server.ends().await;
    }
}

/// hyper reads a reset with NO_ERROR as the end of the body, so 0 of 100 bytes look like an empty
/// body.
#[tokio::test]
async fn a_body_of_0_of_100_bytes_is_retried() {
    const WHOLE: &[Frame] = &[Head(200, None, true)];
    let broken: [(&str, &'static [&'static [Frame]]); 4] = [
        ("NO_ERROR", &[&[Head(200, Some(100), false), Reset(0)], WHOLE]),
        ("NO_ERROR after an empty frame", &[&[Head(200, Some(100), false), Data(0, false), Reset(0)], WHOLE]),
        ("trailers", &[&[Head(200, Some(100), false), Trailers], WHOLE]),
        ("END_STREAM", &[&[Head(200, Some(100), false), Data(0, true)], WHOLE]),
    ];
    for (name, scripts) in broken {
        let server = h2_server(scripts).await;
        let waiting = FirstFrameLayer::new().layer(client(Version::HTTP_2));
        let service =
            RetryLayer::new(config()).layer(waiting).map_response(|response| response.map(BodyExt::boxed_unsync));
        assert_eq!(got(service, request("GET", &server)).await, Outcome::Echo, "{name}");
        assert_eq!(server.requests(), 2, "{name}");
        server.ends().await;
    }
    let good: [(&str, &'static [&'static [Frame]], &str); 3] = [
        ("HEAD", &[&[Head(200, Some(100), true)]], "HEAD"),
        ("304", &[&[Head(304, None, true)]], "GET"),
        ("an empty body", &[&[Head(200, Some(0), false), Reset(0)]], "GET"),
    ];
    for (name, scripts, method) in good {
        let server = h2_server(scripts).await;
        let waiting = FirstFrameLayer::new().layer(client(Version::HTTP_2));
        let service =
            RetryLayer::new(config()).layer(waiting).map_response(|response| response.map(BodyExt::boxed_unsync));
        let request =
            request(method, &server).map(|_| http_body_util::Empty::new().map_err(|e| match e {}).boxed_unsync());
        assert_ne!(got(service, request).await, Outcome::Error, "{name}");
        assert_eq!(server.requests(), 1, "{name}");
        server.ends().await;
    }
}
