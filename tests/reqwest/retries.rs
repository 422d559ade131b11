//! Which requests are sent again, and when.

use reqwest::{Client, Method};
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_recourse::{RetryLayer, http::StatusClassifier, reqwest::Error, retry::Timeouts, testing::EventRecorder};

use crate::{
    answer, config, ms, request, retried, send,
    server::{Server, refusing, reply, serve_soon},
};

#[tokio::test]
async fn a_put_is_resent_with_its_body_and_headers() {
    let server = Server::start([reply(503), reply(502)]).await;
    let client = Client::new();
    let put = client.put(server.url("/a?b=c")).header("x-order", "7").body("a poem").build().unwrap();
    assert_eq!(answer(&mut retried(client), put).await, (200, "a poem".to_owned()));
    assert_eq!(server.requests(), ["PUT /a?b=c a poem"; 3]);
}

#[tokio::test]
async fn a_post_is_sent_once_unless_it_has_a_key() {
    let server = Server::start([reply(503), reply(503)]).await;
    let client = Client::new();
    let post = |key| client.post(server.url("/")).header("idempotency-key", key).body("x").build().unwrap();
    assert_eq!(answer(&mut retried(client.clone()), post("")).await.0, 503);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(answer(&mut retried(client.clone()), post("order-7")).await.0, 200);
    assert_eq!(server.requests().len(), 3);

    let server = Server::start([reply(503)]).await;
    let ignoring = config().classifier(StatusClassifier::default().ignore_idempotency_key());
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(ignoring)).service(client.clone());
    let post = client.post(server.url("/")).header("idempotency-key", "order-7").build().unwrap();
    assert_eq!(answer(&mut service, post).await.0, 503);
}

/// Also around a bare client, whose error type is reqwest's.
#[tokio::test]
async fn the_delay_that_the_server_asks_for_is_waited() {
    let server =
        Server::start([reply(429).header("retry-after-ms", "80"), reply(503).header("retry-after", "99")]).await;
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(config())).service(Client::new());
    let begun = Instant::now();
    // The second delay exceeds the limit of 30 s.
    assert_eq!(answer(&mut service, request(Method::GET, &server.url("/"))).await.0, 503);
    assert!(begun.elapsed() >= ms(80));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_discarded_response_leaves_its_connection_usable() {
    let server = Server::start([reply(503), reply(503), reply(503)]).await;
    assert_eq!(answer(&mut retried(Client::new()), request(Method::GET, &server.url("/"))).await.0, 200);
    assert_eq!((server.requests().len(), server.connections()), (4, 1));
}

#[tokio::test]
async fn an_attempt_that_hangs_is_ended_and_repeated() {
    let server = Server::start([reply(200).after(ms(60_000))]).await;
    let config = config().timeouts(Timeouts::attempt(ms(300)));
    let mut service =
        ServiceBuilder::new().layer(RetryLayer::new(config)).map_err(Error::Client).service(Client::new());
    let put = Client::new().put(server.url("/")).body("again").build().unwrap();
    assert_eq!(answer(&mut service, put).await, (200, "again".to_owned()));
    assert_eq!(server.requests(), ["PUT / again"; 2]);
}

#[tokio::test]
async fn a_request_that_is_out_of_time_has_an_error_type() {
    let server = Server::start([reply(200).after(ms(60_000))]).await;
    let config = config().timeouts(Timeouts::request(ms(100)));
    let mut service =
        ServiceBuilder::new().layer(RetryLayer::new(config)).map_err(Error::Client).service(Client::new());
    let error = send(&mut service, request(Method::GET, &server.url("/"))).await.unwrap_err();
    let Error::TimedOut(elapsed) = &error else { panic!("{error:?}") };
    assert_eq!(elapsed.limit(), ms(100));
    assert!(error.is_timeout() && error.as_client().is_none());
    assert_eq!(error.to_string(), elapsed.to_string());
}

/// reqwest's limit applies to each attempt.
#[tokio::test]
async fn a_time_limit_of_reqwest_is_a_failed_attempt() {
    let hang = || reply(200).after(ms(60_000));
    for (method, expected) in [(Method::GET, 3), (Method::POST, 1)] {
        let server = Server::start([hang(), hang(), hang(), hang()]).await;
        let client = Client::builder().timeout(ms(100)).build().unwrap();
        let mut service =
            ServiceBuilder::new().layer(RetryLayer::new(config().retries(2))).map_err(Error::Client).service(client);
        let error = send(&mut service, request(method.clone(), &server.url("/"))).await.unwrap_err();
        assert!(error.is_timeout() && matches!(error, Error::Client(_)), "{error:?}");
        assert_eq!(server.requests().len(), expected, "{method}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_retried_until_the_server_is_up() {
    let address = refusing().await;
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(config().retries(500))).service(Client::new());
    let get = request(Method::GET, &format!("http://{address}/"));
    let (got, ()) = tokio::join!(answer(&mut service, get), serve_soon(address));
    assert_eq!(got.0, 200);
}

#[tokio::test]
async fn every_finished_request_is_reported() {
    let server = Server::start([reply(503), reply(200), reply(404)]).await;
    let events = EventRecorder::new();
    let config = config().observe(events.clone()).report_requests();
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(config)).service(Client::new());
    assert_eq!(answer(&mut service, request(Method::GET, &server.url("/"))).await.0, 200);
    assert_eq!(answer(&mut service, request(Method::GET, &server.url("/"))).await.0, 404);
    let expected = [
        r#"RetryScheduled attempt=1 delay=2ms failure=transient status="HTTP 503""#,
        "RetrySucceeded attempt=2",
        "RequestFinished attempts=2 outcome=success",
        "RequestFinished attempts=1 outcome=success",
    ];
    assert_eq!(events.lines(), expected);
}
