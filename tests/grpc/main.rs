//! Tests of gRPC: tonic on both sides over sockets, HTTP/2 by hand where a server must misbehave,
//! and paused time for waits.

mod a6;
#[path = "../support/await_points.rs"]
mod await_points;
mod body_breaker;
mod body_timeout;
mod calls;
mod client_stack;
mod deadlines;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
mod generated_code;
mod goaway;
#[allow(unreachable_pub, missing_docs, reason = "generated")]
mod greeter;
mod invalid_input;
#[cfg(feature = "keyed")]
mod keyed;
mod loopback;
mod peek;
mod rejection_marks;
mod rejections;
mod retry_info;
mod scripted_http2;
mod scripted_service;
mod service_config;
#[path = "../support/span_tree.rs"]
mod span_tree;
#[cfg(all(feature = "tracing", feature = "testing"))]
mod spans;
mod standard;
mod statuses;
mod streams;
mod sync;
mod transport_errors;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{Empty, Full};
use tokio::time::{Instant, timeout};
use tonic::transport::{Channel, Endpoint};
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    Ratio, RetryConfig, RetryLayer,
    grpc::{GrpcReplay, PeekLayer, StatusClassifier},
    retry::{Backoff, NoTimeouts, quota::NoQuota},
};

use self::{
    greeter::{Greeting, Name, greeter_client::GreeterClient},
    loopback::Serving,
};

type Config = RetryConfig<StatusClassifier, NoTimeouts, NoQuota, GrpcReplay>;

/// The preset without jitter, budget and observers.
fn config() -> Config {
    quick(RetryConfig::grpc().retries(2)).backoff(Backoff::fixed(Duration::from_millis(5)))
}

fn quick(config: Config) -> Config {
    config
        .throttled_backoff(Backoff::none())
        .retry_after_jitter(Ratio::new(0.0).unwrap())
        .without_budget()
        .without_observers()
}

fn name(name: impl Into<String>) -> Name {
    Name { name: name.into() }
}

fn greeting(text: impl Into<String>) -> Greeting {
    Greeting { text: text.into() }
}

fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

type Stack = tower_recourse::retry::Retry<tower_recourse::grpc::Peek<Channel>, Config, GrpcReplay>;

/// A retry around a channel, as in the docs.
fn stack(config: Config, address: SocketAddr) -> Stack {
    ServiceBuilder::new().layer(RetryLayer::new(config)).layer(PeekLayer::new()).service(channel(address))
}

/// A generated client around the stack.
fn client(config: Config, serving: &Serving) -> GreeterClient<Stack> {
    GreeterClient::new(stack(config, serving.address))
}

/// Longer than any test takes.
const LONGEST: Duration = Duration::from_secs(30);

/// Fails if the test hangs.
async fn in_time<T>(test: impl Future<Output = T>) -> T {
    timeout(LONGEST, test).await.expect("the test hangs")
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The time and the headers of each request.
type Log = Arc<Mutex<Vec<(Instant, HeaderMap)>>>;

/// The headers of each response.
type Script = &'static [&'static [(&'static str, &'static str)]];

/// A service in memory that responds with these headers; the last ones repeat.
fn answers(
    headers: Script,
) -> (Log, impl Service<Request<Full<Bytes>>, Response = Response<Empty<Bytes>>, Error = Infallible> + Clone) {
    let log = Log::default();
    let seen = log.clone();
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        let mut seen = seen.lock().unwrap();
        let mut response = Response::new(Empty::new());
        for &(name, value) in headers[seen.len().min(headers.len() - 1)] {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        seen.push((Instant::now(), request.headers().clone()));
        async { Ok(response) }
    });
    (log, service)
}

fn gaps(log: &Log) -> Vec<Duration> {
    let log = log.lock().unwrap();
    log.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::post(path).body(Full::from("body")).unwrap()
}

/// A retry with this config around the service.
fn retrying<S>(config: Config, service: S) -> tower_recourse::retry::Retry<S, Config, GrpcReplay> {
    RetryLayer::new(config).layer(service)
}
