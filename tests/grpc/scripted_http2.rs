//! A server that writes HTTP/2 frames by hand, following a script.

use std::{future::poll_fn, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use h2::{Reason, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderName, Request, Response};
use prost::Message;
use tokio::time::Instant;

use crate::{Log, greeting, loopback::Serving};

type Headers = &'static [(&'static str, &'static str)];

#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// Headers only.
    Only(Headers),
    /// Headers without a status, then these trailers.
    Trailers(Headers),
    /// A message, then these trailers.
    Message(Headers),
    /// A message, and then nothing.
    MessageAlone,
    /// This many bytes of a message and its prefix, then these trailers.
    PartOfMessage(usize, Headers),
    /// Headers, and then nothing until the client resets the stream.
    HeadersThenHang,
    /// A message, and then nothing until the client resets the stream.
    MessageThenHang,
    /// A message, and a little later a reset.
    MessageThenReset(Reason),
    Reset(Reason),
    HeadersThenReset(Reason),
    Http(u16),
    /// 200, and a page of HTML.
    Page,
}

pub(crate) const OK: Reply = Reply::Message(&[("grpc-status", "0")]);
pub(crate) const UNAVAILABLE: Headers = &[("grpc-status", "14")];

/// Reads each request and sends the next reply; the last one repeats.
pub(crate) async fn serve(replies: &'static [Reply]) -> (Serving, Log) {
    let log = Log::default();
    let seen = log.clone();
    let serving = Serving::by(|listener| async move {
        while let Ok((socket, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push((Instant::now(), request.headers().clone()));
                        seen.len() - 1
                    };
                    let reply_to = replies[number.min(replies.len() - 1)];
                    tokio::spawn(reply(reply_to, request, respond));
                }
            });
        }
    });
    (serving.await, log)
}

async fn reply(reply: Reply, request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
    let mut body = request.into_body();
    if !matches!(reply, Reply::Reset(Reason::REFUSED_STREAM)) {
        while let Some(Ok(chunk)) = body.data().await {
            let _ = body.flow_control().release_capacity(chunk.len());
        }
    }
    let head = |headers| {
        let mut response = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        response.headers_mut().extend(map(headers));
        response
    };
    match reply {
        Reply::Only(headers) => drop(respond.send_response(head(headers), true).unwrap()),
        Reply::Trailers(trailers) => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            stream.send_trailers(map(trailers)).unwrap();
        }
        Reply::Message(trailers) => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            send_message(&mut stream, false);
            stream.send_trailers(map(trailers)).unwrap();
        }
        Reply::MessageAlone => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            send_message(&mut stream, true);
        }
        Reply::PartOfMessage(length, trailers) => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            stream.send_data(message_frame().slice(..length), false).unwrap();
            stream.send_trailers(map(trailers)).unwrap();
        }
        Reply::HeadersThenHang => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            let _ = poll_fn(|cx| stream.poll_reset(cx)).await;
        }
        Reply::MessageThenHang => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            send_message(&mut stream, false);
            let _ = poll_fn(|cx| stream.poll_reset(cx)).await;
        }
        Reply::MessageThenReset(reason) => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            send_message(&mut stream, false);
            // A reset could overtake the earlier frames.
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.send_reset(reason);
        }
        Reply::Reset(reason) => respond.send_reset(reason),
        Reply::HeadersThenReset(reason) => {
            let mut stream = respond.send_response(head(&[]), false).unwrap();
            stream.send_reset(reason);
        }
        Reply::Page => {
            let response = Response::builder().header("content-type", "text/html").body(()).unwrap();
            let mut stream = respond.send_response(response, false).unwrap();
            stream.send_data(Bytes::from_static(b"<html>under construction</html>"), true).unwrap();
        }
        Reply::Http(status) => {
            let response = Response::builder().status(status).body(()).unwrap();
            drop(respond.send_response(response, true).unwrap());
        }
    }
}

fn send_message(stream: &mut SendStream<Bytes>, last: bool) {
    stream.send_data(message_frame(), last).unwrap();
}

fn message_frame() -> Bytes {
    let message = greeting("answer").encode_to_vec();
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(&message);
    frame.freeze()
}

fn map(headers: Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for &(name, value) in headers {
        map.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    map
}
