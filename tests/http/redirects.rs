//! Redirects to a host on which no server listens: which requests are sent twice if the client
//! follows redirects.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::any,
};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::timeout};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_http_06::follow_redirect::{
    FollowRedirectLayer,
    policy::{Action, Attempt, Policy},
};
use tower_recourse::{
    RetryLayer, Verdict,
    classify::{self, ErrorClassifier, FollowSources},
    http::StatusClassifier,
    retry::Backoff,
};

use crate::config;

const LONGEST: Duration = Duration::from_secs(20);

type Sent = Request<Full<Bytes>>;

/// An address at which no server listens.
async fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The methods of the requests that a server has received.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Method>>>);

impl Seen {
    fn count(&self, method: Method) -> usize {
        self.0.lock().unwrap().iter().filter(|&seen| *seen == method).count()
    }
}

/// A server that redirects each request to a dead host with this status.
async fn redirecting(status: u16) -> (SocketAddr, Seen) {
    let location = format!("http://{}/next", dead().await);
    let seen = Seen::default();
    let log = seen.clone();
    let app = Router::new().fallback(any(move |method: Method| {
        log.0.lock().unwrap().push(method);
        let answer = (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, location.clone())]);
        async move { answer.into_response() }
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

/// reqwest as in the docs. A body made by `wrap` is a stream, which reqwest can't resend after a
/// redirect. It can resend other bodies.
fn reqwest_service(
    client: reqwest::Client,
    wrap: bool,
    attempts: Arc<AtomicUsize>,
) -> impl Service<Sent, Response = Response<reqwest::Body>, Error = BoxError, Future: Send> + Clone {
    service_fn(move |request: Sent| {
        let client = client.clone();
        attempts.fetch_add(1, Ordering::SeqCst);
        async move {
            let plain = |_: Full<Bytes>| reqwest::Body::from("the body");
            let request = if wrap { request.map(reqwest::Body::wrap) } else { request.map(plain) };
            Ok::<_, BoxError>(Response::<reqwest::Body>::from(client.execute(request.try_into()?).await?))
        }
    })
}

fn request(method: &str, address: SocketAddr) -> Sent {
    Request::builder().method(method).uri(format!("http://{address}/")).body(Full::from("the body")).unwrap()
}

fn retry() -> tower_recourse::RetryConfig<
    StatusClassifier,
    tower_recourse::retry::NoTimeouts,
    tower_recourse::retry::quota::NoQuota,
    tower_recourse::http::Replay,
> {
    config().backoff(Backoff::none())
}

fn no_proxy() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

/// got#930, curl#5462: the second host refuses the connection, but the first host has received the
/// POST, so a retry would send the POST twice.
#[tokio::test]
async fn a_post_redirected_to_a_dead_host_is_sent_once_by_reqwest() {
    for (status, wrap) in [(301, true), (302, true), (303, true), (303, false), (307, false), (308, false)] {
        let (address, seen) = redirecting(status).await;
        let attempts = Arc::default();
        let send = reqwest_service(no_proxy().build().unwrap(), wrap, Arc::clone(&attempts));
        let answer = RetryLayer::new(retry()).layer(send).oneshot(request("POST", address));
        let error = timeout(LONGEST, answer).await.unwrap().unwrap_err();
        assert!(error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect), "{status}: {error:?}");
        assert_eq!((seen.count(Method::POST), attempts.load(Ordering::SeqCst)), (1, 1), "{status}, wrapped: {wrap}");
    }
}

#[tokio::test]
async fn a_get_redirected_to_a_dead_host_is_retried_by_reqwest() {
    for status in [301, 302, 303, 307, 308] {
        let (address, seen) = redirecting(status).await;
        let send = reqwest_service(no_proxy().build().unwrap(), false, Arc::default());
        let answer = RetryLayer::new(retry()).layer(send).oneshot(request("GET", address));
        timeout(LONGEST, answer).await.unwrap().unwrap_err();
        assert_eq!(seen.count(Method::GET), 3, "{status}");
    }
}

/// The proxy answers one request and stops listening. So the client can't connect to the proxy when
/// it follows the redirect.
#[tokio::test]
async fn a_post_through_a_proxy_that_dies_is_sent_once_by_reqwest() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(listener);
        let _ = socket.read(&mut [0; 4096]).await.unwrap();
        let answer =
            "HTTP/1.1 303 See Other\r\nlocation: http://other.test/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    let client = reqwest::Client::builder().proxy(reqwest::Proxy::http(format!("http://{proxy}")).unwrap());
    let attempts = Arc::default();
    let send = reqwest_service(client.build().unwrap(), true, Arc::clone(&attempts));
    let mut post = request("POST", proxy);
    *post.uri_mut() = "http://origin.test/".parse().unwrap();
    let answer = RetryLayer::new(retry()).layer(send).oneshot(post);
    let error = timeout(LONGEST, answer).await.unwrap().unwrap_err();
    assert!(error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect), "{error:?}");
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

