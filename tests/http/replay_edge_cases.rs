//! Rare cases of replayed bodies: sources that panic, wait, or never end; bodies that were
//! superseded; memory.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, ServiceExt};
use tower_recourse::{
    RetryLayer,
    http::{Replay, replay::Superseded},
    retry::RequestReplay,
};

use crate::{
    Scripted, config, empty_response,
    replay_bodies::{Boxed, body, data, split},
};

/// A body whose frames come from a channel.
#[derive(Debug)]
pub(crate) struct Streamed(mpsc::UnboundedReceiver<io::Result<Frame<Bytes>>>);

impl Streamed {
    pub(crate) fn new() -> (mpsc::UnboundedSender<io::Result<Frame<Bytes>>>, Self) {
        let (frames, source) = mpsc::unbounded_channel();
        (frames, Self(source))
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx)
    }
}

fn again(replay: &Replay, kept: &mut <Replay as RequestReplay<Request<Boxed>>>::Stored) -> Option<Boxed> {
    RequestReplay::<Request<Boxed>>::copy(replay, kept).map(Request::into_body)
}

fn is_over(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<Superseded>())
}

/// A connection may move to another task between two polls. Only the task of the last poll is
/// woken.
#[test]
fn the_last_waiting_task_is_woken() {
    let (frames, source) = Streamed::new();
    let replay = Replay::default();
    let (first, kept) = split(&replay, Request::new(source.boxed_unsync()));
    let (mut first, mut kept) = (first.into_body(), kept.unwrap());
    let (mut before, mut after) = (task::spawn(()), task::spawn(()));
    for task in [&mut before, &mut after] {
        assert_pending!(task.enter(|cx, _| Pin::new(&mut first).poll_frame(cx)));
    }
    let _second = again(&replay, &mut kept).unwrap();
    assert!(after.is_woken() && !before.is_woken());
    drop(frames);
}

/// A source wakes only the attempt that polled it last. When another attempt begins, the waiting
/// one must be woken too, or its connection would stay open until the peer closes it.
#[test]
fn a_waiting_reader_is_woken_when_another_attempt_begins() {
    let (frames, source) = Streamed::new();
    let replay = Replay::default();
    let (first, kept) = split(&replay, Request::new(source.boxed_unsync()));
    let mut kept = kept.unwrap();
    let mut first = task::spawn(first.into_body());
    let poll = |body: &mut task::Spawn<Boxed>| body.enter(|cx, body| body.poll_frame(cx));

    frames.send(data("a")).unwrap();
    assert_eq!(assert_ready!(poll(&mut first)).unwrap().unwrap().into_data().unwrap(), "a");
    assert_pending!(poll(&mut first));
    let mut second = task::spawn(again(&replay, &mut kept).unwrap());
    assert!(first.is_woken());
    assert_eq!(assert_ready!(poll(&mut second)).unwrap().unwrap().into_data().unwrap(), "a");
    assert_pending!(poll(&mut second));
    assert!(is_over(&assert_ready!(poll(&mut first)).unwrap().unwrap_err()));
    assert!(assert_ready!(poll(&mut first)).is_none());

    frames.send(data("b")).unwrap();
    assert!(second.is_woken());
    assert_eq!(assert_ready!(poll(&mut second)).unwrap().unwrap().into_data().unwrap(), "b");
    drop((kept, frames));
    assert!(assert_ready!(poll(&mut second)).is_none());
    assert_eq!(replay.memory_in_use(), 0);
}

#[test]
fn a_source_that_panics_is_not_resent() {
    struct Panics;
    impl Body for Panics {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            panic!("of the source")
        }
    }
    let replay = Replay::default();
    let (mut first, kept) = split(&replay, Request::new(Panics.boxed_unsync()));
    let mut kept = kept.unwrap();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(first.body_mut()).poll_frame(&mut cx).is_ready()));
    assert!(polled.is_err());
    // After the panic, `size_hint` and `is_end_stream` still work.
    let _ = (first.body().size_hint(), first.body().is_end_stream());
    assert!(again(&replay, &mut kept).is_none());
    drop((first, kept));
    assert_eq!(replay.memory_in_use(), 0);
}

