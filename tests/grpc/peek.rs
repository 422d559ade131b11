//! The first frame of a response: what the layer decides by it, and that the caller still receives
//! it.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, StreamBody, channel::Channel, combinators::UnsyncBoxBody};
use tokio::time::Instant;
use tower::{Layer, service_fn};
use tower_recourse::{
    RetryConfig, RetryLayer,
    grpc::{
        Code, PeekLayer, code,
        peek::{PeekedBody, TrackBody},
    },
    testing::EventRecorder,
};

type Boxed = UnsyncBoxBody<Bytes, io::Error>;

fn trailers(status: &str) -> io::Result<Frame<Bytes>> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    Ok(Frame::trailers(trailers))
}

fn data(text: &'static str) -> io::Result<Frame<Bytes>> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn grpc<B>(body: B) -> Response<B> {
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

async fn peeked(frames: Vec<io::Result<Frame<Bytes>>>) -> Response<impl Body<Data = Bytes, Error = io::Error>> {
    let frames = Arc::new(std::sync::Mutex::new(Some(frames)));
    let service = service_fn(move |_: Request<Empty<Bytes>>| {
        let frames = frames.lock().unwrap().take().unwrap();
        async move { Ok::<_, Infallible>(grpc(StreamBody::new(tokio_stream::iter(frames)))) }
    });
    PeekLayer::new().layer(service).oneshot(Request::new(Empty::new())).await.unwrap()
}

#[tokio::test]
async fn the_first_frame_decides() {
    let broken = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
    for (name, frames, expected) in [
        ("trailers", vec![trailers("14")], Some(Code::Unavailable)),
        ("after an empty frame", vec![data(""), trailers("5")], Some(Code::NotFound)),
        ("nothing", vec![], Some(Code::Unknown)),
        ("a message", vec![data("x"), trailers("14")], None),
        ("an error", vec![broken()], Some(Code::Unavailable)),
    ] {
        assert_eq!(code(&peeked(frames).await), expected, "{name}");
    }
}

#[tokio::test]
async fn no_frame_is_lost() {
    let response = peeked(vec![data("one"), data("two"), trailers("0")]).await;
    let body = response.into_body();
    assert!(!body.is_end_stream());
    assert_eq!(body.size_hint().lower(), 3);
    let collected = body.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(collected.to_bytes(), "onetwo");

    let mut body = Box::pin(peeked(vec![trailers("7")]).await.into_body());
    assert!(!body.is_end_stream());
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap()["grpc-status"], "7");
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());

    let mut body = Box::pin(peeked(vec![Err(io::Error::other("failed"))]).await.into_body());
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "failed");
    assert!(body.frame().await.is_none());

    let body = peeked(vec![]).await.into_body();
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));

    let mut none = Box::pin(PeekedBody::<Boxed>::default());
    assert_eq!((none.is_end_stream(), none.size_hint().exact()), (true, Some(0)));
    assert!(none.frame().await.is_none());
    assert!(none.frame().await.is_none());
}

/// A request counts as sent when its body yields trailers, ends, fails, or is dropped, or when the
/// body reports its end with the last frame.
#[tokio::test]
async fn when_a_request_has_been_sent() {
    for (frames, last) in [
        (vec![data("one"), data("two")], 3),
        (vec![data("one"), trailers("0")], 2),
        (vec![Err(io::Error::from(io::ErrorKind::BrokenPipe))], 1),
        (vec![], 1),
    ] {
        let (body, sending) = StreamBody::new(tokio_stream::iter(frames)).boxed_unsync().track();
        let mut body = Box::pin(body);
        for _ in 0..last {
            assert!(!sending.is_complete());
            let _ = body.frame().await;
        }
        assert!(sending.is_complete(), "after {last}");
    }
    // `Full` reports its end with its only frame. A sender might not poll it again.
    let whole: Boxed = Full::from("one").map_err(|never| match never {}).boxed_unsync();
    let (body, sending) = whole.track();
    let mut body = Box::pin(body);
    assert!(!sending.is_complete());
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false), "unchanged");
    body.frame().await.unwrap().unwrap();
    assert!(sending.is_complete() && body.is_end_stream());
    let (body, sending) = StreamBody::new(tokio_stream::iter([data("one")])).boxed_unsync().track();
    assert!(!sending.is_complete());
    drop(body);
    assert!(sending.is_complete());
    let nothing: Boxed = Empty::new().map_err(|never| match never {}).boxed_unsync();
    assert!(nothing.track().1.is_complete());
}

/// A body that ends when its sender does.
fn streaming() -> (http_body_util::channel::Sender<Bytes, io::Error>, Boxed) {
    let (sender, body) = Channel::new(8);
    (sender, body.boxed_unsync())
}

