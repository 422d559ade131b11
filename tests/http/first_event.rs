//! Event streams that fail before their first event. Real sockets, except where a test says so.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::Response, routing::any};
use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Full, StreamBody, channel::Channel};
use tokio::time::{sleep, timeout};
use tower::{BoxError, Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryLayer, Verdict,
    http::{
        FirstEventLayer,
        first_event::{ClassifyEvent, EventMeaning, ServerEvent},
    },
    retry::Timeouts,
};

use crate::{
    config,
    loopback::{client, request, serve},
};

const LONGEST: Duration = Duration::from_secs(20);

/// One step of a server that sends a stream.
#[derive(Debug, Clone, Copy)]
enum Step {
    Send(&'static str),
    Pause(u64),
    Abort,
    Hang,
}

use Step::{Abort, Hang, Pause, Send};

type Script = &'static [Step];

/// The stream that a script describes.
fn stream(script: Script) -> Body {
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
    tokio::spawn(async move {
        for step in script {
            match *step {
                Send(text) => sender.send_data(text.into()).await.unwrap_or_default(),
                Pause(milliseconds) => sleep(Duration::from_millis(milliseconds)).await,
                Abort => return sender.abort(io::Error::other("by the test")),
                Hang => std::future::pending().await,
            }
        }
    });
    Body::new(body)
}

/// A server that plays one script per call; the last one repeats. Returns the number of calls.
async fn server(content_type: &'static str, scripts: &'static [Script]) -> (SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let answer = move || {
        let number = counted.fetch_add(1, Ordering::SeqCst).min(scripts.len() - 1);
        async move { Response::builder().header("content-type", content_type).body(stream(scripts[number])).unwrap() }
    };
    (serve(Router::new().route("/", any(answer))).await, calls)
}

/// Reports the failures of an imaginary API.
fn failures(event: &ServerEvent<'_>) -> EventMeaning {
    match (event.name(), event.data()) {
        ("error", "overloaded") => EventMeaning::Failure(Verdict::transient()),
        ("error", _) => EventMeaning::Failure(Verdict::permanent()),
        _ => EventMeaning::of(event),
    }
}

/// The text of the response, whether it ended without an error, and the number of calls.
async fn send<F>(
    layer: FirstEventLayer<F>,
    scripts: &'static [Script],
    idempotent: bool,
    method: &str,
) -> (String, bool, usize)
where
    F: Fn(&ServerEvent<'_>) -> EventMeaning + Clone + std::marker::Send + Sync + 'static,
{
    let (address, calls) = server("text/event-stream; charset=utf-8", scripts).await;
    let retry = config().timeouts(Timeouts::attempt(Duration::from_secs(1)));
    let retry = if idempotent { retry.idempotent() } else { retry };
    let service =
        ServiceBuilder::new().layer(RetryLayer::new(retry)).map_err(BoxError::from).layer(layer).service(client());
    let response = timeout(LONGEST, service.oneshot(request(method, address, ""))).await.unwrap().unwrap();
    let mut body = response.into_body();
    let mut text = String::new();
    let ended = loop {
        match timeout(LONGEST, body.frame()).await.unwrap() {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap()),
        }
    };
    (text, ended, calls.load(Ordering::SeqCst))
}

const ANSWER: Script = &[Send(": ok\n\n"), Send("data: hel"), Pause(5), Send("lo\n\ndata: bye\n\n")];
const ANSWER_TEXT: &str = ": ok\n\ndata: hello\n\ndata: bye\n\n";

#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_is_repeated() {
    const STREAMS: &[&[Script]] = &[
        &[&[Abort], ANSWER],
        &[&[Send(": ok\n\nretry: 5\n\n"), Pause(5), Send("event: ping\ndata: {}\n\n"), Pause(5), Abort], ANSWER],
        &[&[Send("data: unfinished\n"), Pause(5), Abort], ANSWER],
        // The time limit of the attempt ends a stream that only sends pings.
        &[&[Send("event: ping\ndata: {}\n\n"), Hang], ANSWER],
        &[&[Hang], ANSWER],
    ];
    for streams in STREAMS {
        let answered = send(FirstEventLayer::new(), streams, false, "GET").await;
        assert_eq!(answered, (ANSWER_TEXT.to_owned(), true, 2), "{streams:?}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_after_its_first_event_is_not_repeated() {
    const STREAMS: &[Script] = &[&[Send("data: hello\n\n"), Pause(20), Abort], ANSWER];
    let answered = send(FirstEventLayer::new(), STREAMS, true, "GET").await;
    assert_eq!(answered, ("data: hello\n\n".to_owned(), false, 1));
}

#[tokio::test]
async fn an_event_can_be_a_failure_with_any_verdict() {
    const OVERLOADED: Script = &[Send(": hi\n\nevent: error\ndata: overloa"), Pause(5), Send("ded\n\n")];
    const INVALID: Script = &[Send("event: error\ndata: invalid\n\n")];
    const FAILED_TEXT: &str = ": hi\n\nevent: error\ndata: overloaded\n\n";
    let send = async |scripts, idempotent, method| {
        send(FirstEventLayer::new().classify(failures), scripts, idempotent, method).await
    };
    const ONCE: &[Script] = &[OVERLOADED, ANSWER];
    assert_eq!(send(ONCE, false, "GET").await, (ANSWER_TEXT.to_owned(), true, 2));
    // The caller gets the frames of the last attempt unchanged.
    assert_eq!(send(&[OVERLOADED], false, "GET").await, (FAILED_TEXT.to_owned(), true, 3));
    assert_eq!(send(&[INVALID], false, "GET").await, ("event: error\ndata: invalid\n\n".to_owned(), true, 1));
    // The server may have processed a POST.
    assert_eq!(send(ONCE, false, "POST").await, (FAILED_TEXT.to_owned(), true, 1));
    assert_eq!(send(ONCE, true, "POST").await, (ANSWER_TEXT.to_owned(), true, 2));
    // After the first event, an error event is the caller's.
    const LATER: &[Script] = &[&[Send("data: a\n\nevent: error\ndata: overloaded\n\n")]];
    assert_eq!(send(LATER, true, "GET").await, ("data: a\n\nevent: error\ndata: overloaded\n\n".to_owned(), true, 1));
}

#[tokio::test]
async fn an_empty_stream_is_a_failure_on_request() {
    const STREAMS: &[Script] = &[&[Send(": nothing\n\n")], ANSWER];
    let answered = send(FirstEventLayer::new(), STREAMS, false, "GET").await;
    assert_eq!(answered, (": nothing\n\n".to_owned(), true, 1));
    let answered = send(FirstEventLayer::new().fail_if_empty(), STREAMS, false, "GET").await;
    assert_eq!(answered, (ANSWER_TEXT.to_owned(), true, 2));
}

/// Beyond a bound, the response is returned with everything that has arrived.
#[tokio::test]
async fn the_wait_is_bounded_by_bytes_and_time() {
    const STREAMS: &[Script] =
        &[&[Send(": 0123456789\n\n"), Send(": 0123456789\n\n"), Pause(300), Send("data: a\n\n")]];
    const TEXT: &str = ": 0123456789\n\n: 0123456789\n\ndata: a\n\n";
    for layer in [
        FirstEventLayer::new().max_bytes(0),
        FirstEventLayer::new().max_bytes(20),
        FirstEventLayer::new().max_wait(Duration::from_millis(30)),
        FirstEventLayer::new().max_wait(Duration::ZERO),
    ] {
        let answered = send(layer, STREAMS, false, "GET").await;
        assert_eq!(answered, (TEXT.to_owned(), true, 1), "{layer:?}");
    }
}

/// In memory: the head of these responses isn't delayed by a body that hangs.
#[tokio::test(start_paused = true)]
async fn other_responses_pass_at_once() {
    for (status, content_type, encoding, method, waits) in [
        (200, "text/event-stream", "identity", "GET", true),
        (200, "Text/Event-Stream;charset=utf-8", "identity", "GET", true),
        (200, "text/event-stream", "gzip", "GET", false),
        (200, "text/event-streams", "identity", "GET", false),
        (200, "text/plain", "identity", "GET", false),
        (503, "text/event-stream", "identity", "GET", false),
        (200, "text/event-stream", "identity", "HEAD", false),
    ] {
        let hangs = service_fn(move |_: Request<Full<Bytes>>| async move {
            let head = Response::builder().status(status);
            let head = head.header("content-type", content_type).header("content-encoding", encoding);
            Ok::<_, Infallible>(head.body(stream(&[Hang])).unwrap())
        });
        let call = Request::builder().method(method).body(Full::default()).unwrap();
        let response = timeout(Duration::from_secs(1), FirstEventLayer::new().layer(hangs).oneshot(call)).await;
        assert_eq!(response.is_err(), waits, "{status} {content_type} {encoding} {method}");
    }
}

/// In memory: frames, trailers and hints are those of the server, wherever chunks end.
#[tokio::test(start_paused = true)]
async fn frames_pass_unchanged_and_in_order() {
    const TEXT: &str = ": hi\r\n\r\nevent: ping\ndata: {}\n\n\u{feff}data: caf\u{e9}\n\ndata: more\n\n";
    for length in 1..TEXT.len() {
        let chunks: Vec<_> = TEXT.as_bytes().chunks(length).map(Bytes::from_static).collect();
        let trailers = http::HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
        let frames = chunks.iter().cloned().map(Frame::data).chain([Frame::trailers(trailers.clone())]);
        let frames: Vec<_> = frames.map(Ok::<_, io::Error>).collect();
        let service = service_fn(move |_: Request<Full<Bytes>>| {
            let frames = tokio_stream::iter(
                frames
                    .iter()
                    .map(|frame| {
                        let frame = frame.as_ref().unwrap();
                        Ok::<_, io::Error>(match frame.data_ref() {
                            Some(data) => Frame::data(data.clone()),
                            None => Frame::trailers(frame.trailers_ref().unwrap().clone()),
                        })
                    })
                    .collect::<Vec<_>>(),
            );
            let response = Response::builder().header("content-type", "text/event-stream");
            std::future::ready(Ok::<_, Infallible>(response.body(StreamBody::new(frames)).unwrap()))
        });
        let call = Request::get("/").body(Full::default()).unwrap();
        let mut body = FirstEventLayer::new().layer(service).oneshot(call).await.unwrap().into_body();
        assert!(body.size_hint().lower() > 0 && !body.is_end_stream());
        for chunk in chunks {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), chunk);
        }
        assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
        assert!(body.frame().await.is_none());
    }
}

