//! The last good response as the answer to a failed request: what is stored, and what is served.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body as AxumBody, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Channel, Full};
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Cause, Circuit, RetryLayer,
    http::{
        ReportExtensionLayer, StaleIfErrorLayer, StandardLayer, StatusClassifier, Unavailable,
        stale_if_error::{LastGoodBody, StoredAnswer},
    },
};

use crate::{
    Answer, config, empty_response,
    loopback::{client, request as loopback_request, serve},
};

type Outcomes = Arc<Mutex<VecDeque<Answer>>>;

fn layer() -> StaleIfErrorLayer {
    StaleIfErrorLayer::new().without_observers()
}

/// Returns these responses, and then 503.
fn upstream(
    answers: impl IntoIterator<Item = Answer>,
) -> impl Service<Request<Full<Bytes>>, Response = Answer, Error = Infallible, Future: Send> + Clone {
    let answers: Outcomes = Arc::new(Mutex::new(answers.into_iter().collect()));
    service_fn(move |_: Request<Full<Bytes>>| {
        let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| empty_response(503));
        async move { Ok(answer) }
    })
}

/// A 200 with these headers, one per line, and this body.
fn good(headers: &str, body: &'static str) -> Answer {
    with_headers(Response::builder(), headers).body(Full::from(body)).unwrap()
}

fn with_headers(builder: http::response::Builder, headers: &str) -> http::response::Builder {
    headers.lines().fold(builder, |builder, line| {
        let (name, value) = line.split_once(": ").unwrap();
        builder.header(name, value)
    })
}

/// A GET request with these headers, one per line.
fn get_with(headers: &str) -> Request<Full<Bytes>> {
    request("GET", headers)
}

fn request(method: &str, headers: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri("http://upstream.example/a?b=c");
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(Full::default()).unwrap()
}

/// Status, headers and body. Reads the body to its end.
async fn send<S, B>(service: &S, request: Request<Full<Bytes>>) -> (StatusCode, HeaderMap, Bytes)
where
    S: Service<Request<Full<Bytes>>, Response = Response<LastGoodBody<B>>, Error = Infallible> + Clone,
    B: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let (head, body) = service.clone().oneshot(request).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

/// Whether the layer answers the second request, which fails, with the response to the first one.
async fn is_served(first: Request<Full<Bytes>>, response: Answer, second: Request<Full<Bytes>>) -> bool {
    let service = layer().layer(upstream([response]));
    send(&service, first).await;
    send(&service, second).await.0 == 200
}

