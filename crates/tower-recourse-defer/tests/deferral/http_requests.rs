//! HTTP requests: what is stored, and what the worker sends.

use std::{
    fmt::Display,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer, http::StatusClassifier};
use tower_recourse_defer::{
    ClaimedJob, DeadReason, Deferral, History, JobKey, JobState, Lease, Queue, Worker,
    codec::{Decode, Encode},
    http::{Accepted, HttpRequests, http_policy},
};

use crate::storing::{key, new_queue};

fn order() -> Request<Full<Bytes>> {
    let mut secret = HeaderValue::from_static("marked");
    secret.set_sensitive(true);
    Request::post("http://shop.example/orders?urgent=1")
        .header("idempotency-key", "\"order-17\"")
        .header("content-type", "application/json")
        .header("accept", "text/plain")
        .header("accept", "text/html")
        .header("authorization", "Bearer secret")
        .header("cookie", "session=secret")
        .header("x-api-key", "secret")
        .header("accept-language", secret)
        .header("content-length", "9")
        .body(Full::from("{\"id\":17}"))
        .unwrap()
}

async fn encode(requests: &HttpRequests, request: Request<Full<Bytes>>) -> (JobKey, Vec<u8>) {
    requests.encode(request).await.unwrap()
}

fn claimed(key: JobKey, payload: Vec<u8>) -> ClaimedJob {
    let lease = Lease { key, token: 1 };
    ClaimedJob { lease, payload, age: Duration::ZERO, attempts: 1, claims: 1, history: History::default() }
}

async fn round_trip(requests: &HttpRequests, request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let (key, payload) = encode(requests, request).await;
    requests.decode(&claimed(key, payload)).unwrap()
}

#[tokio::test]
async fn only_chosen_headers_are_stored() {
    let requests = HttpRequests::new();
    let (key, payload) = encode(&requests, order()).await;
    assert_eq!(key.as_str(), "order-17");
    let text = String::from_utf8(payload).unwrap();
    assert!(!text.contains("secret") && !text.contains("marked"), "{text}");

    let request = round_trip(&requests, order()).await;
    assert_eq!(
        (request.method(), request.uri()),
        (&http::Method::POST, &"http://shop.example/orders?urgent=1".parse().unwrap())
    );
    let mut expected = HeaderMap::new();
    for (name, value) in [
        ("accept", "text/plain"),
        ("accept", "text/html"),
        ("content-type", "application/json"),
        ("idempotency-key", "\"order-17\""),
    ] {
        expected.append(name, value.parse().unwrap());
    }
    assert_eq!(request.headers(), &expected);
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "{\"id\":17}");
}

#[tokio::test]
async fn a_named_header_is_stored_even_if_it_is_sensitive() {
    let requests = HttpRequests::new().header(header::AUTHORIZATION).header(header::ACCEPT_LANGUAGE);
    let request = round_trip(&requests, order()).await;
    assert_eq!(request.headers()["authorization"], "Bearer secret");
    assert_eq!(request.headers()["accept-language"], "marked");
    assert!(!request.headers().contains_key("cookie"));
}

#[tokio::test]
async fn bytes_of_headers_and_bodies_survive() {
    let bytes: Vec<u8> = (0..=255).collect();
    let value = HeaderValue::from_bytes(b"\xe4\xff obs \t text").unwrap();
    let request = Request::put("/x").header("accept", value.clone()).body(Full::from(bytes.clone())).unwrap();
    let decoded = round_trip(&HttpRequests::new(), request).await;
    assert_eq!(decoded.headers()["accept"], value);
    assert_eq!(decoded.into_body().collect().await.unwrap().to_bytes(), bytes);
}

#[tokio::test]
async fn a_request_without_a_key_gets_a_random_one() {
    let request = Request::post("/x").body(Full::default()).unwrap();
    let (key, payload) = encode(&HttpRequests::new(), request).await;
    assert_eq!(key.as_str().len(), 32);
    let decoded = HttpRequests::new().decode(&claimed(key.clone(), payload)).unwrap();
    assert_eq!(decoded.headers()["idempotency-key"], key.as_str());

    let by_path = HttpRequests::new().keyed_by(|head| Some(head.uri.path().to_owned()));
    assert_eq!(encode(&by_path, order()).await.0.as_str(), "/orders");
    let invalid = Request::post("/x").header("idempotency-key", "a b").body(Full::<Bytes>::default()).unwrap();
    assert!(HttpRequests::new().encode(invalid).await.is_err());
}

