//! A breaker that waits for the end of bodies, around gRPC calls. A call is a success if its
//! messages are complete and a status arrives. The classifier sees this status only if it comes
//! before the first message.

use std::{convert::Infallible, io};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use tokio_stream::StreamExt;
use tower::{Layer, service_fn};
use tower_recourse::{
    BreakerConfig, Circuit,
    grpc::{self, PeekLayer},
    http::BodyBreakerLayer,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{
    channel,
    greeter::greeter_client::GreeterClient,
    in_time,
    loopback::Serving,
    name,
    scripted_http2::{self, Reply},
};

/// The numbers of successful, failed, neutral and dropped calls.
type Counts = (u64, u64, u64, u64);

const SUCCESS: Counts = (1, 0, 0, 0);
const FAILURE: Counts = (0, 1, 0, 0);

fn counts<C>(circuit: &Circuit<C>) -> Counts {
    let stats = circuit.stats();
    (stats.total_successes.unwrap(), stats.total_failures, stats.total_neutral, stats.total_dropped)
}

fn circuit() -> Circuit<grpc::StatusClassifier> {
    Circuit::new(BreakerConfig::grpc().fixed_share().without_observers().count_all_calls())
}

/// Makes one call with a response stream and reads it to the end, with and without a `PeekLayer`.
async fn outcome_of(serving: &Serving) -> [Counts; 2] {
    let (plain, peeking) = (circuit(), circuit());
    let mut client = GreeterClient::new(BodyBreakerLayer::on(&plain).layer(channel(serving.address)));
    if let Ok(greetings) = in_time(client.greet_at_length(name("Ann"))).await {
        let _: Vec<_> = in_time(greetings.into_inner().collect()).await;
    }
    let peek = PeekLayer::new().layer(channel(serving.address));
    let mut client = GreeterClient::new(BodyBreakerLayer::on(&peeking).layer(peek));
    if let Ok(greetings) = in_time(client.greet_at_length(name("Ann"))).await {
        let _: Vec<_> = in_time(greetings.into_inner().collect()).await;
    }
    [counts(&plain), counts(&peeking)]
}

#[tokio::test]
async fn a_grpc_response_that_ends_incomplete_is_a_failure() {
    use Reply::{Message, MessageAlone, MessageThenReset, Only, PartOfMessage, Trailers};
    const OK: &[(&str, &str)] = &[("grpc-status", "0")];
    const NOT_FOUND: &[(&str, &str)] = &[("grpc-status", "5")];
    let cases: [(&'static [Reply], Counts); 11] = [
        (&[Message(OK)], SUCCESS),
        (&[Message(NOT_FOUND)], SUCCESS),
        (&[Only(NOT_FOUND)], SUCCESS),
        (&[Trailers(OK)], SUCCESS),
        (&[Message(scripted_http2::UNAVAILABLE)], SUCCESS),
        (&[Message(&[("other", "x")])], FAILURE),
        (&[MessageAlone], FAILURE),
        (&[PartOfMessage(3, OK)], FAILURE),
        (&[PartOfMessage(7, OK)], FAILURE),
        (&[MessageThenReset(Reason::INTERNAL_ERROR)], FAILURE),
        // hyper reports this as the end of the body.
        (&[MessageThenReset(Reason::NO_ERROR)], FAILURE),
    ];
    for (replies, expected) in cases {
        let (serving, _log) = scripted_http2::serve(replies).await;
        assert_eq!(outcome_of(&serving).await, [expected; 2], "{replies:?}");
        serving.ends().await;
    }
}

/// The layer checks messages with any classifier, and for any division of the messages into frames.
#[tokio::test]
async fn messages_are_followed_across_frames() {
    const TWO: &[u8] = b"\0\0\0\0\x03one\0\0\0\0\0\0\0\0\0\x01x";
    let trailers = |status: Option<&str>| {
        let mut trailers = HeaderMap::new();
        status.map(|status| trailers.insert("grpc-status", status.parse().unwrap()));
        Frame::trailers(trailers)
    };
    for size in 1..=TWO.len() {
        for (sent, end, expected) in [
            (TWO.len(), Some(trailers(Some("0"))), SUCCESS),
            (TWO.len(), Some(trailers(None)), FAILURE),
            (TWO.len(), None, FAILURE),
            (TWO.len() - 1, Some(trailers(Some("0"))), FAILURE),
            (TWO.len() - 3, Some(trailers(Some("0"))), FAILURE),
            (5, Some(trailers(Some("0"))), FAILURE),
        ] {
            let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
            let chunks = TWO[..sent].chunks(size).map(|chunk| Frame::data(Bytes::from_static(chunk)));
            let frames: Vec<Result<_, io::Error>> = chunks.chain(end).map(Ok).collect();
            let body = StreamBody::new(tokio_stream::iter(frames));
            let mut response = Some(Response::builder().header("content-type", "application/grpc+proto").body(body));
            let service = service_fn(move |_: Request<Empty<Bytes>>| {
                std::future::ready(Ok::<_, Infallible>(response.take().unwrap().unwrap()))
            });
            let layer = BodyBreakerLayer::on(&circuit);
            let answer = layer.layer(service).oneshot(Request::post("/a.B/C").body(Empty::new()).unwrap()).await;
            let _ = answer.unwrap().into_body().collect().await;
            assert_eq!(counts(&circuit), expected, "{sent} in chunks of {size}");
        }
    }
    // gRPC-Web sends the status in the body; other types have no status.
    for content_type in ["application/grpc-web+proto", "application/json"] {
        let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
        let service = service_fn(move |_: Request<Empty<Bytes>>| async move {
            let body = http_body_util::Full::<Bytes>::from("\x01");
            Ok::<_, Infallible>(Response::builder().header("content-type", content_type).body(body).unwrap())
        });
        let answer = BodyBreakerLayer::on(&circuit).layer(service).oneshot(Request::new(Empty::new())).await.unwrap();
        answer.into_body().collect().await.unwrap();
        assert_eq!(counts(&circuit), SUCCESS, "{content_type}");
    }
}
