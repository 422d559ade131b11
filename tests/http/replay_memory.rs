//! The memory of stored bodies, and user code that runs while a body is read.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, sync::Notify};
use tower_recourse::{
    http::{Replay, replay::StoredRequest},
    retry::RequestReplay,
};

use crate::{
    replay_bodies::{Boxed, data, split},
    replay_edge_cases::Streamed,
};

type Stored = StoredRequest<Boxed>;

fn again(replay: &Replay, kept: &mut Stored) -> Option<Boxed> {
    RequestReplay::<Request<Boxed>>::copy(replay, kept).map(Request::into_body)
}

/// The number of bytes that the server has read.
#[derive(Default)]
struct Read {
    bytes: AtomicUsize,
    more: Notify,
}

/// Uploads `uploads` bodies of 16 chunks through a hyper server and stores all of them. Each chunk
/// is sent when the one before has arrived. Returns the bytes that the replay counts, and the bytes
/// that the process holds for them.
fn held(http2: bool, uploads: usize, chunk: usize) -> (usize, usize) {
    let replay = Replay::default().max_body(1 << 20);
    let kept = Arc::new(Mutex::new(Vec::<Stored>::with_capacity(uploads)));
    let run = |kept: Arc<Mutex<Vec<Stored>>>, uploads: usize| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(upload(replay.clone(), kept, http2, uploads, chunk));
    };
    // The first run makes allocations that the process makes once.
    run(Arc::default(), 1);
    let info = allocation_counter::measure(|| run(kept.clone(), uploads));
    assert_eq!(kept.lock().unwrap().len(), uploads);
    (replay.memory_in_use(), usize::try_from(info.bytes_current).unwrap())
}

async fn upload(replay: Replay, kept: Arc<Mutex<Vec<Stored>>>, http2: bool, uploads: usize, chunk: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let read = Arc::new(Read::default());
    let seen = read.clone();
    let server = tokio::spawn(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let (replay, kept, seen) = (replay.clone(), kept.clone(), seen.clone());
            async move {
                let request = request.map(|body| body.map_err(io::Error::other).boxed_unsync());
                let (sent, mine) = split(&replay, request);
                let mut body = sent.into_body();
                while let Some(frame) = body.frame().await {
                    let bytes = frame?.into_data().map_or(0, |data| data.len());
                    seen.bytes.fetch_add(bytes, Ordering::SeqCst);
                    seen.more.notify_one();
                }
                kept.lock().unwrap().push(mine.unwrap());
                Ok::<_, io::Error>(Response::new(Full::<Bytes>::default()))
            }
        });
        let (socket, _) = listener.accept().await.unwrap();
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await.unwrap();
    });
    let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http::<Streamed>();
    let mut sent = 0;
    for _ in 0..uploads {
        let (frames, source) = Streamed::new();
        let request = Request::post(format!("http://{address}/")).body(source).unwrap();
        let response = tokio::spawn(client.request(request));
        for _ in 0..16 {
            frames.send(Ok(Frame::data(Bytes::from(vec![b'x'; chunk])))).unwrap();
            sent += chunk;
            while read.bytes.load(Ordering::SeqCst) < sent {
                read.more.notified().await;
            }
        }
        drop(frames);
        response.await.unwrap().unwrap().into_body().collect().await.unwrap();
    }
    drop(client);
    server.await.unwrap();
}

/// A chunk from hyper may hold the whole buffer that it was read into. The held memory may exceed
/// the counted memory by a tenth, plus 2 KiB per upload.
#[test]
fn the_counted_memory_of_bodies_is_the_held_memory() {
    const UPLOADS: usize = 100;
    for http2 in [false, true] {
        for chunk in [100, 1_024, 3_000, 10_000] {
            let (counted, held) = held(http2, UPLOADS, chunk);
            println!("{chunk} bytes, HTTP/2: {http2}: {counted} counted, {held} held");
            assert_eq!(counted, UPLOADS * 16 * chunk);
            // The heads, and the values around a body, aren't counted.
            let around = UPLOADS * 2_048;
            assert!(held >= counted && held <= counted + counted / 10 + around, "{held} held, {counted} counted");
        }
    }
}

/// A body that runs a function when it is read.
struct RunsWhenRead<F>(F);

impl<F: FnMut(&mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> + Unpin> Body for RunsWhenRead<F> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        (self.0)(cx)
    }
}