#[tokio::test(start_paused = true)]
async fn a_failed_get_is_answered_with_the_last_good_response() {
    let headers = "etag: \"1\"\ncontent-encoding: gzip\nconnection: x-hop, close\nx-hop: 1\nkeep-alive: 5\n\
                   transfer-encoding: chunked\ndate: Sun, 29 Nov 2026 14:00:00 GMT\nage: 7\nx: 1\nx: 2";
    let service = ServiceBuilder::new().layer(ReportExtensionLayer).layer(layer());
    let service = service.service(upstream([good("", "old"), good(headers, "new")]));
    assert_eq!(send(&service, get_with("")).await.2, "old");
    let (_, fresh, body) = send(&service, get_with("")).await;
    assert_eq!((value(&fresh, "connection"), value(&fresh, "age"), &*body), ("x-hop, close", "7", &b"new"[..]));
    tokio::time::advance(Duration::from_millis(3_999)).await;

    let stored = service.clone().oneshot(get_with("")).await.unwrap();
    assert_eq!(stored.status(), 200);
    assert_eq!(stored.extensions().get::<StoredAnswer>().unwrap().age, Duration::from_millis(10_999));
    let report = stored.extensions().get::<CallReport>().unwrap();
    assert_eq!((report.fallback(), report.cause()), (Some("stale_if_error"), Some(Cause::Failure)));
    let headers = stored.headers();
    for (name, expected) in [("age", "10"), ("etag", "\"1\""), ("content-encoding", "gzip")] {
        assert_eq!(value(headers, name), expected);
    }
    assert_eq!(headers["date"], "Sun, 29 Nov 2026 14:00:00 GMT");
    assert_eq!(headers.get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    for name in ["connection", "x-hop", "keep-alive", "transfer-encoding", "warning"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert_eq!(stored.into_body().collect().await.unwrap().to_bytes(), "new");

    let other = Request::get("http://upstream.example/a?b=d").body(Full::default()).unwrap();
    assert_eq!(send(&service, other).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn headers_decide_what_is_stored_and_served() {
    for (request, response, later, served) in [
        ("", "", "", true),
        ("", "cache-control: max-age=60", "", true),
        ("", "cache-control: no-store", "", false),
        ("", "cache-control: no-cache", "", false),
        ("", "cache-control: private=\"x\"", "", false),
        ("", "pragma: no-cache", "", false),
        ("", "cache-control: max-age=60;x", "", false),
        ("", "cache-control: must-revalidate", "", false),
        ("", "cache-control: must-revalidate, max-age=60, stale-if-error=9", "", true),
        ("", "cache-control: s-maxage=0, stale-if-error=9", "", false),
        ("", "cache-control: stale-if-error=0", "", false),
        ("", "cache-control: stale-if-error=9\nage: 9", "", false),
        ("", "age: x", "", false),
        ("", "set-cookie: a=b", "", false),
        ("", "vary: *", "", false),
        ("", "vary: cookie", "", false),
        ("", "vary: Accept-Encoding, accept", "", true),
        ("accept-encoding: gzip", "vary: accept-encoding", "", false),
        ("accept-encoding: gzip", "vary: accept-encoding", "accept-encoding: br", false),
        ("accept-encoding: gzip", "vary: accept-encoding", "accept-encoding: gzip\naccept: x", true),
        ("accept: a\naccept: b", "vary: accept", "accept: a, b", true),
        ("accept-encoding: gzip", "", "", true),
        ("authorization: x", "", "", false),
        ("authorization: x", "", "authorization: x", false),
        ("authorization: x", "cache-control: public", "authorization: y", true),
        ("", "", "authorization: x", false),
        ("cookie: x", "", "cookie: x", false),
        ("", "cache-control: public", "cookie: x", true),
        ("cache-control: no-store", "", "", false),
        ("cache-control: no-cache", "", "", true),
        ("", "", "cache-control: no-cache", false),
        ("", "", "cache-control: stale-if-error=0, max-age=0", true),
        ("", "age: 1", "cache-control: max-age=0", false),
        ("", "age: 1", "cache-control: stale-if-error=0", false),
        ("range: bytes=0-1", "", "", false),
        ("", "", "range: bytes=0-1", false),
        ("host: a", "", "host: b", false),
        ("", "", "if-none-match: \"1\"", true),
    ] {
        let is_served = is_served(get_with(request), good(response, "x"), get_with(later)).await;
        assert_eq!(is_served, served, "{request} | {response} | {later}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_age_is_bounded_by_response_and_configuration() {
    let hour = 3_600;
    for (headers, limit) in [
        ("", hour),
        ("age: 600", hour - 600),
        ("cache-control: stale-if-error=30", 30),
        ("cache-control: max-age=60, stale-if-error=30", 90),
        ("cache-control: max-age=60, stale-if-error=30\nage: 20", 70),
        ("cache-control: max-age=60, must-revalidate", 60),
        ("cache-control: s-maxage=9, max-age=60", 9),
        ("cache-control: stale-if-error=999999", hour),
        (
            "cache-control: stale-if-error=5\ndate: Sun, 29 Nov 2026 14:00:00 GMT\nexpires: Sun, 29 Nov 2026 14:01:00 GMT",
            65,
        ),
        ("cache-control: stale-if-error=5\ndate: Sun, 29 Nov 2026 14:00:00 GMT\nexpires: 0", 5),
        ("cache-control: stale-if-error=\"5\", stale-if-error=9", 5),
    ] {
        let service = layer().layer(upstream([good(headers, "x")]));
        send(&service, get_with("")).await;
        tokio::time::advance(Duration::from_secs(limit)).await;
        assert_eq!(send(&service, get_with("")).await.0, 200, "{headers}");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(send(&service, get_with("")).await.0, 503, "{headers}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_get_and_head_without_a_body_are_stored() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "QUERY"] {
        assert!(!is_served(request(method, ""), good("", "x"), request(method, "")).await, "{method}");
    }
    let search = || get_with("").map(|_| Full::from("query"));
    assert!(!is_served(search(), good("", "x"), search()).await);
    // HEAD announces the length of a body that it doesn't have.
    let service = layer().layer(upstream([good("content-length: 9", "")]));
    send(&service, request("HEAD", "")).await;
    let (status, headers, body) = send(&service, request("HEAD", "")).await;
    assert_eq!((status.as_u16(), value(&headers, "content-length"), body.len()), (200, "9", 0));
    assert_eq!(send(&service, get_with("")).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn only_these_failures_are_answered() {
    for (status, answered) in
        [(500, true), (502, true), (503, true), (504, true), (501, false), (429, false), (404, false), (206, false)]
    {
        let service = layer().layer(upstream([good("", "x"), empty_response(status)]));
        send(&service, get_with("")).await;
        assert_eq!(send(&service, get_with("")).await.0 == 200, answered, "{status}");
    }
    for status in [206, 203, 301, 404, 429] {
        assert!(!is_served(get_with(""), empty_response(status), get_with("")).await, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_response_removes_the_stored_one() {
    let too_large = Response::new(Full::from(vec![0; (1 << 20) + 1]));
    let newer = [
        ("GET", good("cache-control: no-store", "")),
        ("GET", too_large),
        ("GET", empty_response(404)),
        ("POST", empty_response(204)),
        ("DELETE", empty_response(303)),
    ];
    for (method, newer) in newer {
        let status = newer.status();
        let service = layer().layer(upstream([good("", "x"), newer]));
        send(&service, get_with("")).await;
        send(&service, request(method, "")).await;
        assert_eq!(send(&service, get_with("")).await.0, 503, "{method} {status}");
    }
    for (method, headers, newer) in [
        ("GET", "", empty_response(304)),
        ("GET", "authorization: x", good("cache-control: no-store", "")),
        ("POST", "", empty_response(400)),
        ("OPTIONS", "", empty_response(204)),
    ] {
        let status = newer.status();
        let service = layer().layer(upstream([good("", "x"), newer]));
        send(&service, get_with("")).await;
        send(&service, request(method, headers)).await;
        assert_eq!(send(&service, get_with("")).await.0, 200, "{method} {status}");
    }
}

/// A body of frames, which then ends, fails or never ends.
struct Frames(VecDeque<Result<Frame<Bytes>, io::Error>>, Option<u64>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.pop_front())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.1.map_or_else(Default::default, http_body::SizeHint::with_exact)
    }
}

fn data(text: &'static str) -> Result<Frame<Bytes>, io::Error> {
    Ok(Frame::data(Bytes::from(text)))
}

/// Whether a body with these frames is stored if the caller polls it this many times.
async fn is_stored(
    frames: impl IntoIterator<Item = Result<Frame<Bytes>, io::Error>>,
    headers: &str,
    polls: usize,
) -> bool {
    let layer = layer();
    let body = Mutex::new(Some(Frames(frames.into_iter().collect(), None)));
    let service = layer.layer(service_fn(|_: Request<Full<Bytes>>| {
        let body = body.lock().unwrap().take().unwrap();
        let response = with_headers(Response::builder(), headers).body(body).unwrap();
        async move { Ok::<_, Infallible>(response) }
    }));
    let mut body = service.oneshot(get_with("")).await.unwrap().into_body();
    for _ in 0..polls {
        let _ = body.frame().await;
    }
    drop(body);
    layer.entries() == 1
}

#[tokio::test(start_paused = true)]
async fn only_complete_bodies_are_stored() {
    let broken = || Err(io::Error::other("broken"));
    assert!(is_stored([], "", 1).await);
    assert!(is_stored([data("ab"), data("c")], "", 3).await);
    assert!(is_stored([data("ab"), data("c")], "content-length: 3", 3).await);
    // Not polled to its end, but all bytes were received.
    assert!(is_stored([data("ab"), data("c")], "content-length: 3", 2).await);
    assert!(!is_stored([data("ab"), data("c")], "", 0).await);
    assert!(!is_stored([data("ab"), data("c")], "", 2).await);
    assert!(!is_stored([data("ab"), data("c")], "content-length: 3", 1).await);
    assert!(!is_stored([data("ab"), data("c")], "content-length: 4", 3).await);
    assert!(!is_stored([data("ab"), data("c")], "content-length: 2", 3).await);
    assert!(!is_stored([data("ab"), data("c")], "content-length: x", 3).await);
    assert!(!is_stored([data("ab"), broken()], "", 3).await);
    let trailers = || Ok(Frame::trailers(HeaderMap::new()));
    assert!(!is_stored([data("ab"), trailers()], "", 3).await);
    assert!(!is_stored([data("ab"), trailers()], "content-length: 2", 3).await);
    let large = || Ok(Frame::data(Bytes::from(vec![0; 1 << 19])));
    assert!(is_stored([large(), large()], "", 3).await);
    assert!(!is_stored([large(), large(), data("a")], "", 4).await);
}

#[tokio::test(start_paused = true)]
async fn an_older_response_does_not_replace_a_newer_one() {
    let layer = layer();
    let service = layer.layer(upstream([good("", "older"), good("", "newer")]));
    let older = service.clone().oneshot(get_with("")).await.unwrap();
    tokio::time::advance(Duration::from_millis(1)).await;
    send(&service, get_with("")).await;
    older.into_body().collect().await.unwrap();
    assert_eq!(send(&service, get_with("")).await.2, "newer");
}

#[tokio::test(start_paused = true)]
async fn number_and_memory_are_bounded() {
    let by_number = layer().max_entries(10).unwrap();
    let by_memory = layer().max_memory(20_000).unwrap();
    for layer in [&by_number, &by_memory] {
        let service = layer.layer(upstream((0..200).map(|_| Response::new(Full::from(vec![0; 1_000])))));
        for path in 0..200 {
            let request = Request::get(format!("http://upstream.example/{path}")).body(Full::default()).unwrap();
            send(&service, request).await;
        }
    }
    assert!((1..=10).contains(&by_number.entries()), "{}", by_number.entries());
    assert!((1..20).contains(&by_memory.entries()), "{}", by_memory.entries());
    let small = layer().max_body(1);
    let service = small.layer(upstream([good("", "ab")]));
    send(&service, get_with("")).await;
    assert_eq!(small.entries(), 0);
    assert!(layer().max_entries(0).is_err() && layer().max_memory(0).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_custom_key_and_classifier_replace_the_rules() {
    let user = |request: &Request<Full<Bytes>>| {
        let user = request.headers().get("authorization")?.to_str().ok()?;
        Some(format!("{user} {}", request.uri()))
    };
    let layer = layer().key(user).classifier(StatusClassifier::default());
    let service = layer.layer(upstream([good("", "of a"), good("", "none"), good("", "of b"), empty_response(429)]));
    for (headers, answer) in [
        ("authorization: a", "of a"),
        ("", "none"),
        ("authorization: b", "of b"),
        ("authorization: a", "of a"),
        ("authorization: b", "of b"),
        ("", ""),
    ] {
        assert_eq!(send(&service, get_with(headers)).await.2, answer, "{headers}");
    }
    let layer = self::layer().vary_by([http::header::USER_AGENT]);
    let service = layer.layer(upstream([good("vary: user-agent", "x")]));
    send(&service, get_with("user-agent: a")).await;
    assert_eq!(send(&service, get_with("user-agent: b")).await.0, 503);
    assert_eq!(send(&service, get_with("user-agent: a")).await.0, 200);
}

/// The layer around a retry and a breaker, whose rejections it answers.
#[tokio::test(start_paused = true)]
async fn rejections_and_exhausted_retries_are_answered() {
    let circuit = Circuit::new(BreakerConfig::http().without_observers());
    let layer = layer();
    let service = ServiceBuilder::new()
        .layer(ReportExtensionLayer)
        .layer(layer.clone())
        .layer(RetryLayer::new(config().retries(1)))
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .service(upstream([empty_response(503), good("", "x")]));
    assert_eq!(send(&service, get_with("")).await.0, 200);
    let exhausted = service.clone().oneshot(get_with("")).await.unwrap();
    let report = *exhausted.extensions().get::<CallReport>().unwrap();
    assert_eq!((exhausted.status().as_u16(), report.attempts()), (200, 2));
    assert!(matches!(report.cause(), Some(Cause::AttemptsExhausted { .. })), "{report:?}");
    circuit.force_open();
    let rejected = service.clone().oneshot(get_with("")).await.unwrap();
    let report = *rejected.extensions().get::<CallReport>().unwrap();
    assert_eq!((rejected.status().as_u16(), report.fallback()), (200, Some("stale_if_error")));
    assert!(report.cause().is_some_and(|cause| cause.is_rejection()), "{report:?}");
    assert_eq!(layer.entries(), 1);
}

/// A panic in user code costs its own call, and a dropped call stores nothing.
#[tokio::test(start_paused = true)]
async fn panics_and_dropped_calls_store_nothing() {
    let layer = layer().key(|request: &Request<Full<Bytes>>| {
        assert!(!request.headers().contains_key("panic"), "by the test");
        Some(String::new())
    });
    let service = layer.layer(upstream([good("", "x")]));
    send(&service, get_with("")).await;
    let panicking = service.clone();
    let call = tokio::spawn(async move { panicking.oneshot(get_with("panic: 1")).await.is_ok() });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(send(&service, get_with("")).await.2, "x");

    let other = self::layer();
    let hangs = other.layer(service_fn(|_: Request<Full<Bytes>>| std::future::pending::<Result<Answer, Infallible>>()));
    assert!(tokio::time::timeout(Duration::from_secs(1), hangs.oneshot(get_with(""))).await.is_err());
    assert_eq!(other.entries(), 0);
}

/// The layer around the standard stack, with a hyper client. The whole stack is `Sync`.
#[tokio::test]
async fn the_layer_fits_around_the_standard_stack() {
    let upstream = serve(Router::new().route("/", get(|| async { "fresh" }))).await;
    let layer = layer();
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(StandardLayer::http("upstream"))
        .boxed_clone_sync()
        .service(client());
    let response = service.oneshot(loopback_request("GET", upstream, "")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "fresh");
    assert_eq!(layer.entries(), 1);
}

/// A hyper client, whose server fails, breaks off, and is gone.
#[tokio::test]
async fn a_real_upstream_is_replaced_by_its_last_good_response() {
    let replies: Arc<Mutex<VecDeque<&str>>> = Arc::new(Mutex::new(VecDeque::from(["chunked", "broken", "503"])));
    let head_received = Arc::new(Notify::new());
    let breaks_off = Arc::clone(&head_received);
    let app = Router::new().route(
        "/",
        get(move || {
            let (reply, breaks_off) = (replies.lock().unwrap().pop_front(), Arc::clone(&breaks_off));
            async move {
                if reply == Some("503") {
                    return Response::builder().status(503).body(AxumBody::empty()).unwrap();
                }
                let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
                tokio::spawn(async move {
                    sender.send_data(Bytes::from("ab")).await.unwrap();
                    if reply == Some("broken") {
                        breaks_off.notified().await;
                        return sender.abort(io::Error::other("broken"));
                    }
                    sender.send_data(Bytes::from("cd")).await.unwrap();
                });
                Response::new(AxumBody::new(body))
            }
        }),
    );
    let upstream = serve(app).await;
    let layer = layer();
    let service = layer.layer(client());
    let send = || {
        let call = service.clone().oneshot(loopback_request("GET", upstream, ""));
        async { call.await.unwrap().into_body().collect().await.map(|body| body.to_bytes()) }
    };
    assert_eq!(send().await.unwrap(), "abcd");
    assert_eq!(layer.entries(), 1);
    let broken = service.clone().oneshot(loopback_request("GET", upstream, "")).await.unwrap();
    head_received.notify_one();
    broken.into_body().collect().await.unwrap_err();
    assert_eq!(send().await.unwrap(), "abcd");

    // A proxy serves the stored response with its length, after the upstream is gone.
    let gone = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<hyper::body::Incoming>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    }));
    let proxy = Router::new().route(
        "/",
        get(move || {
            let service = gone.clone();
            async move { service.oneshot(loopback_request("GET", upstream, "")).await.unwrap() }
        }),
    );
    let proxy = serve(proxy).await;
    let stored = client().oneshot(loopback_request("GET", proxy, "")).await.unwrap();
    assert_eq!((value(stored.headers(), "content-length"), value(stored.headers(), "age")), ("4", "0"));
    assert!(!stored.headers().contains_key("transfer-encoding"));
    assert_eq!(stored.into_body().collect().await.unwrap().to_bytes(), "abcd");
}
