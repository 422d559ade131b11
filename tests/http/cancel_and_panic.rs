//! Callers drop the call, and services and bodies panic, at every await point. Afterwards no stored
//! body is held, and the circuit's counts are right.

use std::{
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, Circuit, RetryLayer, State,
    breaker::TripRule,
    http::{BodyBreakerLayer, FirstFrameLayer, Replay, StatusClassifier},
    retry::Backoff,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{
    await_points::{AwaitPoints, PendingBeforeFrames},
    config,
    replay_bodies::Boxed,
};

/// The parts of a call that a test checks after the call. No body may be held then, whatever the
/// outcome.
struct Everything {
    replay: Replay,
    circuit: Circuit<StatusClassifier>,
    /// Held by the bodies of the request and of the responses.
    held: Arc<()>,
    moments: AwaitPoints,
}

impl Everything {
    fn panicking_at(panics_at: usize) -> Self {
        let rule = TripRule::consecutive(9).unwrap();
        Self {
            replay: Replay::default(),
            circuit: Circuit::new(
                BreakerConfig::http().fixed_share().open_when(rule).count_all_calls().without_observers(),
            ),
            held: Arc::default(),
            moments: AwaitPoints { passed: Arc::default(), panics_at },
        }
    }

    fn body(&self, frames: &[&'static str]) -> Boxed {
        let frames: Vec<_> = frames.iter().map(|&text| Ok(Frame::data(Bytes::from(text)))).collect();
        self.body_of(frames)
    }

    fn body_of(&self, frames: Vec<io::Result<Frame<Bytes>>>) -> Boxed {
        let (moments, _held) = (self.moments.clone(), self.held.clone());
        PendingBeforeFrames { frames: frames.into_iter(), asked: false, moments, _held }.boxed_unsync()
    }

    /// Makes a call of three attempts. The service responds with 503 after two of the three frames
    /// of the request. The other attempts read the whole request and get 200: first with a body
    /// that fails, then with a complete one.
    fn call(&self) -> Pin<Box<dyn Future<Output = io::Result<Bytes>>>> {
        let broken = vec![Err(io::Error::from(io::ErrorKind::ConnectionReset))];
        let answers =
            [(503, self.body(&["not ", "now"])), (200, self.body_of(broken)), (200, self.body(&["a ", "response"]))];
        let answers = Arc::new(Mutex::new(Vec::from(answers)));
        let moments = self.moments.clone();
        let service = service_fn(move |request: Request<Boxed>| {
            let (answers, moments) = (answers.clone(), moments.clone());
            async move {
                let (status, response) = answers.lock().unwrap().remove(0);
                let (mut body, mut received) = (request.into_body(), Vec::new());
                while status == 200 || received.len() < 6 {
                    moments.pass();
                    tokio::task::yield_now().await;
                    let Some(frame) = body.frame().await else { break };
                    received.extend(frame?.into_data().unwrap());
                }
                assert_eq!(received, if status == 200 { &b"onetwothree"[..] } else { b"onetwo" });
                Ok::<_, io::Error>(Response::builder().status(status).body(response).unwrap())
            }
        });
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(config().backoff(Backoff::none()).replay(self.replay.clone())))
            .layer(BodyBreakerLayer::on(&self.circuit))
            .layer(FirstFrameLayer::new())
            .service(service);
        let request = Request::put("/").body(self.body(&["one", "two", "three"])).unwrap();
        Box::pin(async move {
            let response = service.oneshot(request).await.map_err(io::Error::other)?;
            Ok(response.into_body().collect().await?.to_bytes())
        })
    }

    fn nothing_is_held(&self, moment: usize) {
        assert_eq!((self.replay.memory_in_use(), Arc::strong_count(&self.held)), (0, 1), "at {moment}");
    }

    /// Successes, failures, and dropped calls.
    fn counted(&self) -> (u64, u64, u64) {
        let stats = self.circuit.stats();
        (stats.total_successes.unwrap(), stats.total_failures, stats.total_dropped)
    }
}

/// The caller drops the call after a number of polls that grows by one until the call completes.
/// Each attempt is counted once.
#[tokio::test]
async fn a_call_may_be_dropped_at_every_await_point() {
    let waker = Waker::noop();
    for polls in 0.. {
        let everything = Everything::panicking_at(usize::MAX);
        let mut call = everything.call();
        let response = (0..polls).find_map(|_| match call.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(response) => Some(response.unwrap()),
            Poll::Pending => None,
        });
        drop(call);
        everything.nothing_is_held(polls);
        if let Some(response) = response {
            assert_eq!((response, everything.counted()), (Bytes::from("a response"), (1, 2, 0)));
            assert!(polls > 10, "{polls}");
            break;
        }
        let (successes, failures, dropped) = everything.counted();
        assert!(successes == 0 && failures <= 2 && dropped <= 1, "after {polls}: {:?}", everything.counted());
        assert!(polls < 1_000);
    }
}

/// A probe that is dropped at any time returns its slot.
#[tokio::test(start_paused = true)]
async fn a_probe_may_be_dropped_at_every_await_point() {
    let waker = Waker::noop();
    for polls in 0..20 {
        let mut everything = Everything::panicking_at(usize::MAX);
        let config =
            BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers();
        everything.circuit = Circuit::new(config);
        everything.circuit.try_acquire().unwrap().failure();
        tokio::time::sleep(std::time::Duration::from_secs(31)).await;
        let mut call = everything.call();
        for _ in 0..polls {
            if call.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                break;
            }
        }
        drop(call);
        everything.nothing_is_held(polls);
        // If the first attempt has ended, with 503, the circuit is open again.
        match everything.circuit.state() {
            State::Open => assert!(everything.circuit.stats().total_failures == 2, "after {polls}"),
            _ => assert!(everything.circuit.try_acquire().is_ok(), "after {polls}: the slot is lost"),
        }
    }
}

/// The service and the bodies panic at each await point. A panic during a call is a failure of that
/// call.
#[tokio::test]
async fn every_part_may_panic_at_every_await_point() {
    let waker = Waker::noop();
    for moment in 0.. {
        let everything = Everything::panicking_at(moment);
        let mut call = everything.call();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            (0..1_000).find_map(|_| match call.as_mut().poll(&mut Context::from_waker(waker)) {
                Poll::Ready(response) => Some(response.unwrap()),
                Poll::Pending => None,
            })
        }));
        drop(call);
        everything.nothing_is_held(moment);
        let counted = everything.counted();
        match ended {
            Ok(response) => {
                assert_eq!((response, counted), (Some(Bytes::from("a response")), (1, 2, 0)));
                assert!(moment > 10, "{moment}");
                break;
            }
            Err(_) => {
                let (successes, failures, dropped) = counted;
                assert!(successes + dropped == 0 && (1..=3).contains(&failures), "at {moment}: {counted:?}");
                assert!(moment < 1_000);
            }
        }
    }
}
