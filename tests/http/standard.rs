//! The standard stack: around an axum router, and around a hyper client with real sockets.

use std::{
    convert::Infallible,
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, RetryConfig, RetryLayer, Verdict,
    fallback::{KeepPrimary, PrimaryFailure},
    http::{
        Deadline, FixedResponse, ResponseBody, StandardLayer, Unavailable,
        standard::{Standard, WithFallback},
    },
    retry::Timeouts,
};

use crate::{
    Answer, config, empty_response,
    loopback::{client, listen, request, serve},
};

const SECOND: Duration = Duration::from_secs(1);

type Call = Request<Full<Bytes>>;

fn call() -> Call {
    Request::get("/").body(Full::default()).unwrap()
}

/// A service that never answers.
fn hanging() -> impl Service<Call, Response = Answer, Error = io::Error, Future: Send> + Clone {
    service_fn(|_: Call| pending::<Result<Answer, io::Error>>())
}

#[tokio::test(start_paused = true)]
async fn a_router_stays_infallible() {
    let circuit = Circuit::new(BreakerConfig::http().without_observers());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let flaky = move || {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if first { Err(StatusCode::BAD_GATEWAY) } else { Ok("second attempt") } }
    };
    let app: Router = Router::new()
        .route("/", get(flaky))
        .route("/hangs", get(|| async { pending::<()>().await }))
        .layer(StandardLayer::http("upstream").breaker(&circuit).total(3 * SECOND).attempt_timeout(2 * SECOND));
    let get = |path| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());

    let answered = get("/").await.unwrap();
    assert_eq!(answered.into_body().collect().await.unwrap().to_bytes(), "second attempt");
    let start = Instant::now();
    assert_eq!(get("/hangs").await.unwrap().status(), 504);
    assert_eq!(start.elapsed(), 3 * SECOND);
    circuit.force_open();
    let rejected = get("/").await.unwrap();
    assert_eq!(rejected.status(), 503);
    assert!(rejected.headers()["content-type"] == "application/problem+json");
}

/// The defaults: 10 s per attempt, 30 s in total.
#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_within_the_default_limits() {
    let post = Request::post("/").body(Full::default()).unwrap();
    for (request, limit) in [(call(), 30 * SECOND), (post, 10 * SECOND)] {
        let start = Instant::now();
        let response = StandardLayer::http("upstream").layer(hanging()).oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), start.elapsed()), (504, limit));
    }
}

/// Also if the retry doesn't read the deadline: its classifier is a closure.
#[tokio::test(start_paused = true)]
async fn the_fallback_answers_in_the_reserved_time() {
    let slow_store = |request: Call, failure: PrimaryFailure<'_, Response<ResponseBody<Full<Bytes>>>, io::Error>| {
        assert!(failure.outcome.is_ok_and(|response| response.status() == 504));
        assert_eq!(request.extensions().get().map(Deadline::remaining), Some(2 * SECOND));
        async {
            tokio::time::sleep(2 * SECOND - Duration::from_millis(1)).await;
            Ok::<_, io::Error>(Response::new("stored".into()))
        }
    };
    let standard = || StandardLayer::http("upstream").total(20 * SECOND);
    let fallback = || FallbackLayer::with_request(slow_store).merge_errors(|primary, _| primary);
    let by_closure =
        RetryConfig::http().classify(|_: Result<&Response<ResponseBody<Full<Bytes>>>, &io::Error>| Verdict::Success);
    let start = Instant::now();
    let answered = standard().fallback(fallback()).reserve_for_fallback(2 * SECOND).layer(hanging());
    assert_eq!(answered.oneshot(call()).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), 20 * SECOND - Duration::from_millis(1));

    let start = Instant::now();
    let answered = standard()
        .retry(by_closure)
        .attempt_timeout(60 * SECOND)
        .fallback(fallback())
        .reserve_for_fallback(2 * SECOND)
        .layer(hanging());
    assert_eq!(answered.oneshot(call()).await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), 20 * SECOND - Duration::from_millis(1));
}

/// The order of the setters doesn't matter.
#[tokio::test(start_paused = true)]
async fn setters_can_be_called_in_any_order() {
    let circuit = Circuit::new(BreakerConfig::http().without_observers());
    let one = StandardLayer::http("upstream")
        .attempt_timeout(SECOND)
        .retry(config().retries(1))
        .breaker(&circuit)
        .fallback_response(Response::new("stored".into()))
        .reserve_for_fallback(2 * SECOND)
        .total(30 * SECOND);
    let other = StandardLayer::http("upstream")
        .total(30 * SECOND)
        .fallback_response(Response::new("stored".into()))
        .reserve_for_fallback(2 * SECOND)
        .breaker(&circuit)
        .retry(config().retries(1).timeouts(Timeouts::attempt(60 * SECOND)))
        .attempt_timeout(SECOND);
    for layer in [&one as &dyn TestLayer, &other] {
        let start = Instant::now();
        assert_eq!(layer.answer().await, 200);
        assert_eq!(start.elapsed(), 2 * SECOND + Duration::from_millis(50));
    }
}

/// Two stacks of different types, called in the same way.
trait TestLayer {
    fn answer(&self) -> std::pin::Pin<Box<dyn Future<Output = u16> + '_>>;
}

