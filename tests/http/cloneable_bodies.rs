//! Bodies that a fallback and a retry share.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    FallbackLayer, RetryLayer,
    http::{
        Replay,
        replay::{CloneableBody, ReplayError},
    },
    observe::Event,
};

use crate::{
    Answer, config, empty_response,
    replay_bodies::{Boxed, Frames, body, data},
    replay_edge_cases::Streamed,
};

type Shared = CloneableBody<Boxed>;

fn share(replay: &Replay, request: Request<Boxed>) -> Shared {
    replay.cloneable(request).into_body()
}

fn next(body: &mut Shared) -> Poll<Option<Result<Frame<Bytes>, ReplayError<std::io::Error>>>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

async fn text(body: Shared) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Checks that each body is `expected`, runs `check`, and responds with 503. The tests compare the
/// memory in use in `check`.
#[derive(Clone, Default)]
struct Failing {
    calls: Arc<AtomicUsize>,
}

impl Failing {
    fn service<C: Fn() + Clone + Send + Sync + 'static>(
        &self,
        expected: &'static str,
        check: C,
    ) -> impl Service<Request<Shared>, Response = Answer, Error = Infallible, Future: Send> + Clone + use<C> {
        let calls = self.calls.clone();
        service_fn(move |request: Request<Shared>| {
            let (calls, check) = (calls.clone(), check.clone());
            async move {
                calls.fetch_add(1, Ordering::SeqCst);
                assert_eq!(text(request.into_body()).await, expected);
                check();
                Ok(empty_response(503))
            }
        })
    }
}

/// Responds with the request's body, or with 500 if the body fails.
fn replica() -> impl Service<Request<Shared>, Response = Answer, Error = Infallible, Future: Send> + Clone {
    service_fn(|request: Request<Shared>| async move {
        Ok(match request.into_body().collect().await {
            Ok(body) => Response::new(Full::new(body.to_bytes())),
            Err(error) => {
                assert!(matches!(error, ReplayError::NotStored), "{error:?}");
                empty_response(500)
            }
        })
    })
}

fn failing(outcome: Result<&Answer, &Infallible>) -> bool {
    outcome.is_ok_and(|response| response.status().is_server_error())
}

fn put(frames: &[&'static str]) -> Request<Boxed> {
    let mut request = body(frames.iter().map(|frame| data(frame)), None);
    *request.method_mut() = http::Method::PUT;
    request
}

/// The two layers store one copy instead of two. A body of nine bytes counts as nine bytes,
/// whichever layer stores it.
#[tokio::test(start_paused = true)]
async fn a_body_under_fallback_and_retry_is_stored_once() {
    let (shared, own) = (Replay::default(), Replay::default());
    let upstream = Failing::default();
    let (outer, inner) = (shared.clone(), own.clone());
    let service =
        upstream.service("123456789", move || assert_eq!((outer.memory_in_use(), inner.memory_in_use()), (9, 0)));
    let sharing = shared.clone();
    let stack = ServiceBuilder::new()
        .map_request(move |request: Request<Boxed>| sharing.cloneable(request))
        .layer(FallbackLayer::new(replica()).when(failing).without_observers())
        .layer(RetryLayer::new(config().replay(own)))
        .service(service);
    let response = stack.oneshot(put(&["1234", "567", "89"])).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "123456789",
        "the replica receives the whole body"
    );
    assert_eq!((upstream.calls.load(Ordering::SeqCst), shared.memory_in_use()), (3, 0));
}

/// A fallback around a fallback around a retry also stores one copy.
#[tokio::test(start_paused = true)]
async fn nested_fallbacks_store_one_copy_too() {
    let shared = Replay::default();
    let (upstream, second) = (Failing::default(), Failing::default());
    let (first_pool, second_pool) = (shared.clone(), shared.clone());
    let sharing = shared.clone();
    let stack = ServiceBuilder::new()
        .map_request(move |request: Request<Boxed>| sharing.cloneable(request))
        .layer(FallbackLayer::new(replica()).when(failing).without_observers().merge_errors(|never, _| never))
        .layer(
            FallbackLayer::new(second.service("1234", move || assert_eq!(second_pool.memory_in_use(), 4)))
                .when(failing)
                .without_observers()
                .merge_errors(|never, _| never),
        )
        .layer(RetryLayer::new(config()))
        .service(upstream.service("1234", move || assert_eq!(first_pool.memory_in_use(), 4)));
    let response = stack.oneshot(put(&["12", "34"])).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "1234");
    let calls = [&upstream, &second].map(|service| service.calls.load(Ordering::SeqCst));
    assert_eq!((calls, shared.memory_in_use()), ([3, 1], 0));
}

/// The body has nine bytes, and there is room for eight. Whether or not its length is announced,
/// the body is sent once and not retried, and the replica doesn't receive a part of it.
#[tokio::test(start_paused = true)]
async fn a_body_above_the_limit_never_reaches_the_replica() {
    for announced in [Some(9), None] {
        let shared = Replay::default().max_body(8);
        let upstream = Failing::default();
        let pool = shared.clone();
        let service = upstream.service("123456789", move || assert_eq!(pool.memory_in_use(), 0));
        let sharing = shared.clone();
        let not_replayable = Arc::new(AtomicUsize::new(0));
        let counted = not_replayable.clone();
        let stopped = move |event: &Event<'_>| {
            if let Event::RetryStopped { cause, .. } = event {
                assert_eq!(*cause, tower_recourse::Cause::NotReplayable);
                counted.fetch_add(1, Ordering::SeqCst);
            }
        };
        let stack = ServiceBuilder::new()
            .map_request(move |request: Request<Boxed>| sharing.cloneable(request))
            .layer(FallbackLayer::new(replica()).when(failing).without_observers())
            .layer(RetryLayer::new(config().observe(stopped)))
            .service(service);
        let mut request = body([data("1234"), data("56789")], announced);
        *request.method_mut() = http::Method::PUT;
        assert_eq!(stack.oneshot(request).await.unwrap().status(), 500, "{announced:?}");
        let counts =
            (upstream.calls.load(Ordering::SeqCst), not_replayable.load(Ordering::SeqCst), shared.memory_in_use());
        assert_eq!(counts, (1, 1, 0), "{announced:?}");
    }
}

