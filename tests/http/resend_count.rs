//! The number of a send, in the request's extensions.

use std::{
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Extensions, Request};
use http_body_util::{BodyExt, Full};
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;
use tower_recourse::{Attempt, RetryLayer, grpc::GrpcReplay, http::resend_count};
use tracing::Span;

use crate::{Scripted, config, empty_response};

/// The resend count and the number of the attempt, per send.
type Seen = Arc<Mutex<Vec<(Option<u32>, Option<u32>)>>>;

fn read(extensions: &Extensions) -> (Option<u32>, Option<u32>) {
    (resend_count(extensions), extensions.get().map(Attempt::number))
}

/// Sends one request, and returns what a `TraceLayer` inside the retries reads in each send.
macro_rules! sends {
    ($body:expr, $server:expr, $($retry:expr),+) => {{
        let seen = Seen::default();
        let log = seen.clone();
        let trace = TraceLayer::new_for_http().make_span_with(move |request: &Request<_>| {
            log.lock().unwrap().push(read(request.extensions()));
            Span::none()
        });
        let service = ServiceBuilder::new()$(.layer(RetryLayer::new($retry)))+.layer(trace).service($server.service());
        let _ = service.oneshot(Request::new($body)).await.unwrap();
        let seen = seen.lock().unwrap().clone();
        seen
    }};
}

#[tokio::test(start_paused = true)]
async fn each_resend_has_its_count_and_its_attempt() {
    let server = Scripted::new(|_| empty_response(503));
    let expected = [(None, None), (Some(1), Some(2)), (Some(2), Some(3))];
    assert_eq!(sends!(Full::<Bytes>::from("cloned"), server, config()), expected);
    let recorded = || Full::<Bytes>::from("recorded").map_err(|never| -> io::Error { match never {} }).boxed_unsync();
    assert_eq!(sends!(recorded(), server, config()), expected);
    assert_eq!(sends!(recorded(), server, config().replay(GrpcReplay::default())), expected);
}

#[tokio::test(start_paused = true)]
async fn a_nested_retry_continues_the_outer_count() {
    let server = Scripted::new(|_| empty_response(503));
    let seen = sends!(Full::<Bytes>::default(), server, config().retries(1), config().retries(1));
    assert_eq!(seen, [(None, None), (Some(1), Some(2)), (Some(1), Some(2)), (Some(2), Some(2))]);
}

#[tokio::test(start_paused = true)]
async fn another_request_starts_without_a_count() {
    let server = Scripted::new(|call| empty_response(if call == 0 { 503 } else { 200 }));
    assert_eq!(sends!(Full::<Bytes>::default(), server, config()).len(), 2);
    assert_eq!(sends!(Full::<Bytes>::default(), server, config()), [(None, None)]);
}