impl<L> TestLayer for L
where
    L: Layer<tower::util::BoxCloneSyncService<Call, Answer, io::Error>>,
    L::Service: Service<Call, Response = Response<ResponseBody<Full<Bytes>>>, Error: std::fmt::Debug>,
{
    fn answer(&self) -> std::pin::Pin<Box<dyn Future<Output = u16> + '_>> {
        let hanging = service_fn(|_: Call| pending::<Result<Answer, io::Error>>());
        let service = self.layer(tower::util::BoxCloneSyncService::new(hanging));
        Box::pin(async move { service.oneshot(call()).await.unwrap().status().as_u16() })
    }
}

/// All parts are replaced by other layers.
#[tokio::test(start_paused = true)]
async fn any_layer_can_replace_a_part() {
    let service = service_fn(|_: Call| async { Ok::<_, Infallible>(empty_response(503)) });
    let layer = StandardLayer::http("upstream")
        .retry_layer(RetryLayer::new(config().retries(1)))
        .breaker_layer(BreakerLayer::new(BreakerConfig::http()).on_rejection(Unavailable))
        .fallback_layer(FallbackLayer::with(FixedResponse::new(Response::new("stored".into()))).when(
            |outcome: Result<&Response<ResponseBody<Full<Bytes>>>, &Infallible>| outcome.unwrap().status() == 503,
        ));
    let response = layer.layer(service).oneshot(call()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "stored");
}

#[tokio::test(start_paused = true)]
async fn all_services_of_a_layer_share_its_circuit() {
    let layer = StandardLayer::http("upstream");
    let failing = service_fn(|_: Call| async { Ok::<_, Infallible>(empty_response(500)) });
    let (one, other) = (layer.layer(failing), layer.clone().attempt_timeout(SECOND).layer(failing));
    assert_eq!(one.oneshot(call()).await.unwrap().status(), 500);
    assert_eq!(other.oneshot(call()).await.unwrap().status(), 500);
    assert_eq!(layer.circuit().stats().failures_in_a_row, 2);
    assert_eq!(layer.circuit().stats().name.to_string(), "upstream");
}

/// The type can be written down, and the stack fits into axum's state and a spawned task.
#[derive(Clone)]
struct App {
    prices: Standard<Client<HttpConnector, Full<Bytes>>>,
    with_fallback: Standard<Client<HttpConnector, Full<Bytes>>, WithStored>,
    address: std::net::SocketAddr,
}

type WithStored = WithFallback<FixedResponse, KeepPrimary>;

async fn prices(State(mut app): State<App>) -> Result<impl IntoResponse, StatusCode> {
    let request = request("GET", app.address, "");
    let client = app.prices.ready().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    client.call(request).await.map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn stored(State(mut app): State<App>) -> Result<impl IntoResponse, StatusCode> {
    let request = request("GET", app.address, "");
    let client = app.with_fallback.ready().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    client.call(request).await.map_err(|_| StatusCode::BAD_GATEWAY)
}

#[tokio::test]
async fn real_sockets_a_state_and_spawned_calls() {
    let (_silent, silent) = listen().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let upstream = Router::new().route(
        "/",
        get(move || {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if first { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok("fresh") } }
        }),
    );
    let upstream = serve(upstream).await;
    let standard = || StandardLayer::http("prices").attempt_timeout(SECOND).total(2 * SECOND);
    let app = |address| {
        let with_fallback = standard().fallback_response(Response::new("stored".into()));
        let state = App { prices: standard().layer(client()), with_fallback: with_fallback.layer(client()), address };
        Router::new().route("/", get(prices)).route("/stored", get(stored)).with_state(state)
    };
    let front = serve(app(upstream)).await;
    let fresh = tokio::spawn(client().request(request("GET", front, ""))).await.unwrap().unwrap();
    assert_eq!(fresh.into_body().collect().await.unwrap().to_bytes(), "fresh");
    assert_eq!(calls.load(Ordering::SeqCst), 2);

    let front = serve(app(silent)).await;
    let late = client().request(request("GET", front, "")).await.unwrap();
    assert_eq!(late.status(), 504);
    let mut path = request("GET", front, "");
    *path.uri_mut() = format!("http://{front}/stored").parse().unwrap();
    let stored = client().request(path).await.unwrap();
    assert_eq!(stored.into_body().collect().await.unwrap().to_bytes(), "stored");
}

/// A 4xx other than 429 is about the caller's own request: no stored response replaces it.
#[tokio::test(start_paused = true)]
async fn the_fallback_is_called_for_429_5xx_and_rejections() {
    let answer = |status: u16, headers: &'static [(&'static str, &'static str)]| async move {
        let respond = service_fn(move |_: Call| async move {
            let mut response = empty_response(status);
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            Ok::<_, io::Error>(response)
        });
        let circuit = Circuit::new(BreakerConfig::http().without_observers());
        let stack = StandardLayer::http("upstream").breaker(&circuit).retry(config().retries(0));
        let stack = stack.fallback_response(Response::new("stored".into()));
        stack.layer(respond).oneshot(call()).await.unwrap().status().as_u16()
    };
    for status in [429, 500, 501, 502, 503, 504, 511] {
        assert_eq!(answer(status, &[]).await, 200, "{status}");
    }
    for status in [400, 404, 408, 409, 413, 421, 425] {
        assert_eq!(answer(status, &[]).await, status);
        assert_eq!(answer(status, &[("retry-after", "1")]).await, status);
        assert_eq!(answer(status, &[("x-should-retry", "true")]).await, status);
    }
    let circuit = Circuit::new(BreakerConfig::http().without_observers());
    circuit.force_open();
    let stack = StandardLayer::http("upstream").breaker(&circuit).fallback_response(Response::new("stored".into()));
    assert_eq!(stack.layer(hanging()).oneshot(call()).await.unwrap().status(), 200);
}
