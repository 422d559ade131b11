//! Bodies that a fallback and a retry keep between them.

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
        replay::{PlayError, SharedBody},
    },
    observe::Event,
};

use crate::{
    Answer, answer,
    bodies::{Boxed, Frames, body, data},
    config,
    replay_traps::Streamed,
};

type Shared = SharedBody<Boxed>;

fn share(replay: &Replay, request: Request<Boxed>) -> Shared {
    replay.share(request).into_body()
}

fn next(body: &mut Shared) -> Poll<Option<Result<Frame<Bytes>, PlayError<std::io::Error>>>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

async fn text(body: Shared) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Reads the bodies that it gets, and answers 503. What was kept when it had read one, by the pool that shares and by the retry's own.
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
                Ok(answer(503))
            }
        })
    }
}

/// The body once more, as an answer; 500 if it breaks off.
fn replica() -> impl Service<Request<Shared>, Response = Answer, Error = Infallible, Future: Send> + Clone {
    service_fn(|request: Request<Shared>| async move {
        Ok(match request.into_body().collect().await {
            Ok(body) => Response::new(Full::new(body.to_bytes())),
            Err(error) => {
                assert!(matches!(error, PlayError::NotKept), "{error:?}");
                answer(500)
            }
        })
    })
}

fn failing(outcome: Result<&Answer, &Infallible>) -> bool {
    outcome.is_ok_and(|answer| answer.status().is_server_error())
}

fn put(frames: &[&'static str]) -> Request<Boxed> {
    let mut request = body(frames.iter().map(|frame| data(frame)), None);
    *request.method_mut() = http::Method::PUT;
    request
}

/// One copy, not two: of nine bytes nine are counted, whoever keeps them.
#[tokio::test(start_paused = true)]
async fn a_body_under_a_fallback_and_a_retry_is_kept_once() {
    let (shared, own) = (Replay::default(), Replay::default());
    let upstream = Failing::default();
    let (outer, inner) = (shared.clone(), own.clone());
    let service = upstream.service("123456789", move || assert_eq!((outer.memory(), inner.memory()), (9, 0)));
    let sharing = shared.clone();
    let stack = ServiceBuilder::new()
        .map_request(move |request: Request<Boxed>| sharing.share(request))
        .layer(FallbackLayer::new(replica()).when(failing).unobserved())
        .layer(RetryLayer::new(config().keeping(own)))
        .service(service);
    let answer = stack.oneshot(put(&["1234", "567", "89"])).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "123456789", "the replica has all of it");
    assert_eq!((upstream.calls.load(Ordering::SeqCst), shared.memory()), (3, 0));
}

/// A fallback around a fallback around a retry: still one.
#[tokio::test(start_paused = true)]
async fn a_ladder_keeps_one_too() {
    let shared = Replay::default();
    let (upstream, second) = (Failing::default(), Failing::default());
    let (first_pool, second_pool) = (shared.clone(), shared.clone());
    let sharing = shared.clone();
    let stack = ServiceBuilder::new()
        .map_request(move |request: Request<Boxed>| sharing.share(request))
        .layer(FallbackLayer::new(replica()).when(failing).unobserved().join_errors(|never, _| never))
        .layer(
            FallbackLayer::new(second.service("1234", move || assert_eq!(second_pool.memory(), 4)))
                .when(failing)
                .unobserved()
                .join_errors(|never, _| never),
        )
        .layer(RetryLayer::new(config()))
        .service(upstream.service("1234", move || assert_eq!(first_pool.memory(), 4)));
    let answer = stack.oneshot(put(&["12", "34"])).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "1234");
    let calls = [&upstream, &second].map(|service| service.calls.load(Ordering::SeqCst));
    assert_eq!((calls, shared.memory()), ([3, 1], 0));
}

/// Nine bytes where eight are kept, announced or not: sent once, not retried, and the replica doesn't get a half of it.
#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_sent_once_and_the_replica_gets_none_of_it() {
    for announced in [Some(9), None] {
        let shared = Replay::default().max_body(8);
        let upstream = Failing::default();
        let pool = shared.clone();
        let service = upstream.service("123456789", move || assert_eq!(pool.memory(), 0));
        let sharing = shared.clone();
        let told = Arc::new(AtomicUsize::new(0));
        let counted = told.clone();
        let stopped = move |event: &Event<'_>| {
            if let Event::RetryStopped { cause, .. } = event {
                assert_eq!(*cause, tower_recourse::Cause::NotReplayable);
                counted.fetch_add(1, Ordering::SeqCst);
            }
        };
        let stack = ServiceBuilder::new()
            .map_request(move |request: Request<Boxed>| sharing.share(request))
            .layer(FallbackLayer::new(replica()).when(failing).unobserved())
            .layer(RetryLayer::new(config().observe(stopped)))
            .service(service);
        let mut request = body([data("1234"), data("56789")], announced);
        *request.method_mut() = http::Method::PUT;
        assert_eq!(stack.oneshot(request).await.unwrap().status(), 500, "{announced:?}");
        let counts = (upstream.calls.load(Ordering::SeqCst), told.load(Ordering::SeqCst), shared.memory());
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
        assert_eq!((sent.to_bytes(), replay.memory()), ("1234".into(), kept));
    }
}

