//! A client that sets an idempotency key, the same one for all attempts, with real servers and
//! clients.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, routing::any};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::timeout};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    RetryLayer,
    http::{IdempotencyKeyLayer, StatusClassifier},
};

use crate::{Scripted, config, empty_response, status};

const KEY: &str = "idempotency-key";
const LONGEST: Duration = Duration::from_secs(20);

type Log = Arc<Mutex<Vec<Option<String>>>>;

fn request(method: &str, uri: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(uri).body(Full::from("a body")).unwrap()
}

/// Responds with 503, and with 200 from the third request on. Records the keys in this header.
async fn server(header: &'static str) -> (String, Log) {
    let log = Log::default();
    let keys = log.clone();
    let app = Router::new().fallback(any(move |headers: HeaderMap| {
        let mut keys = keys.lock().unwrap();
        keys.push(headers.get(header).map(|key| key.to_str().unwrap().to_owned()));
        let status = if keys.len() < 3 { 503 } else { 200 };
        async move { axum::http::StatusCode::from_u16(status).unwrap() }
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (uri, log)
}

/// Checks that three attempts arrived, all with the same key. Returns the key.
fn only_key(log: &Log) -> String {
    let keys = log.lock().unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    keys[0].clone().expect("it has a key")
}

#[tokio::test]
async fn a_post_with_a_key_is_retried_by_hyper_and_keeps_it() {
    let (uri, log) = server(KEY).await;
    let client = ServiceBuilder::new()
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::new(config()))
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let response = timeout(LONGEST, client.oneshot(request("POST", &uri))).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    let key = only_key(&log);
    assert_eq!((key.len(), &key[..1], &key[15..16]), (38, "\"", "4"), "a quoted UUID: {key}");
}

#[tokio::test]
async fn a_post_with_a_key_is_retried_by_reqwest_and_keeps_it() {
    let (uri, log) = server("paypal-request-id").await;
    let reqwest = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = service_fn(move |request: Request<Full<Bytes>>| {
        let reqwest = reqwest.clone();
        async move {
            let request = request.map(reqwest::Body::wrap).try_into()?;
            Ok::<_, BoxError>(Response::<reqwest::Body>::from(reqwest.execute(request).await?))
        }
    });
    let client = ServiceBuilder::new()
        .layer(IdempotencyKeyLayer::new().header(HeaderName::from_static("paypal-request-id")))
        .layer(RetryLayer::new(config()))
        .service(send);
    let response = timeout(LONGEST, client.oneshot(request("POST", &uri))).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    only_key(&log);
}

/// An axum handler that calls another service through the stack.
#[tokio::test]
async fn a_key_is_set_by_a_client_in_an_axum_handler() {
    let (uri, log) = server(KEY).await;
    let client = ServiceBuilder::new()
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::new(config()))
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let app = Router::new().fallback(any(move || async move {
        let response = client.oneshot(request("PATCH", &uri)).await.unwrap();
        axum::http::StatusCode::from_u16(response.status().as_u16()).unwrap()
    }));
    let asked = Request::get("/").body(axum::body::Body::empty()).unwrap();
    assert_eq!(timeout(LONGEST, app.oneshot(asked)).await.unwrap().unwrap().status(), 200);
    only_key(&log);
}

/// The keys that a service receives in this header, one per attempt.
async fn keys_of(
    layer: IdempotencyKeyLayer<impl Fn() -> HeaderValue + Clone>,
    header: &'static str,
    request: Request<Full<Bytes>>,
) -> Vec<Option<HeaderValue>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        log.lock().unwrap().push(request.headers().get(header).cloned());
        async { Ok::<_, std::convert::Infallible>(empty_response(503)) }
    });
    assert_eq!(status(layer.layer(RetryLayer::new(config()).layer(service)), request).await, 503);
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[tokio::test(start_paused = true)]
async fn only_requests_that_are_not_idempotent_get_a_key() {
    for (method, keyed) in [("POST", true), ("PATCH", true), ("GET", false), ("PUT", false), ("DELETE", false)] {
        let keys = keys_of(IdempotencyKeyLayer::new(), KEY, request(method, "/")).await;
        assert_eq!(keys.len(), 3, "{method}");
        assert!(keys.iter().all(|key| key.is_some() == keyed && *key == keys[0]), "{method}: {keys:?}");
    }
    for method in ["CONNECT", "LOCK"] {
        assert_eq!(keys_of(IdempotencyKeyLayer::new(), KEY, request(method, "/")).await, [None], "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_set_by_the_caller_is_kept() {
    for (header, name) in [(KEY, HeaderName::from_static(KEY)), ("x-key", HeaderName::from_static("x-key"))] {
        for method in ["POST", "LOCK"] {
            let mut own = request(method, "/");
            own.headers_mut().insert(header, "mine".parse().unwrap());
            let keys = keys_of(IdempotencyKeyLayer::new().header(name.clone()), header, own).await;
            assert_eq!(keys, vec![Some("mine".parse().unwrap()); 3], "{method}, {header}");
        }
        for empty in ["", "\"\""] {
            let mut own = request("POST", "/");
            own.headers_mut().insert(header, empty.parse().unwrap());
            let keys = keys_of(IdempotencyKeyLayer::new().header(name.clone()), header, own).await;
            assert!(keys[0].as_ref().is_some_and(|key| key.len() == 38), "an empty key is ignored: {keys:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_custom_generator_is_called_once_per_request() {
    let made = Arc::new(Mutex::new(0));
    let next = made.clone();
    let layer = IdempotencyKeyLayer::new().generate(move || {
        let mut made = next.lock().unwrap();
        *made += 1;
        HeaderValue::from(*made)
    });
    for number in 1..4 {
        let keys = keys_of(layer.clone(), KEY, request("POST", "/")).await;
        assert_eq!(keys, vec![Some(HeaderValue::from(number)); 3]);
    }
    assert_eq!(*made.lock().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_requests_have_two_keys() {
    let mut keys = HashSet::new();
    for _ in 0..1_000 {
        let seen = keys_of(IdempotencyKeyLayer::new(), KEY, request("POST", "/")).await;
        assert!(keys.insert(seen[0].clone().unwrap()), "{seen:?}");
    }
}

/// A layer inside the retry sets another key for each attempt. The retry doesn't see these keys.
#[tokio::test(start_paused = true)]
async fn a_key_set_inside_the_retry_has_no_effect() {
    let server = Scripted::new(|_| empty_response(503));
    let stack = RetryLayer::new(config()).layer(IdempotencyKeyLayer::new().layer(server.service()));
    assert_eq!(status(stack, request("POST", "/")).await, 503);
    assert_eq!(server.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_ignores_keys_ignores_generated_ones() {
    for header in [KEY, "x-key"] {
        let server = Scripted::new(|_| empty_response(503));
        let statuses = StatusClassifier::default().ignore_idempotency_key();
        let stack = IdempotencyKeyLayer::new()
            .header(HeaderName::from_static(header))
            .layer(RetryLayer::new(config().classifier(statuses)).layer(server.service()));
        assert_eq!(status(stack, request("POST", "/")).await, 503);
        assert_eq!(server.calls(), 1, "{header}");
    }
}