/// The retry drops the stored request after the response. This frees the stored bytes even if the
/// upload stalls.
#[test]
fn after_the_response_a_waiting_body_holds_nothing() {
    let (frames, source) = Streamed::new();
    let replay = Replay::default();
    let (first, kept) = split(&replay, Request::new(source.boxed_unsync()));
    let mut first = task::spawn(first.into_body());
    frames.send(data("abc")).unwrap();
    assert!(first.enter(|cx, body: Pin<&mut Boxed>| body.poll_frame(cx)).is_ready());
    assert!(first.enter(|cx, body: Pin<&mut Boxed>| body.poll_frame(cx)).is_pending());
    assert_eq!(replay.memory_in_use(), 3);
    drop(kept);
    assert_eq!(replay.memory_in_use(), 0);
    frames.send(data("d")).unwrap();
    let next = assert_ready!(first.enter(|cx, body: Pin<&mut Boxed>| body.poll_frame(cx)));
    assert_eq!(next.unwrap().unwrap().into_data().unwrap(), "d");
    assert_eq!(replay.memory_in_use(), 0);
}

/// Two tasks read the body of the same request, as two connections do. The second one gets the
/// whole body. The first one gets an error, unless it has already read the whole body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_concurrent_readers_gets_everything() {
    for _ in 0..200 {
        let (frames, source) = Streamed::new();
        let replay = Replay::default();
        let (first, kept) = split(&replay, Request::new(source.boxed_unsync()));
        let mut kept = kept.unwrap();
        let first = tokio::spawn(first.into_body().collect());
        let sending = tokio::spawn(async move {
            for _ in 0..50 {
                frames.send(data("0123456789")).unwrap();
                tokio::task::yield_now().await;
            }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn(again(&replay, &mut kept).unwrap().collect());
        sending.await.unwrap();
        assert_eq!(second.await.unwrap().unwrap().to_bytes().len(), 500);
        match first.await.unwrap() {
            Ok(whole) => assert_eq!(whole.to_bytes().len(), 500, "an end that isn't one"),
            Err(error) => assert!(is_over(&error), "{error}"),
        }
        drop(kept);
        assert_eq!(replay.memory_in_use(), 0);
    }
}

/// A test case of Envoy: a POST of 65 KiB, a buffer of 1 KiB, and a server that responds with 503.
/// The caller gets the 503, and nothing is retried. The same holds for a PUT, and for a body whose
/// length isn't announced.
#[tokio::test(start_paused = true)]
async fn a_body_above_the_limit_is_sent_once() {
    static LARGE: [u8; 65 << 10] = [b'x'; 65 << 10];
    let replay = Replay::default().max_body(1 << 10);
    let retry = RetryLayer::new(config().replay(replay.clone()));
    for (method, announced) in [("POST", Some(65 << 10)), ("PUT", Some(65 << 10)), ("PUT", None)] {
        let server = Scripted::new(|_| empty_response(503));
        let read = tower::service_fn({
            let server = server.clone();
            move |request: Request<Boxed>| {
                let service = server.service();
                async move {
                    let (head, body) = request.into_parts();
                    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 65 << 10);
                    service.oneshot(Request::from_parts(head, ())).await
                }
            }
        });
        let chunks = LARGE.chunks(1 << 10).map(|chunk| Ok(Frame::data(Bytes::from_static(chunk))));
        let mut request = body(chunks, announced);
        *request.method_mut() = method.parse().unwrap();
        let response = retry.layer(read).oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), server.calls()), (503, 1), "{method}, announced: {announced:?}");
        assert_eq!(replay.memory_in_use(), 0);
    }
}

