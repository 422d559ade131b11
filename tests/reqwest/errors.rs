//! How reqwest's errors are classified where no layer sees the request.

use reqwest::Client;
use tower_recourse::{
    Classifier, Delivery, FailureKind, Health, RetryConfig, RetryLayer, Verdict, classify::ErrorClassifier,
    reqwest::Error, retry::Backoff,
};

use crate::{
    ms,
    server::{Server, refusing, reply},
};

fn verdict<E: 'static>(error: &E) -> Verdict {
    Classifier::<(), (), E>::classify(&ErrorClassifier, &(), Err(error))
}

fn kind(verdict: Verdict) -> Option<FailureKind> {
    match verdict {
        Verdict::Failure(failure) => Some(failure.kind()),
        _ => None,
    }
}

#[tokio::test]
async fn an_error_for_a_status_is_classified_by_the_status() {
    use FailureKind::{Permanent, TimedOut, Transient};
    let expected = [
        (404, Permanent, Health::Healthy),
        (408, TimedOut, Health::Healthy),
        (429, FailureKind::Throttled, Health::Throttled),
        (500, Permanent, Health::Unhealthy),
        (502, Transient, Health::Unhealthy),
        (503, Transient, Health::Unhealthy),
    ];
    let server = Server::start(expected.iter().map(|(status, ..)| reply(*status))).await;
    for (status, kind, health) in expected {
        let error = reqwest::get(server.url("/")).await.unwrap().error_for_status().unwrap_err();
        for verdict in [verdict(&error), verdict(&Error::from(error))] {
            let Verdict::Failure(failure) = verdict else { panic!("{status}: {verdict:?}") };
            assert_eq!((failure.kind(), failure.health()), (kind, health), "{status}");
        }
    }
}

/// Alone, boxed, and in this crate's error.
#[tokio::test]
async fn a_refused_connection_is_transient_and_proves_nothing() {
    let refuse = async || reqwest::get(format!("http://{}/", refusing().await)).await.unwrap_err();
    let verdicts = [
        verdict(&refuse().await),
        verdict(&tower::BoxError::from(refuse().await)),
        verdict(&Error::from(refuse().await)),
        verdict(&tower::BoxError::from(Error::from(refuse().await))),
    ];
    for verdict in verdicts {
        let Verdict::Failure(failure) = verdict else { panic!("{verdict:?}") };
        assert_eq!((failure.kind(), failure.delivery()), (FailureKind::Transient, Delivery::Unknown));
    }
}

#[tokio::test]
async fn invalid_requests_and_unexpected_bodies_are_not_transient() {
    let no_host = reqwest::get("/no/host").await.unwrap_err();
    assert_eq!(verdict(&no_host), Verdict::Neutral);
    let scheme = reqwest::get("htp://127.0.0.1:1/").await.unwrap_err();
    assert_eq!(verdict(&scheme), Verdict::Neutral);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_transient() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
    });
    let error = reqwest::get(format!("http://{address}/")).await.unwrap().text().await.unwrap_err();
    assert_eq!(kind(verdict(&error)), Some(FailureKind::Transient), "{error:?}");
}

/// A function with reqwest inside, as most programs have it.
#[tokio::test]
async fn a_function_with_reqwest_is_retried_by_its_error() {
    let server = Server::start([reply(503), reply(502)]).await;
    let client = Client::new();
    let retry = RetryLayer::new(RetryConfig::default().idempotent().backoff(Backoff::fixed(ms(1))).without_observers());
    let url = server.url("/item");
    let text = retry.run(async |_| client.get(&url).send().await?.error_for_status()?.text().await).await.unwrap();
    assert_eq!((text.as_str(), server.requests().len()), ("", 3));

    let missing = Server::start([reply(404)]).await;
    let url = missing.url("/item");
    let error = retry.run(async |_| client.get(&url).send().await?.error_for_status()).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 404);
    assert_eq!(missing.requests().len(), 1);
}