/// Those that wait are as long as the whole, however far another one has got.
#[tokio::test]
async fn its_size_is_that_of_what_is_left_of_it() {
    let replay = Replay::default();
    let whole = Full::from("123456").map_err(|never| match never {}).boxed_unsync();
    let mut first: Shared = replay.share(Request::new(whole)).into_body();
    let waiting = first.clone();
    let sizes = |first: &Shared| [first, &waiting].map(|body| body.size_hint().exact());
    assert_eq!(sizes(&first), [Some(6), Some(6)]);
    assert!(next(&mut first).is_ready());
    assert_eq!(sizes(&first), [Some(0), Some(6)]);
    assert!(first.is_end_stream() && !waiting.is_end_stream());
    let empty: Shared =
        replay.share(Request::new(Full::default().map_err(|never| match never {}).boxed_unsync())).into_body();
    assert!(empty.is_end_stream() && empty.clone().is_end_stream());
}

/// Whoever holds one that was begun holds nothing; without a clone nothing is kept in the first place.
#[tokio::test]
async fn what_nobody_may_ask_for_is_not_kept() {
    let replay = Replay::default();
    let mut alone = share(&replay, body([data("1234"), data("5")], None));
    assert!(alone.can_be_sent_again(), "so far");
    assert!(next(&mut alone).is_ready());
    assert_eq!((replay.memory(), alone.can_be_sent_again()), (0, false));
    assert!(matches!(next(&mut alone.clone()), Poll::Ready(Some(Err(PlayError::NotKept)))));
    assert_eq!(text(alone).await, "5");

    let mut begun = share(&replay, body([data("1234"), data("5")], None));
    let kept = begun.clone();
    assert!(next(&mut begun).is_ready());
    assert_eq!((replay.memory(), begun.can_be_sent_again()), (4, true));
    // From one that was begun, too, a clone is the whole.
    assert_eq!(text(begun.clone()).await, "12345");
    drop(kept);
    assert_eq!(replay.memory(), 0);
}

#[tokio::test]
async fn the_one_before_is_told_that_it_is_over() {
    let replay = Replay::default();
    let (frames, source) = Streamed::new();
    let mut first = share(&replay, Request::new(source.boxed_unsync()));
    let mut second = first.clone();
    frames.send(data("a")).unwrap();
    assert!(next(&mut first).is_ready() && next(&mut first).is_pending());
    assert!(next(&mut second).is_ready() && next(&mut second).is_pending());
    assert!(matches!(next(&mut first), Poll::Ready(Some(Err(PlayError::SentAgain(_))))));
    assert!(matches!(next(&mut first), Poll::Ready(None)));
    // Both were begun: nobody may ask for it again.
    assert_eq!(replay.memory(), 0);
    drop(frames);
    assert!(matches!(next(&mut second), Poll::Ready(None)));
}

/// An upgrade is none of ours, and what broke off can't be had again.
#[tokio::test]
async fn what_is_not_kept_says_so_once() {
    let replay = Replay::default();
    let mut upgrade = body([data("1234")], None);
    upgrade.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    let upgrade = share(&replay, upgrade);
    assert!(!upgrade.can_be_sent_again());
    let mut clone = upgrade.clone();
    assert_eq!(text(upgrade).await, "1234");
    assert!(!clone.is_end_stream(), "it would look like an empty one");
    assert!(matches!(next(&mut clone), Poll::Ready(Some(Err(PlayError::NotKept)))));
    assert!(matches!(next(&mut clone), Poll::Ready(None)));

    let breaks = Frames::of([data("1"), Err(std::io::Error::other("gone"))]);
    let mut first: Shared = replay.share(Request::new(breaks.boxed_unsync())).into_body();
    let mut second = first.clone();
    assert!(next(&mut first).is_ready());
    assert!(matches!(next(&mut first), Poll::Ready(Some(Err(PlayError::Body(_))))));
    assert!(!second.can_be_sent_again() && !second.is_end_stream());
    assert!(matches!(next(&mut second), Poll::Ready(Some(Err(PlayError::NotKept)))));
    assert_eq!(replay.memory(), 0);
}
