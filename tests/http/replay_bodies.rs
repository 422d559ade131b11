//! Bodies that are sent again: the test cases of linkerd's replay body, and related ones.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tower::{Layer, service_fn};
use tower_recourse::{
    RetryLayer,
    http::{
        Replay, Replayable,
        replay::{CloneableBody, ReplayError, StoredRequest, Superseded},
    },
    observe::Event,
    retry::RequestReplay,
};

use crate::{config, empty_response};

pub(crate) type Boxed = UnsyncBoxBody<Bytes, io::Error>;

/// A body of these frames with a size hint.
pub(crate) struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, io::Error>>,
    announced: Option<u64>,
}

impl Frames {
    /// A body of unknown length.
    pub(crate) fn of(frames: impl IntoIterator<Item = io::Result<Frame<Bytes>>>) -> Self {
        Self { frames: frames.into_iter().collect(), announced: None }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

pub(crate) fn data(text: &'static str) -> io::Result<Frame<Bytes>> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// The request that is sent, and the stored request.
pub(crate) fn split<B: Replayable>(replay: &Replay, mut request: Request<B>) -> (Request<B>, Option<StoredRequest<B>>) {
    let kept = replay.store(&mut request);
    (replay.wrap_request(request), kept)
}

pub(crate) fn body(
    frames: impl IntoIterator<Item = io::Result<Frame<Bytes>>>,
    announced: Option<u64>,
) -> Request<Boxed> {
    let frames = Frames { frames: frames.into_iter().collect(), announced };
    Request::post("/upload").header("x-kept", "yes").body(frames.boxed_unsync()).unwrap()
}

fn eight() -> Replay {
    Replay::default().max_body(8)
}

async fn text(request: Request<Boxed>) -> String {
    String::from_utf8(request.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_body_within_the_limit_is_resent_unchanged() {
    let (first, kept) = split(&eight(), body([data("1234"), data("5678")], None));
    let mut kept = kept.unwrap();
    assert_eq!(text(first).await, "12345678");
    for _ in 0..3 {
        let again: Request<Boxed> = eight().copy(&mut kept).unwrap();
        assert_eq!(
            (again.uri().path(), &again.headers()["x-kept"]),
            ("/upload", &"yes".parse::<http::HeaderValue>().unwrap())
        );
        assert_eq!(text(again).await, "12345678");
    }
}

#[tokio::test]
async fn a_byte_above_the_limit_ends_replay_but_not_the_attempt() {
    let replay = eight();
    let (first, kept) = split(&replay, body([data("12345678"), data("9"), data("0")], None));
    let mut first = first.into_body();
    let mut kept = kept.unwrap();
    first.frame().await.unwrap().unwrap();
    assert_eq!(replay.memory_in_use(), 8);
    assert!(replay.copy(&mut kept).is_some(), "it could be resent so far");

    let (first, kept) = split(&replay, body([data("12345678"), data("9"), data("0")], None));
    let mut kept = kept.unwrap();
    assert_eq!(text(first).await, "1234567890");
    assert!(RequestReplay::<Request<Boxed>>::copy(&replay, &mut kept).is_none());
}

/// The policy decides after the attempt has failed, when the body may have exceeded the limit.
/// Observers then get no `RetryScheduled`, because the retry can't be made.
#[tokio::test(start_paused = true)]
async fn a_body_above_the_limit_emits_no_retry_event() {
    for fails in [false, true] {
        for (most, expected) in
            [(8, vec!["RequestNotReplayable", "RetryStopped"]), (9, vec!["RetryScheduled", "RetryStopped"])]
        {
            let events = Arc::new(Mutex::new(Vec::new()));
            let observed = Arc::clone(&events);
            let observer = move |event: &Event<'_>| {
                let event = format!("{event:?}");
                observed.lock().unwrap().push(event.split([' ', '{']).next().unwrap().to_owned());
            };
            let config = config().replay(Replay::default().max_body(most)).retries(1).observe(observer);
            let reads = service_fn(move |request: Request<Boxed>| async move {
                assert_eq!(text(request).await, "123456789");
                if fails { Err(io::Error::from(io::ErrorKind::ConnectionReset)) } else { Ok(empty_response(503)) }
            });
            let mut request = body([data("12345678"), data("9")], None);
            *request.method_mut() = Method::PUT;
            let layer = RetryLayer::new(config).before_resend(|request, _| async { request });
            let answered = layer.layer(reads).oneshot(request).await;
            assert_eq!(answered.is_err(), fails);
            assert_eq!(*events.lock().unwrap(), expected, "{most} bytes");
        }
    }
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_stored() {
    let (sent, kept) = split(&eight(), body([data("123456789")], Some(9)));
    assert!(kept.is_none());
    assert_eq!(text(sent).await, "123456789");
    assert!(split(&eight(), body([data("1")], Some(8))).1.is_some());
    assert!(split(&eight(), body([data("1")], None)).1.is_some());
}

#[tokio::test]
async fn the_unsent_rest_comes_from_the_source() {
    let replay = eight();
    let (first, kept) = split(&replay, body([data("12"), data("34"), data("56")], Some(6)));
    let mut kept = kept.unwrap();
    let mut first = first.into_body();
    assert_eq!(first.size_hint().exact(), Some(6));
    assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "12");

    // The server has responded, and the body of the first attempt still exists.
    let again: Request<Boxed> = replay.copy(&mut kept).unwrap();
    assert_eq!(text(again).await, "123456");
    let error = first.frame().await.unwrap().unwrap_err();
    let again = error.get_ref().unwrap();
    assert!(again.is::<Superseded>(), "it must not look like the end");
    assert_eq!(again.to_string(), "a later attempt is sending the request body");
    assert!(first.frame().await.is_none());
}

#[tokio::test]
async fn trailers_are_resent() {
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "abc".parse().unwrap());
    let replay = eight();
    let (first, kept) = split(&replay, body([data("1"), Ok(Frame::trailers(trailers.clone()))], None));
    let mut kept = kept.unwrap();
    assert_eq!(first.into_body().collect().await.unwrap().trailers(), Some(&trailers));
    let again: Request<Boxed> = replay.copy(&mut kept).unwrap();
    let again = again.into_body();
    assert!(!again.is_end_stream());
    assert_eq!(again.collect().await.unwrap().trailers(), Some(&trailers));
}

#[tokio::test]
async fn an_empty_body_ends_at_once() {
    let empty = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
    let (first, kept): (Request<Boxed>, _) = split(&eight(), Request::new(empty));
    assert!(first.body().is_end_stream());
    assert_eq!(first.body().size_hint().exact(), Some(0));
    let again: Request<Boxed> = eight().copy(&mut kept.unwrap()).unwrap();
    assert!(again.body().is_end_stream());
}

#[tokio::test]
async fn an_error_of_the_body_is_never_replayed() {
    let replay = eight();
    let (first, kept) = split(&replay, body([data("1"), Err(io::Error::other("the client went away"))], None));
    let mut kept = kept.unwrap();
    assert_eq!(first.into_body().collect().await.unwrap_err().to_string(), "the client went away");
    assert!(RequestReplay::<Request<Boxed>>::copy(&replay, &mut kept).is_none());
}

/// hyper reports a reset of an HTTP/2 stream with NO_ERROR as the end of the body. So a body that
/// is shorter than announced may be incomplete, because its sender gave up.
#[tokio::test]
async fn a_body_shorter_than_announced_is_never_resent() {
    for (announced, trailers) in [(3, false), (3, true), (2, false), (2, true)] {
        let replay = eight();
        let end = trailers.then(|| Ok(Frame::trailers(HeaderMap::new())));
        let (first, kept) = split(&replay, body([data("1"), data("2")].into_iter().chain(end), Some(announced)));
        assert_eq!(text(first).await, "12");
        let is_kept = RequestReplay::<Request<Boxed>>::copy(&replay, &mut kept.unwrap()).is_some();
        assert_eq!(is_kept, announced == 2, "{announced}, {trailers}");
        assert_eq!(replay.memory_in_use(), 0);
    }
}

#[tokio::test]
async fn all_bodies_share_a_limit_and_release_their_memory() {
    let replay = Replay::default().max_body(8).max_memory(12).unwrap();
    let (one, kept_one) = split(&replay, body([data("12345678")], None));
    let (two, kept_two) = split(&replay, body([data("12345678")], None));
    let (mut kept_one, mut kept_two) = (kept_one.unwrap(), kept_two.unwrap());
    assert_eq!((text(one).await.len(), text(two).await.len(), replay.memory_in_use()), (8, 8, 8));
    assert!(RequestReplay::<Request<Boxed>>::copy(&replay, &mut kept_one).is_some());
    assert!(RequestReplay::<Request<Boxed>>::copy(&replay, &mut kept_two).is_none(), "there was no room");
    drop((kept_one, kept_two));
    assert_eq!(replay.memory_in_use(), 0);
    assert!(Replay::default().max_body(8).max_memory(8).is_ok(), "one of the largest");
    assert_eq!(
        Replay::default().max_memory(1).unwrap_err().to_string(),
        "`max_memory` is 1, but must be at least `max_body`"
    );
}

/// 64 KiB per body and 64 MiB in total allow 1,024 bodies of the largest size.
#[tokio::test]
async fn the_default_limit_holds_a_thousand_large_bodies() {
    static LARGE: [u8; 64 << 10] = [b'x'; 64 << 10];
    let replay = Replay::default();
    let large = || body([Ok(Frame::data(Bytes::from_static(&LARGE)))], None);
    let mut all = Vec::new();
    for _ in 0..=1_024 {
        let (sent, kept) = split(&replay, large());
        assert_eq!(sent.into_body().collect().await.unwrap().to_bytes().len(), 64 << 10);
        all.push(kept.unwrap());
    }
    assert_eq!(replay.memory_in_use(), 64 << 20);
    let mut again = |place: usize| RequestReplay::<Request<Boxed>>::copy(&replay, &mut all[place]).is_some();
    assert!(again(0) && again(1_023) && !again(1_024));
    drop(all);
    assert_eq!(replay.memory_in_use(), 0);

    let (sent, kept) = split(&replay, body([Ok(Frame::data(Bytes::from_static(&LARGE))), data("x")], None));
    assert_eq!(sent.into_body().collect().await.unwrap().to_bytes().len(), (64 << 10) + 1);
    assert!(RequestReplay::<Request<Boxed>>::copy(&replay, &mut kept.unwrap()).is_none());
}

#[tokio::test]
async fn after_the_response_nothing_more_is_stored() {
    let replay = eight();
    let (first, kept) = split(&replay, body([data("12"), data("34"), data("56")], None));
    let mut first = first.into_body();
    first.frame().await.unwrap().unwrap();
    drop(kept);
    assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "34");
    assert_eq!(replay.memory_in_use(), 0);
    assert_eq!(first.collect().await.unwrap().to_bytes(), "56");
}

/// A chunk of one byte may hold the whole buffer that it was read into, so small chunks are copied.
#[tokio::test]
async fn many_small_chunks_are_stored_as_few() {
    let ones = (0..8_000).map(|_| data("1"));
    let replay = Replay::default();
    let (first, kept) = split(&replay, body(ones, None));
    assert_eq!(text(first).await.len(), 8_000);
    assert_eq!(replay.memory_in_use(), 8_000);
    let again: Request<Boxed> = replay.copy(&mut kept.unwrap()).unwrap();
    let mut again = again.into_body();
    let mut frames = 0;
    while let Some(frame) = again.frame().await {
        frame.unwrap();
        frames += 1;
    }
    assert!(frames <= 16, "{frames}");
}

#[tokio::test]
async fn a_cloneable_body_is_cloned() {
    let replay = eight();
    let (sent, kept): (Request<Full<Bytes>>, _) = split(&replay, Request::new(Full::from("more than eight bytes")));
    assert_eq!(replay.memory_in_use(), 0);
    let again: Request<Full<Bytes>> = replay.copy(&mut kept.unwrap()).unwrap();
    assert_eq!(
        sent.into_body().collect().await.unwrap().to_bytes(),
        again.into_body().collect().await.unwrap().to_bytes()
    );
}

#[test]
fn a_replay_error_has_a_message_and_its_cause() {
    let broken = ReplayError::Body(io::Error::other("reset"));
    assert_eq!(broken.to_string(), "the request body failed");
    assert_eq!(std::error::Error::source(&broken).unwrap().to_string(), "reset");
    let lost = ReplayError::<io::Error>::NotStored;
    assert_eq!(lost.to_string(), "the request body is no longer stored, so it can't be resent");
    assert!(std::error::Error::source(&lost).is_none());
    let shown = format!("{:?}", Replay::default().max_body(8));
    assert!(shown.contains("max_body: 8") && shown.contains("memory: 0"), "{shown}");
}

#[tokio::test]
async fn a_stored_body_reports_whether_it_can_be_replayed() {
    let long = || body([data("12345678"), data("9")], None);
    let replay = eight();
    let (sent, kept) = split(&replay, long());
    let kept = kept.unwrap();
    let is_kept = || RequestReplay::<Request<Boxed>>::is_stored(&replay, &kept);
    assert!(is_kept());
    assert_eq!(text(sent).await, "123456789");
    assert!(!is_kept());

    let (sent, kept) = split(&replay, replay.cloneable(long()));
    let kept = kept.unwrap();
    let is_kept = || RequestReplay::<Request<CloneableBody<Boxed>>>::is_stored(&replay, &kept);
    assert!(is_kept());
    assert_eq!(sent.into_body().collect().await.unwrap().to_bytes(), "123456789");
    assert!(!is_kept());
    let (_, whole) = split(&replay, Request::new(Full::new(Bytes::from("whole"))));
    assert!(RequestReplay::<Request<Full<Bytes>>>::is_stored(&replay, &whole.unwrap()));
}