/// A body that reports its exact remaining length.
struct Exact {
    frames: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Exact {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = self.frames.pop_front().map(Frame::data);
        Poll::Ready(next.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.frames.iter().map(|chunk| chunk.len() as u64).sum())
    }
}

/// An attempt that reads `reads` frames. If `lingers`, its body is kept until after the last
/// attempt.
#[derive(Debug, Clone)]
struct Attempted {
    reads: usize,
    lingers: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However attempts fail, each sends the body from the beginning, reports the exact remaining
    /// length, and ends where the body ends. At the end no memory is in use.
    #[test]
    fn every_attempt_sends_the_same_and_nothing_is_left(
        chunks in prop::collection::vec(0_usize..3_000, 0..8),
        with_trailers in any::<bool>(),
        attempts in prop::collection::vec(
            (0_usize..10, any::<bool>()).prop_map(|(reads, lingers)| Attempted { reads, lingers }), 1..5),
        most in prop_oneof![Just(64_usize << 10), Just(4_000_usize), Just(0)],
    ) {
        let mut byte = 0_u8;
        let mut chunk = |length: usize| -> Bytes { (0..length).map(|_| { byte = byte.wrapping_add(7); byte }).collect::<Vec<_>>().into() };
        let frames: VecDeque<_> = chunks.iter().map(|&length| chunk(length)).collect();
        let whole: Vec<u8> = frames.iter().flatten().copied().collect();
        let mut trailers = HeaderMap::new();
        trailers.insert("checksum", "abc".parse().unwrap());
        let trailers = with_trailers.then_some(trailers);

        let replay = Replay::default().max_body(most);
        let source = Exact { frames, trailers: trailers.clone() };
        let (first, kept) = split(&replay, Request::new(source.boxed_unsync()));
        prop_assert_eq!(kept.is_some(), whole.len() <= most);
        let mut kept = kept;
        let mut next = Some(first.into_body());
        let mut lingering = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for Attempted { reads, lingers } in attempts {
            let Some(mut playing) = next.take() else { break };
            let (mut sent, mut seen) = (Vec::new(), None);
            for _ in 0..reads {
                prop_assert_eq!(playing.size_hint().exact(), Some((whole.len() - sent.len()) as u64));
                if playing.is_end_stream() {
                    prop_assert!(sent.len() == whole.len() && seen == trailers);
                }
                let Poll::Ready(frame) = Pin::new(&mut playing).poll_frame(&mut cx) else { unreachable!() };
                match frame {
                    None => {
                        prop_assert!(sent == whole && seen == trailers);
                        prop_assert!(playing.is_end_stream());
                        break;
                    }
                    Some(frame) => match frame.unwrap().into_data() {
                        Ok(data) => sent.extend_from_slice(&data),
                        Err(frame) => seen = frame.into_trailers().ok(),
                    },
                }
                prop_assert_eq!(&sent, &whole[..sent.len()]);
                prop_assert!(replay.memory_in_use() <= most.min(whole.len()));
            }
            if lingers {
                lingering.push(playing);
            }
            next = kept.as_mut().and_then(|kept| again(&replay, kept));
        }
        // Superseded bodies return an error, unless they had already ended.
        for mut over in lingering {
            let ended = over.is_end_stream();
            match Pin::new(&mut over).poll_frame(&mut cx) {
                Poll::Ready(Some(Err(error))) => prop_assert!(is_over(&error) && !ended),
                Poll::Ready(None) => prop_assert!(ended),
                Poll::Ready(Some(Ok(_))) => prop_assert!(kept.is_none(), "only the newest is sent"),
                Poll::Pending => unreachable!(),
            }
        }
        drop(kept);
        if let Some(mut last) = next {
            while let Poll::Ready(Some(frame)) = Pin::new(&mut last).poll_frame(&mut cx) {
                frame.unwrap();
            }
            prop_assert_eq!(replay.memory_in_use(), 0, "all of it is sent");
        }
        prop_assert_eq!(replay.memory_in_use(), 0);
    }
}