/// Runs something on another thread, and fails if it hangs.
fn finishes(run: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        run();
        done.send(()).unwrap();
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(Duration::from_secs(60)) {
        panic!("the test hangs");
    }
    thread.join().unwrap();
}

fn poll(body: &mut Boxed, waker: &Waker) -> Poll<Option<Result<Bytes, io::Error>>> {
    let polled = Pin::new(body).poll_frame(&mut Context::from_waker(waker));
    polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap())))
}

fn ready(body: &mut Boxed) -> Option<Bytes> {
    match poll(body, Waker::noop()) {
        Poll::Ready(frame) => frame.map(Result::unwrap),
        Poll::Pending => panic!("the body has a frame"),
    }
}

#[test]
fn a_body_may_drop_its_own_request_while_it_is_read() {
    finishes(|| {
        let replay = Replay::default();
        let held = Arc::new(Mutex::new(None::<Stored>));
        let (own, pool) = (held.clone(), replay.clone());
        let source = RunsWhenRead(move |_: &mut Context<'_>| {
            let kept = own.lock().unwrap().take();
            if let Some(kept) = kept {
                assert!(RequestReplay::<Request<Boxed>>::is_stored(&pool, &kept));
                drop(kept);
                return Poll::Ready(Some(data("a")));
            }
            Poll::Ready(None)
        });
        let (sent, kept) = split(&replay, Request::new(source.boxed_unsync()));
        *held.lock().unwrap() = kept;
        let mut body = sent.into_body();
        assert_eq!(ready(&mut body).unwrap(), "a");
        assert_eq!((ready(&mut body), replay.memory_in_use()), (None, 0));
    });
}

/// A second attempt begins while the first one polls the source. The second attempt gets the chunks
/// that the first one has read, and then reads the source itself.
#[test]
fn another_attempt_may_begin_during_a_read() {
    for waits in [false, true] {
        finishes(move || {
            let replay = Replay::default();
            let held = Arc::new(Mutex::new((None::<Stored>, None::<Boxed>)));
            let (own, pool, mut turn) = (held.clone(), replay.clone(), 0);
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(woken.clone());
            let source = RunsWhenRead(move |_: &mut Context<'_>| {
                turn += 1;
                if turn == 2 {
                    let (kept, next) = &mut *own.lock().unwrap();
                    let mut second = again(&pool, kept.as_mut().unwrap()).unwrap();
                    assert_eq!(ready(&mut second).unwrap(), "a");
                    // The first attempt is polling the source, so the second one has to wait.
                    assert!(poll(&mut second, &waker).is_pending());
                    assert_eq!((second.size_hint().exact(), second.is_end_stream()), (None, false));
                    *next = Some(second);
                    if waits {
                        return Poll::Pending;
                    }
                }
                let frame = ["a", "b", "c", "d"].get(turn - 1).map(|text| data(text));
                Poll::Ready(frame)
            });
            let (sent, kept) = split(&replay, Request::new(source.boxed_unsync()));
            held.lock().unwrap().0 = kept;
            let mut first = sent.into_body();
            assert_eq!(ready(&mut first).unwrap(), "a");
            assert_eq!(woken.times.load(Ordering::SeqCst), 0);
            let polled = poll(&mut first, Waker::noop());
            match waits {
                true => assert!(matches!(polled, Poll::Ready(Some(Err(_)))), "nothing would wake it"),
                false => assert_eq!(polled.map(|frame| frame.unwrap().unwrap()), Poll::Ready("b".into())),
            }
            assert_eq!(woken.times.load(Ordering::SeqCst), 1, "the source is available again");
            let mut second = held.lock().unwrap().1.take().unwrap();
            let expected: &[&str] = if waits { &["c", "d"] } else { &["b", "c", "d"] };
            for text in expected {
                assert_eq!(ready(&mut second).unwrap(), text);
            }
            assert_eq!(ready(&mut second), None);
            assert!(matches!(poll(&mut first, Waker::noop()), Poll::Ready(Some(Err(_)) | None)));
            drop((second, held));
            assert_eq!(replay.memory_in_use(), 0);
        });
    }
}