#[tokio::test]
async fn a_body_that_is_too_long_is_an_error() {
    let requests = HttpRequests::new().max_body(8);
    let error = requests.encode(order()).await.unwrap_err();
    assert_eq!(error.to_string(), "length limit exceeded");
    assert!(HttpRequests::new().max_body(9).encode(order()).await.is_ok());
}

#[tokio::test]
async fn damaged_payloads_are_errors() {
    let (key, payload) = encode(&HttpRequests::new(), order()).await;
    let head = payload.iter().position(|byte| *byte == b'\n').unwrap();
    for end in 0..head {
        assert!(HttpRequests::new().decode(&claimed(key.clone(), payload[..end].to_vec())).is_err(), "{end}");
    }
    for place in 0..head {
        let mut damaged = payload.clone();
        damaged[place] ^= 0x80;
        // It must not panic. A byte of a value may be damaged unnoticed.
        let _ = HttpRequests::new().decode(&claimed(key.clone(), damaged));
    }
    for damaged in [
        "\n",
        "{}\n",
        r#"{"v":2,"method":"GET","uri":"/","headers":[]}"#,
        "{\"v\":1,\"method\":\"\",\"uri\":\"/\",\"headers\":[]}\n",
        "{\"v\":1,\"method\":\"GET\",\"uri\":\"a b\",\"headers\":[]}\n",
        "{\"v\":1,\"method\":\"GET\",\"uri\":\"/\",\"headers\":[[\"a\",\"\u{151}\"]]}\n",
    ] {
        assert!(HttpRequests::new().decode(&claimed(key.clone(), damaged.into())).is_err(), "{damaged}");
    }
    let later = "{\"v\":2,\"method\":\"GET\",\"uri\":\"/\",\"headers\":[]}\n";
    let error = HttpRequests::new().decode(&claimed(key, later.into())).unwrap_err();
    assert_eq!(error.to_string(), "version 2 of the format isn't supported");
}