/// If the client doesn't follow redirects, an attempt is one request. A refused connection then
/// proves that the request wasn't sent.
#[tokio::test]
async fn without_redirects_a_refused_connection_is_not_sent() {
    let not_sent = |error: &BoxError| {
        let refused = error.downcast_ref::<reqwest::Error>()?.is_connect();
        refused.then(|| Verdict::transient().delivery(tower_recourse::Delivery::NotSent))
    };
    let classifier = classify::first(classify::errors(not_sent)).or(StatusClassifier::default());
    let client = no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();

    let attempts = Arc::default();
    let send = reqwest_service(client.clone(), true, Arc::clone(&attempts));
    let answer = RetryLayer::new(retry().classifier(classifier)).layer(send).oneshot(request("POST", dead().await));
    timeout(LONGEST, answer).await.unwrap().unwrap_err();
    assert_eq!(attempts.load(Ordering::SeqCst), 3);

    let (address, seen) = redirecting(303).await;
    let send = reqwest_service(client, true, Arc::default());
    let answer = RetryLayer::new(retry().classifier(classifier)).layer(send).oneshot(request("POST", address));
    assert_eq!(timeout(LONGEST, answer).await.unwrap().unwrap().status(), 303);
    assert_eq!(seen.count(Method::POST), 1);
}

/// The error type is `reqwest::Error`, and the classifier follows the error's sources. One of them
/// is a refused connection, which doesn't prove that no request was sent.
#[tokio::test]
async fn the_sources_of_reqwests_error_prove_nothing() {
    let client = no_proxy().build().unwrap();
    let error = client.post(format!("http://{}/", dead().await)).send().await.unwrap_err();
    let verdict = tower_recourse::Classifier::<(), (), _>::classify(&FollowSources(ErrorClassifier), &(), Err(&error));
    assert_eq!(verdict, Verdict::transient().idempotency_unknown());
}

/// Follows every redirect, with a copy of the body.
#[derive(Clone)]
struct Follow;

impl<E> Policy<Full<Bytes>, E> for Follow {
    fn redirect(&mut self, _: &Attempt<'_>) -> Result<Action, E> {
        Ok(Action::Follow)
    }

    fn clone_body(&self, body: &Full<Bytes>) -> Option<Full<Bytes>> {
        Some(body.clone())
    }
}

fn hyper() -> Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// The retry is inside the layer that follows redirects, so each redirect is a separate request. A
/// refused connection proves that this request wasn't sent.
#[tokio::test]
async fn redirects_followed_around_a_retry_are_safe() {
    for status in [303, 307] {
        let (address, seen) = redirecting(status).await;
        let service = FollowRedirectLayer::with_policy(Follow).layer(RetryLayer::new(retry()).layer(hyper()));
        let answer = service.oneshot(request("POST", address));
        timeout(LONGEST, answer).await.unwrap().unwrap_err();
        assert_eq!(seen.count(Method::POST), 1, "{status}");
    }
}

#[tokio::test]
async fn redirects_followed_in_a_retry_are_safe_if_configured() {
    for (status, method, requests) in [(303, "POST", 1), (307, "POST", 1), (307, "PUT", 3)] {
        let (address, seen) = redirecting(status).await;
        let config = retry().classifier(StatusClassifier::default().follows_redirects());
        let service = RetryLayer::new(config).layer(FollowRedirectLayer::with_policy(Follow).layer(hyper()));
        let answer = service.oneshot(request(method, address));
        timeout(LONGEST, answer).await.unwrap().unwrap_err();
        assert_eq!(seen.count(method.parse().unwrap()), requests, "{status} {method}");
    }
}
