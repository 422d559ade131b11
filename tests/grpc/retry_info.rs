//! `google.rpc.RetryInfo` in the details of a status, encoded by prost as in tonic-types, and sent
//! by tonic.

use std::{sync::Arc, time::Duration};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use prost::Message;
use tokio::time::Instant;
use tonic::{
    Code, Status,
    transport::{Server, server::TcpIncoming},
};
use tower::service_fn;
use tower_recourse::{
    BreakerConfig, Circuit, RetryConfig,
    breaker::{OpenDuration, ThrottledCalls, TripRule},
    grpc::PeekLayer,
    retry::{Backoff, Jitter},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{
    client, config,
    greeter::{
        Greeting, Name,
        greeter_server::{Greeter, GreeterServer},
    },
    in_time,
    loopback::Serving,
    name, quick, request, retrying,
};

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

fn any(type_url: &str, value: Vec<u8>) -> Any {
    Any { type_url: type_url.to_owned(), value }
}

fn retry_info(seconds: i64, nanos: i32) -> Any {
    let info = RetryInfo { retry_delay: Some(ProtoDuration { seconds, nanos }) };
    any(RETRY_INFO, info.encode_to_vec())
}

fn status(code: Code, details: Vec<Any>) -> Vec<u8> {
    RpcStatus { code: code.into(), message: "quota exceeded for project 42".to_owned(), details }.encode_to_vec()
}

/// How long a retry with a delay of 50 ms waits for a response with these headers; `None` if there
/// is no retry.
async fn waited(headers: Vec<(&'static str, String)>) -> Option<Duration> {
    let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = calls.clone();
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        seen.lock().unwrap().push(Instant::now());
        let mut response = Response::new(Empty::<Bytes>::new());
        for (name, value) in &headers {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    let backoff = Backoff::fixed(Duration::from_millis(50)).jitter(Jitter::None);
    let config = quick(RetryConfig::grpc().retries(2)).retries(1).backoff(backoff);
    retrying(config, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
    let calls = calls.lock().unwrap();
    calls.get(1).map(|second| *second - calls[0])
}

fn headers(code: Code, details: &[u8]) -> Vec<(&'static str, String)> {
    vec![
        ("grpc-status", i32::from(code).to_string()),
        ("grpc-status-details-bin", BASE64_STANDARD_NO_PAD.encode(details)),
    ]
}

const EXHAUSTED: Code = Code::ResourceExhausted;
const UNAVAILABLE: Code = Code::Unavailable;
const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_the_delay_in_the_status_details() {
    let help = || any("type.googleapis.com/google.rpc.Help", b"\x0a\x07\x0a\x05hello".to_vec());
    let delay = |code, details| waited(headers(code, &status(code, details)));
    assert_eq!(delay(EXHAUSTED, vec![retry_info(1, 500_000_000)]).await, Some(1_500 * MS));
    assert_eq!(delay(UNAVAILABLE, vec![retry_info(2, 0)]).await, Some(2_000 * MS));
    assert_eq!(delay(EXHAUSTED, vec![help(), retry_info(0, 70_000_000), retry_info(9, 0)]).await, Some(70 * MS));
    let elsewhere = any("example.com/google.rpc.RetryInfo", retry_info(3, 0).value);
    assert_eq!(delay(EXHAUSTED, vec![elsewhere]).await, Some(3_000 * MS));
    assert_eq!(delay(EXHAUSTED, vec![retry_info(0, 0)]).await, Some(50 * MS), "at least that long");
    assert_eq!(delay(UNAVAILABLE, vec![retry_info(0, 10_000_000)]).await, Some(50 * MS));
    // Details of three lengths, each with and without padding.
    for length in 0..3 {
        let mut headers = headers(EXHAUSTED, &[]);
        let more = any("x.y/z", vec![0; length]);
        headers[1].1 = BASE64_STANDARD.encode(status(EXHAUSTED, vec![more, retry_info(1, 0)]));
        assert_eq!(waited(headers.clone()).await, Some(1_000 * MS));
        headers[1].1 = headers[1].1.trim_end_matches('=').to_owned();
        assert_eq!(waited(headers).await, Some(1_000 * MS));
    }
    // The delay applies to retryable codes and makes no other code retryable.
    assert_eq!(delay(Code::Internal, vec![retry_info(1, 0)]).await, None);
    assert_eq!(delay(Code::NotFound, vec![retry_info(1, 0)]).await, None);
    assert_eq!(delay(Code::Ok, vec![retry_info(1, 0)]).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_delay_in_details_above_the_maximum_ends_the_retries() {
    for (seconds, expected) in [(30, Some(30_000 * MS)), (31, None), (315_576_000_000, None)] {
        assert_eq!(waited(headers(UNAVAILABLE, &status(UNAVAILABLE, vec![retry_info(seconds, 0)]))).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pushback_takes_precedence_over_the_details() {
    for (pushback, expected) in [("250", Some(250 * MS)), ("0", Some(Duration::ZERO)), ("-1", None), ("x", None)] {
        let mut headers = headers(EXHAUSTED, &status(EXHAUSTED, vec![retry_info(1, 0)]));
        headers.push(("grpc-retry-pushback-ms", pushback.to_owned()));
        assert_eq!(waited(headers).await, expected, "{pushback}");
    }
}

/// A status after the headers has its details in the trailers, where a `PeekLayer` finds them.
#[tokio::test(start_paused = true)]
async fn the_details_in_trailers_are_waited_for_too() {
    let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = calls.clone();
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        seen.lock().unwrap().push(Instant::now());
        let details = status(EXHAUSTED, vec![retry_info(4, 0)]);
        let mut trailers = http::HeaderMap::new();
        for (name, value) in headers(EXHAUSTED, &details) {
            trailers.append(name, value.parse().unwrap());
        }
        let body = Empty::<Bytes>::new().with_trailers(std::future::ready(Some(Ok(trailers))));
        let response = Response::builder().header("content-type", "application/grpc").body(body).unwrap();
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    let service = tower::Layer::layer(&PeekLayer::new(), service);
    let config = quick(RetryConfig::grpc().retries(2)).retries(1);
    retrying(config, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
    let calls = calls.lock().unwrap();
    assert_eq!(calls[1] - calls[0], 4_000 * MS);
}

/// A proxy's response isn't gRPC. The delay is in its HTTP headers.
#[tokio::test(start_paused = true)]
async fn the_retry_after_of_a_proxy_is_waited_for() {
    let proxy = |status: u16, headers: Vec<(&'static str, &'static str)>| {
        let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = calls.clone();
        let service = service_fn(move |_: Request<Full<Bytes>>| {
            seen.lock().unwrap().push(Instant::now());
            let mut response = Response::builder().status(status);
            for &(name, value) in &headers {
                response = response.header(name, value);
            }
            let response = response.body(Full::<Bytes>::from("busy")).unwrap();
            async { Ok::<_, std::convert::Infallible>(response) }
        });
        let config =
            quick(RetryConfig::grpc().retries(2)).retries(1).backoff(Backoff::fixed(50 * MS).jitter(Jitter::None));
        async move {
            retrying(config, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
            let calls = calls.lock().unwrap();
            calls.get(1).map(|second| *second - calls[0])
        }
    };
    assert_eq!(proxy(503, vec![("retry-after", "2")]).await, Some(2_000 * MS));
    assert_eq!(proxy(429, vec![("retry-after", "3")]).await, Some(3_000 * MS));
    assert_eq!(proxy(503, vec![]).await, Some(50 * MS));
    assert_eq!(proxy(503, vec![("retry-after", "31")]).await, None, "above the limit");
    assert_eq!(proxy(500, vec![("retry-after", "2")]).await, None, "UNKNOWN");
    let both = vec![("retry-after", "2"), ("grpc-retry-pushback-ms", "100")];
    assert_eq!(proxy(503, both).await, Some(100 * MS), "a pushback takes precedence");
}

/// The retry ignores details that it can't read, and waits for its own backoff.
#[tokio::test(start_paused = true)]
async fn details_that_cannot_be_read_are_ignored() {
    let whole = status(UNAVAILABLE, vec![retry_info(1, 0)]);
    let mut cases: Vec<(String, String)> = vec![
        ("not base64".into(), "!!!".into()),
        ("two values".into(), format!("{0},{0}", BASE64_STANDARD_NO_PAD.encode(&whole))),
        ("empty".into(), String::new()),
    ];
    let encoded = |name: &str, bytes: &[u8]| (name.to_owned(), BASE64_STANDARD_NO_PAD.encode(bytes));
    for (name, info) in [
        ("negative", retry_info(-1, 0)),
        ("negative nanos", retry_info(1, -1)),
        ("too many nanos", retry_info(1, 1_000_000_000)),
        ("too many seconds", retry_info(i64::MAX, 0)),
        ("no delay", any(RETRY_INFO, vec![])),
        ("another type", any("type.googleapis.com/google.rpc.NotRetryInfo", retry_info(1, 0).value)),
        ("no type", any("", retry_info(1, 0).value)),
        ("half a delay", any(RETRY_INFO, vec![0x0a, 0x09, 0x08])),
        ("a group", any(RETRY_INFO, vec![0x0b, 0x0c])),
        ("an endless number", any(RETRY_INFO, [&[0x08][..], &[0xff; 11]].concat())),
        (
            "a length beyond everything",
            any(RETRY_INFO, vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ),
    ] {
        cases.push(encoded(name, &status(UNAVAILABLE, vec![info])));
    }
    let large = any("x.y/z", vec![0; 12 << 10]);
    cases.push(encoded("too long", &status(UNAVAILABLE, vec![retry_info(1, 0), large])));
    for length in 1..whole.len() {
        cases.push(encoded(&format!("the first {length} bytes"), &whole[..length]));
    }
    for (name, details) in cases {
        let headers = vec![("grpc-status", "14".to_owned()), ("grpc-status-details-bin", details)];
        assert_eq!(waited(headers).await, Some(50 * MS), "{name}");
    }
    let mut twice = headers(UNAVAILABLE, &whole);
    twice.push(twice[1].clone());
    assert_eq!(waited(twice).await, Some(50 * MS), "two headers");
}

/// A tonic server that rejects the first call.
#[derive(Clone, Default)]
struct Limited(Arc<std::sync::atomic::AtomicUsize>);

#[tonic::async_trait]
impl Greeter for Limited {
    type GreetAtLengthStream = tokio_stream::Empty<Result<Greeting, Status>>;
    type GreetEachStream = tokio_stream::Empty<Result<Greeting, Status>>;

    async fn greet(&self, _: tonic::Request<Name>) -> Result<tonic::Response<Greeting>, Status> {
        if self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            return Ok(tonic::Response::new(Greeting { text: "hello".into() }));
        }
        let details = status(EXHAUSTED, vec![retry_info(0, 20_000_000)]);
        Err(Status::with_details(EXHAUSTED, "quota exceeded", details.into()))
    }

    async fn greet_all(&self, _: tonic::Request<tonic::Streaming<Name>>) -> Result<tonic::Response<Greeting>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn greet_at_length(
        &self,
        _: tonic::Request<Name>,
    ) -> Result<tonic::Response<Self::GreetAtLengthStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn greet_each(
        &self,
        _: tonic::Request<tonic::Streaming<Name>>,
    ) -> Result<tonic::Response<Self::GreetEachStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tokio::test]
async fn a_rate_limit_of_a_tonic_server_is_waited_out() {
    let limited = Limited::default();
    let service = GreeterServer::new(limited.clone());
    let serving = Serving::by(|listener| async move {
        let incoming = TcpIncoming::from(listener);
        Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
    })
    .await;
    let mut client = client(config(), &serving);
    let answer = in_time(client.greet(name("Ann"))).await.unwrap();
    assert_eq!(answer.into_inner().text, "hello");
    assert_eq!(limited.0.load(std::sync::atomic::Ordering::SeqCst), 2);
    drop(client);
    serving.ends().await;
}

/// A circuit that stays open for the requested duration.
#[tokio::test(start_paused = true)]
async fn a_circuit_stays_open_for_the_delay_of_the_details() {
    let config = BreakerConfig::grpc().fixed_share().on_throttled(ThrottledCalls::Failure).without_observers();
    let config = config.open_when(TripRule::consecutive(1).unwrap());
    let circuit = Circuit::new(
        config.open_for(OpenDuration::fixed(Duration::from_secs(1)).honor_retry_after(Duration::from_secs(60))),
    );
    let details = status(UNAVAILABLE, vec![retry_info(7, 0)]);
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        let mut response = Response::new(Empty::<Bytes>::new());
        for (name, value) in headers(UNAVAILABLE, &details) {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    let layer = tower_recourse::BreakerLayer::on(&circuit);
    tower::Layer::layer(&layer, service).oneshot(request("/test.Echo/Unary")).await.unwrap();
    assert_eq!(circuit.try_acquire().unwrap_err().retry_in(), Some(Duration::from_secs(7)));
}