/// While the first attempt polls the source, a second attempt begins, and then the source fails.
/// The second attempt fails too, instead of looking complete.
#[test]
fn an_attempt_with_an_aborted_source_fails() {
    finishes(|| {
        let replay = Replay::default();
        let held = Arc::new(Mutex::new((None::<Stored>, None::<Boxed>)));
        let (own, pool, mut turn) = (held.clone(), replay.clone(), 0);
        let source = RunsWhenRead(move |_: &mut Context<'_>| {
            turn += 1;
            if turn == 1 {
                return Poll::Ready(Some(data("a")));
            }
            let (kept, next) = &mut *own.lock().unwrap();
            *next = again(&pool, kept.as_mut().unwrap());
            Poll::Ready(Some(Err(io::Error::other("the client went away"))))
        });
        let (sent, kept) = split(&replay, Request::new(source.boxed_unsync()));
        held.lock().unwrap().0 = kept;
        let mut first = sent.into_body();
        assert_eq!(ready(&mut first).unwrap(), "a");
        assert!(matches!(poll(&mut first, Waker::noop()), Poll::Ready(Some(Err(_)))));
        let mut second = held.lock().unwrap().1.take().unwrap();
        assert!(matches!(poll(&mut second, Waker::noop()), Poll::Ready(Some(Err(_)))));
        assert!(again(&replay, held.lock().unwrap().0.as_mut().unwrap()).is_none());
        assert_eq!(replay.memory_in_use(), 0);
    });
}

#[derive(Default)]
struct Woken {
    times: AtomicUsize,
    /// What the waker drops when it is woken or dropped.
    holds: Mutex<Option<(Boxed, Stored)>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.times.fetch_add(1, Ordering::SeqCst);
        if let Some((body, kept)) = self.holds.lock().unwrap().take() {
            let _ = (body.size_hint(), body.is_end_stream());
            drop((body, kept));
        }
    }
}

/// A waker owns its task, and the task owns the request. So waking or dropping a waker may drop the
/// request. The test has a case for each.
#[test]
fn a_waker_may_drop_the_request() {
    for wakes in [true, false] {
        finishes(move || {
            let replay = Replay::default();
            let source = RunsWhenRead(|_: &mut Context<'_>| Poll::Pending);
            let (sent, kept) = split(&replay, Request::new(source.boxed_unsync()));
            let (mut body, mut kept) = (sent.into_body(), kept.unwrap());
            let woken = Arc::new(Woken::default());
            assert!(poll(&mut body, &Waker::from(woken.clone())).is_pending());
            let second = again(&replay, &mut kept).unwrap();
            let mut third = if wakes { again(&replay, &mut kept).unwrap() } else { second };
            assert!(poll(&mut third, &Waker::from(woken.clone())).is_pending());
            assert_eq!(woken.times.load(Ordering::SeqCst), 1);
            if wakes {
                let fourth = again(&replay, &mut kept);
                assert_eq!(woken.times.load(Ordering::SeqCst), 2);
                *woken.holds.lock().unwrap() = Some((third, kept));
                assert!(poll(&mut fourth.unwrap(), &Waker::from(woken)).is_pending());
            } else {
                let weak = Arc::downgrade(&woken);
                let mut other = again(&replay, &mut kept).unwrap();
                assert!(poll(&mut other, &Waker::from(woken.clone())).is_pending());
                *woken.holds.lock().unwrap() = Some((third, kept));
                drop(woken);
                // The recording holds the last clone of the waker. The next poll replaces it, which
                // drops the request.
                assert!(poll(&mut other, Waker::noop()).is_pending());
                assert!(weak.upgrade().is_none());
            }
            assert_eq!(replay.memory_in_use(), 0);
        });
    }
}

/// The source's `size_hint` drops the stored request. The call would hang if the replay held a
/// lock.
#[test]
fn the_size_hint_is_read_without_a_lock() {
    struct ReadsSize(Arc<Mutex<Option<Stored>>>);
    impl Body for ReadsSize {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            Poll::Ready(None)
        }
        fn size_hint(&self) -> SizeHint {
            drop(self.0.lock().unwrap().take());
            SizeHint::with_exact(0)
        }
    }
    finishes(|| {
        let replay = Replay::default();
        let held = Arc::new(Mutex::new(None));
        let (sent, kept) = split(&replay, Request::new(ReadsSize(held.clone()).boxed_unsync()));
        *held.lock().unwrap() = kept;
        assert_eq!(sent.body().size_hint().exact(), Some(0));
        assert!(held.lock().unwrap().is_none());
        assert_eq!(ready(&mut sent.into_body()), None);
    });
}