/// A breaker counts an event that reports a failure. A caller that gives up drops the stream, and a
/// panic costs its own call.
#[tokio::test(start_paused = true)]
async fn breakers_cancelled_calls_and_panics() {
    let circuit = Circuit::new(BreakerConfig::http().without_observers());
    let held = Arc::new(());
    let service = |script: Script| {
        let held = held.clone();
        service_fn(move |_: Request<Full<Bytes>>| {
            let held = held.clone();
            let body = Body::new(stream(script).map_frame(move |frame| {
                let _ = &held;
                frame
            }));
            async {
                Ok::<_, Infallible>(Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
            }
        })
    };
    let call = || Request::get("/").body(Full::default()).unwrap();
    let layer = FirstEventLayer::new().classify(failures as ClassifyEvent);
    let counted = BreakerLayer::on(&circuit).layer(layer.layer(service(&[Send("event: error\ndata: invalid\n\n")])));
    counted.oneshot(call()).await.unwrap();
    assert_eq!(circuit.stats().total_failures, 1);

    let hangs = layer.layer(service(&[Send(": hi\n\n"), Hang]));
    timeout(Duration::from_secs(1), hangs.oneshot(call())).await.unwrap_err();
    assert_eq!(Arc::strong_count(&held), 1);

    let panics = FirstEventLayer::new().classify(|_: &ServerEvent<'_>| panic!("by the test"));
    let panics = tokio::spawn(panics.layer(service(&[Send("data: a\n\n")])).oneshot(call()));
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(Arc::strong_count(&held), 1);
}