/// Responds with headers at once and reads the request in the background, as a connection does.
async fn over_a_connection(
    request: Boxed,
    answer: Boxed,
    layer: PeekLayer,
) -> (Response<impl Body<Data = Bytes, Error = io::Error>>, Duration) {
    let answer = Arc::new(std::sync::Mutex::new(Some(answer)));
    let service = service_fn(move |request: Request<Boxed>| {
        tokio::spawn(request.into_body().collect());
        let answer = answer.lock().unwrap().take().unwrap();
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(grpc(answer))
        }
    });
    let begun = Instant::now();
    let response = layer.layer(service).oneshot(Request::new(request)).await.unwrap();
    (response, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn peeking_does_not_wait_while_the_request_is_sent() {
    let (_request, request_body) = streaming();
    let (_answer, answer_body) = streaming();
    let (response, waited) = over_a_connection(request_body, answer_body, PeekLayer::new()).await;
    assert_eq!((code(&response), waited), (None, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn peeking_waits_at_most_for_its_limit() {
    for (layer, limit) in [
        (PeekLayer::new(), Duration::from_secs(1)),
        (PeekLayer::new().max_wait(Duration::from_millis(20)), Duration::from_millis(20)),
    ] {
        let (request, request_body) = streaming();
        drop(request);
        let (mut answer, answer_body) = streaming();
        let (response, waited) = over_a_connection(request_body, answer_body, layer).await;
        assert_eq!(code(&response), None);
        assert!(waited >= limit && waited < limit * 2, "{waited:?}");
        answer.send_data(Bytes::from_static(b"late")).await.unwrap();
        drop(answer);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "late");
    }
}

/// The headers of these responses determine the code, so the layer doesn't wait for the body. The
/// server keeps the stream open.
#[tokio::test(start_paused = true)]
async fn a_response_with_a_status_in_its_headers_is_not_peeked() {
    for (status, header, expected) in [
        (200, Some(("grpc-status", "14")), Some(Code::Unavailable)),
        (503, None, Some(Code::Unavailable)),
        (200, Some(("content-type", "text/html")), Some(Code::Unknown)),
    ] {
        let (_open, body) = streaming();
        let mut answer = Response::builder().status(status);
        if let Some((name, value)) = header {
            answer = answer.header(name, value);
        }
        let answer = Arc::new(std::sync::Mutex::new(Some(answer.body(body).unwrap())));
        let service = service_fn(move |_: Request<Empty<Bytes>>| {
            let answer = answer.lock().unwrap().take().unwrap();
            async { Ok::<_, Infallible>(answer) }
        });
        let begun = Instant::now();
        let response = PeekLayer::new().layer(service).oneshot(Request::new(Empty::new())).await.unwrap();
        assert_eq!((code(&response), begun.elapsed()), (expected, Duration::ZERO), "{status}");
    }
}

#[test]
fn debug_output_has_the_names_of_codes() {
    assert_eq!((Code::NotFound.to_string(), Code::Ok.to_string()), ("NOT_FOUND".to_owned(), "OK".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_status_that_comes_a_little_later_is_waited_for() {
    let (request, request_body) = streaming();
    drop(request);
    let (mut answer, answer_body) = streaming();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer.send_trailers(trailers("14").unwrap().into_trailers().unwrap()).await.unwrap();
    });
    let (response, _) = over_a_connection(request_body, answer_body, PeekLayer::new()).await;
    assert_eq!(code(&response), Some(Code::Unavailable));
}

/// A body that must not be polled after its end.
#[tokio::test]
async fn a_body_is_not_polled_after_its_end() {
    struct Once(bool);
    impl Body for Once {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<io::Result<Frame<Bytes>>>> {
            assert!(!std::mem::replace(&mut self.0, true), "polled again");
            std::task::Poll::Ready(Some(trailers("0")))
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::default()
        }
    }
    let service = service_fn(|_: Request<Empty<Bytes>>| async { Ok::<_, Infallible>(grpc(Once(false))) });
    let response = PeekLayer::new().layer(service).oneshot(Request::new(Empty::new())).await.unwrap();
    assert_eq!(code(&response), Some(Code::Ok));
    assert!(response.into_body().collect().await.unwrap().trailers().is_some());
}

/// Events show the message of a status, wherever the server sends it.
#[tokio::test(start_paused = true)]
async fn a_message_in_trailers_is_shown() {
    let mut status = HeaderMap::new();
    status.insert("grpc-status", "14".parse().unwrap());
    status.insert("grpc-message", "draining%3A 100%25".parse().unwrap());
    for in_trailers in [true, false] {
        let status = status.clone();
        let service = service_fn(move |_: Request<Full<Bytes>>| {
            let mut response = grpc(Vec::new());
            match in_trailers {
                true => response.body_mut().push(Ok::<_, io::Error>(Frame::<Bytes>::trailers(status.clone()))),
                false => response.headers_mut().extend(status.clone()),
            }
            async move { Ok::<_, Infallible>(response.map(|frames| StreamBody::new(tokio_stream::iter(frames)))) }
        });
        let events = EventRecorder::new();
        let retry = RetryConfig::grpc().retries(0).without_observers().observe(events.clone());
        let mut service = RetryLayer::new(retry).layer(PeekLayer::new().layer(service));
        service.ready().await.unwrap().call(Request::new(Full::default())).await.unwrap();
        let failed = r#"failure=transient status="gRPC 14 UNAVAILABLE" error="draining: 100%""#;
        assert_eq!(events.lines(), [format!("RetryStopped attempt=1 cause=attempts_exhausted {failed}")]);
    }
}