#[tokio::test(start_paused = true)]
async fn a_deferred_request_is_answered_with_202_and_its_location() {
    let queue = new_queue().await;
    let deferral = Deferral::new(queue.clone(), HttpRequests::new(), Accepted::at("/jobs/"));
    let unavailable = service_fn(|_: Request<Full<Bytes>>| async {
        let response = Response::builder().status(503).body("busy".to_owned()).unwrap();
        Ok::<_, io::Error>(response)
    });
    let front = FallbackLayer::with(deferral).classifier(StatusClassifier::default()).layer(unavailable);
    let response = front.clone().oneshot(order()).await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["location"], "/jobs/order-17");
    assert_eq!(response.body(), r#"{"job":"order-17","state":"accepted"}"#);

    // A request that can't be stored gets the original response.
    let invalid = Request::post("/x").header("idempotency-key", "a b").body(Full::<Bytes>::default()).unwrap();
    let response = front.oneshot(invalid).await.unwrap();
    assert_eq!((response.status(), &**response.body()), (StatusCode::SERVICE_UNAVAILABLE, "busy"));

    // The worker sends it until a response is a success, and classifies by the status.
    let statuses = Arc::new(Mutex::new(vec![200, 503]));
    let received = Arc::new(Mutex::new(Vec::new()));
    let (next, seen) = (Arc::clone(&statuses), Arc::clone(&received));
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        let status = next.lock().unwrap().pop().unwrap();
        seen.lock().unwrap().push(request.headers()["idempotency-key"].clone());
        async move { Ok::<_, io::Error>(Response::builder().status(status).body(String::new()).unwrap()) }
    });
    let worker = Worker::new(queue.clone(), HttpRequests::new(), client).policy(http_policy());
    worker.run(tokio::time::sleep(Duration::from_secs(60))).await;
    assert_eq!(received.lock().unwrap().len(), 2);
    assert_eq!(queue.status(&key("order-17")).await.unwrap().unwrap().state, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_client_error_of_the_upstream_is_a_dead_letter() {
    let queue = new_queue().await;
    let (name, payload) = encode(&HttpRequests::new(), order()).await;
    queue.put(&tower_recourse_defer::NewJob::new(name, payload)).await.unwrap();
    let client = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, io::Error>(Response::builder().status(422).body(String::new()).unwrap())
    });
    let worker = Worker::new(queue.clone(), HttpRequests::new(), client).policy(http_policy());
    worker.run(tokio::time::sleep(Duration::from_secs(1))).await;
    let status = queue.status(&key("order-17")).await.unwrap().unwrap();
    assert_eq!((&status.state, status.attempts), (&JobState::Dead { reason: DeadReason::Permanent }, 1));
    let why = &status.history.entries()[0].why;
    assert!(why.starts_with("permanent: HTTP 422"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn only_a_status_of_2xx_ends_a_job_as_done() {
    for (status, label) in [
        (200, "done"),
        (204, "done"),
        (302, "dead"),
        (401, "dead"),
        (404, "dead"),
        (409, "dead"),
        (429, "waiting"),
        (500, "dead"),
        (502, "waiting"),
        (503, "waiting"),
        (504, "waiting"),
    ] {
        let queue = new_queue().await;
        let (name, payload) = encode(&HttpRequests::new(), order()).await;
        queue.put(&tower_recourse_defer::NewJob::new(name, payload)).await.unwrap();
        let client = service_fn(move |_: Request<Full<Bytes>>| async move {
            Ok::<_, io::Error>(Response::builder().status(status).body(String::new()).unwrap())
        });
        let worker = Worker::new(queue.clone(), HttpRequests::new(), client).policy(http_policy());
        worker.run(tokio::time::sleep(Duration::from_secs(1))).await;
        assert_eq!(queue.status(&key("order-17")).await.unwrap().unwrap().state.label(), label, "{status}");
    }
}

/// Defers an order without a key, and returns the status that the caller gets.
async fn defer_without_key<S>(requests: HttpRequests, primary: S) -> StatusCode
where
    S: Service<Request<Full<Bytes>>, Response = Response<String>, Error: Display + Send, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let deferral = Deferral::new(new_queue().await, requests, Accepted::at("/jobs"));
    let mut request = order();
    request.headers_mut().remove("idempotency-key");
    let front = FallbackLayer::with(deferral).classifier(StatusClassifier::default()).layer(primary);
    front.oneshot(request).await.map_or(StatusCode::BAD_GATEWAY, |response| response.status())
}

#[tokio::test(start_paused = true)]
async fn a_post_that_may_be_processed_isnt_deferred_without_a_key() {
    let unavailable = || {
        service_fn(|_: Request<Full<Bytes>>| async {
            let busy = Response::builder().status(503).header("retry-after", "9999");
            Ok::<_, io::Error>(busy.body(String::new()).unwrap())
        })
    };
    let default = HttpRequests::new;
    assert_eq!(defer_without_key(default(), unavailable()).await, StatusCode::SERVICE_UNAVAILABLE);
    for retries in [0, 2] {
        // The causes: all attempts failed, and `Retry-After` is too long.
        let retried = RetryLayer::new(RetryConfig::http().retries(retries)).layer(unavailable());
        assert_eq!(defer_without_key(default(), retried).await, StatusCode::SERVICE_UNAVAILABLE, "{retries}");
    }
    let breaker = BreakerLayer::new(BreakerConfig::http());
    breaker.circuit().force_open();
    assert_eq!(defer_without_key(default(), breaker.layer(unavailable())).await, StatusCode::ACCEPTED, "not sent");
    assert_eq!(defer_without_key(default().idempotent(), unavailable()).await, StatusCode::ACCEPTED, "stated");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_delays_a_job_by_at_most_a_day() {
    let queue = new_queue().await;
    let deferral = Deferral::new(queue.clone(), HttpRequests::new(), Accepted::at("/jobs"));
    let busy = service_fn(|_: Request<Full<Bytes>>| async {
        let busy = Response::builder().status(503).header("retry-after", "9999999999");
        Ok::<_, io::Error>(busy.body(String::new()).unwrap())
    });
    let stack = RetryLayer::new(RetryConfig::http()).layer(busy);
    let front = FallbackLayer::with(deferral).classifier(StatusClassifier::default()).layer(stack);
    assert_eq!(front.oneshot(order()).await.unwrap().status(), StatusCode::ACCEPTED);
    let status = queue.status(&key("order-17")).await.unwrap().unwrap();
    assert_eq!(status.state, JobState::Waiting { due_in: Duration::from_secs(86_400) });
}
