//! reqwest follows redirects within an attempt.

use reqwest::{Client, Method, redirect::Policy};
use tower::ServiceBuilder;
use tower_recourse::{RetryLayer, http::StatusClassifier};

use crate::{
    answer, config, request, retried, send,
    server::{Server, refusing, reply, serve_soon},
};

#[tokio::test]
async fn the_response_has_the_url_that_answered() {
    let last = Server::start([reply(503)]).await;
    let first = Server::start([
        reply(302).header("location", last.url("/there")),
        reply(307).header("location", last.url("/here")),
    ])
    .await;
    let response = send(&mut retried(Client::new()), request(Method::GET, &first.url("/"))).await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().as_str()), (200, &*last.url("/here")));
    assert_eq!((first.requests().len(), last.requests()), (2, vec!["GET /there".to_owned(), "GET /here".to_owned()]));
}

/// The first host has processed the POST. Neither the refused connection nor the 429 of the second
/// host proves the opposite. Also if the server redirects to the same URL.
#[tokio::test]
async fn a_redirected_post_is_not_sent_twice() {
    let down = format!("http://{}/", refusing().await);
    let server = Server::start([reply(303).header("location", down)]).await;
    let error = send(&mut retried(Client::new()), request(Method::POST, &server.url("/"))).await.unwrap_err();
    assert!(error.as_client().unwrap().is_connect(), "{error:?}");
    assert_eq!(server.requests(), ["POST /"]);

    let throttled = Server::start([reply(303).header("location", "/"), reply(429)]).await;
    assert_eq!(answer(&mut retried(Client::new()), request(Method::POST, &throttled.url("/"))).await.0, 429);
    assert_eq!(throttled.requests(), ["POST /", "GET /"]);
}

#[tokio::test]
async fn a_post_is_resent_if_the_client_never_redirects() {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let one_call = config().retries(500).classifier(StatusClassifier::default().never_redirects());
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(one_call.clone())).service(client.clone());

    let throttled = Server::start([reply(429), reply(429)]).await;
    assert_eq!(answer(&mut service, request(Method::POST, &throttled.url("/"))).await.0, 200);
    assert_eq!(throttled.requests().len(), 3);
    let failing = Server::start([reply(503)]).await;
    assert_eq!(answer(&mut service, request(Method::POST, &failing.url("/"))).await.0, 503);

    let (first, second) = (refusing().await, refusing().await);
    let url = |address| request(Method::POST, &format!("http://{address}/"));
    let (got, ()) = tokio::join!(answer(&mut service, url(first)), serve_soon(first));
    assert_eq!(got.0, 200);
    let mut boxed =
        ServiceBuilder::new().layer(RetryLayer::new(one_call)).map_err(tower::BoxError::from).service(client);
    let (got, ()) = tokio::join!(answer(&mut boxed, url(second)), serve_soon(second));
    assert_eq!(got.0, 200);
}

/// Redirects in a circle are the server's answer. A retry would get it again.
#[tokio::test]
async fn redirects_in_a_circle_are_not_retried() {
    let server = Server::start((0..50).map(|_| reply(302).header("location", "/"))).await;
    let error = send(&mut retried(Client::new()), request(Method::GET, &server.url("/"))).await.unwrap_err();
    assert!(error.as_client().unwrap().is_redirect());
    assert_eq!(server.requests().len(), 11);
}