#[tokio::test]
async fn each_clone_is_the_whole_body_with_its_trailers() {
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "abc".parse().unwrap());
    let replay = Replay::default();
    let frames = [data("12"), data("34"), Ok(Frame::trailers(trailers.clone()))];
    let first = share(&replay, body(frames, None));
    let (second, third) = (first.clone(), first.clone());
    for (sent, kept) in [(first, 4), (second, 4), (third, 0)] {
        let sent = sent.collect().await.unwrap();
        assert_eq!(sent.trailers(), Some(&trailers));
        assert_eq!((sent.to_bytes(), replay.memory_in_use()), ("1234".into(), kept));
    }
}

/// A clone that hasn't been read reports the full length, even if another clone has been read.
#[tokio::test]
async fn its_size_hint_is_the_remaining_length() {
    let replay = Replay::default();
    let whole = Full::from("123456").map_err(|never| match never {}).boxed_unsync();
    let mut first: Shared = replay.cloneable(Request::new(whole)).into_body();
    let waiting = first.clone();
    let sizes = |first: &Shared| [first, &waiting].map(|body| body.size_hint().exact());
    assert_eq!(sizes(&first), [Some(6), Some(6)]);
    assert!(next(&mut first).is_ready());
    assert_eq!(sizes(&first), [Some(0), Some(6)]);
    assert!(first.is_end_stream() && !waiting.is_end_stream());
    let empty: Shared =
        replay.cloneable(Request::new(Full::default().map_err(|never| match never {}).boxed_unsync())).into_body();
    assert!(empty.is_end_stream() && empty.clone().is_end_stream());
}

/// A body without clones is never stored. With clones, the stored part is freed once the only
/// remaining holder has begun to read.
#[tokio::test]
async fn a_body_that_cannot_be_replayed_is_not_stored() {
    let replay = Replay::default();
    let mut alone = share(&replay, body([data("1234"), data("5")], None));
    assert!(alone.is_replayable(), "so far");
    assert!(next(&mut alone).is_ready());
    assert_eq!((replay.memory_in_use(), alone.is_replayable()), (0, false));
    assert!(matches!(next(&mut alone.clone()), Poll::Ready(Some(Err(ReplayError::NotStored)))));
    assert_eq!(text(alone).await, "5");

    let mut begun = share(&replay, body([data("1234"), data("5")], None));
    let kept = begun.clone();
    assert!(next(&mut begun).is_ready());
    assert_eq!((replay.memory_in_use(), begun.is_replayable()), (4, true));
    // A clone made after the reading began also reads the whole body.
    assert_eq!(text(begun.clone()).await, "12345");
    drop(kept);
    assert_eq!(replay.memory_in_use(), 0);
}

#[tokio::test]
async fn an_earlier_reader_gets_an_error() {
    let replay = Replay::default();
    let (frames, source) = Streamed::new();
    let mut first = share(&replay, Request::new(source.boxed_unsync()));
    let mut second = first.clone();
    frames.send(data("a")).unwrap();
    assert!(next(&mut first).is_ready() && next(&mut first).is_pending());
    assert!(next(&mut second).is_ready() && next(&mut second).is_pending());
    assert!(matches!(next(&mut first), Poll::Ready(Some(Err(ReplayError::Superseded(_))))));
    assert!(matches!(next(&mut first), Poll::Ready(None)));
    // Both readers have begun, so no reader needs the beginning of the body.
    assert_eq!(replay.memory_in_use(), 0);
    drop(frames);
    assert!(matches!(next(&mut second), Poll::Ready(None)));
}

/// An upgrade isn't stored, and a body that failed can't be read again.
#[tokio::test]
async fn a_body_that_is_not_stored_reports_it_once() {
    let replay = Replay::default();
    let mut upgrade = body([data("1234")], None);
    upgrade.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    let upgrade = share(&replay, upgrade);
    assert!(!upgrade.is_replayable());
    let mut clone = upgrade.clone();
    assert_eq!(text(upgrade).await, "1234");
    assert!(!clone.is_end_stream(), "it would look like an empty body");
    assert!(matches!(next(&mut clone), Poll::Ready(Some(Err(ReplayError::NotStored)))));
    assert!(matches!(next(&mut clone), Poll::Ready(None)));

    let breaks = Frames::of([data("1"), Err(std::io::Error::other("gone"))]);
    let mut first: Shared = replay.cloneable(Request::new(breaks.boxed_unsync())).into_body();
    let mut second = first.clone();
    assert!(next(&mut first).is_ready());
    assert!(matches!(next(&mut first), Poll::Ready(Some(Err(ReplayError::Body(_))))));
    assert!(!second.is_replayable() && !second.is_end_stream());
    assert!(matches!(next(&mut second), Poll::Ready(Some(Err(ReplayError::NotStored)))));
    assert_eq!(replay.memory_in_use(), 0);
}
