//! Request bodies that are sent again.

use bytes::Bytes;
use http_body_util::Channel;
use reqwest::{Body, Client};
use tower::ServiceBuilder;
use tower_recourse::{RetryLayer, http, reqwest::Replay};

use crate::{
    answer, config, retried,
    server::{Server, reply},
};

/// A body that is sent in pieces.
fn stream(pieces: usize) -> Body {
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    tokio::spawn(async move {
        for _ in 0..pieces {
            tokio::task::yield_now().await;
            if sender.send_data(Bytes::from_static(&[b'x'; 1_000])).await.is_err() {
                return;
            }
        }
    });
    Body::wrap(body)
}

#[tokio::test]
async fn a_stream_is_recorded_and_resent() {
    let server = Server::start([reply(503), reply(503)]).await;
    let put = Client::new().put(server.url("/")).body(stream(50)).build().unwrap();
    let (status, body) = answer(&mut retried(Client::new()), put).await;
    assert_eq!((status, body.len(), server.requests().len()), (200, 50_000, 3));
}

#[tokio::test]
async fn a_stream_above_the_limit_is_sent_once() {
    let server = Server::start([reply(503)]).await;
    let small = Replay::from(http::Replay::default().max_body(10_000));
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(config().replay(small))).service(Client::new());
    let put = Client::new().put(server.url("/")).body(stream(50)).build().unwrap();
    assert_eq!(answer(&mut service, put).await.0, 503);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn bytes_of_any_length_are_resent() {
    let server = Server::start([reply(503)]).await;
    let put = Client::new().put(server.url("/")).body(vec![b'x'; 3 << 20]).build().unwrap();
    let (status, body) = answer(&mut retried(Client::new()), put).await;
    assert_eq!((status, body.len(), server.requests().len()), (200, 3 << 20, 2));
}

/// The caller's own stream fails, so the request isn't retried, and the server isn't to blame.
#[tokio::test]
async fn a_request_body_that_fails_ends_the_request() {
    let server = Server::start([]).await;
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    sender.abort(std::io::Error::other("no more"));
    let put = Client::new().put(server.url("/")).body(Body::wrap(body)).build().unwrap();
    let error = crate::send(&mut retried(Client::new()), put).await.unwrap_err();
    assert!(error.as_client().is_some(), "{error:?}");
    assert!(server.requests().len() <= 1);
}
