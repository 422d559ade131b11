//! Tests of tower's contract, ported from tower-resilience 0.13 and 0.14: which instance is polled
//! ready, when, and which one is called.

use std::{
    future::{Future, Ready, pending, ready},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::timeout;
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, RetryConfig, RetryLayer, State, Verdict,
    breaker::{OpenDuration, TripRule},
    retry::Backoff,
};

use crate::fixed_numbers::FixedNumbers as _;

/// Counts of all clones of a service.
#[derive(Default)]
struct Counts {
    polls: AtomicU32,
    readies: AtomicU32,
    calls: AtomicU32,
}

impl Counts {
    /// (polls, readies, calls)
    fn all(&self) -> (u32, u32, u32) {
        (self.polls.load(Relaxed), self.readies.load(Relaxed), self.calls.load(Relaxed))
    }
}

/// A service that panics if a caller calls an instance without polling it ready. Clones start
/// unready.
struct Watched {
    counts: Arc<Counts>,
    /// The readiness, by the number of times that the service became ready before.
    readiness: fn(u32) -> Poll<Result<(), BoxError>>,
    /// The response to the call with this number. The first is 1.
    response: fn(u32) -> Result<u32, BoxError>,
    is_ready: bool,
}

impl Watched {
    fn new(readiness: fn(u32) -> Poll<Result<(), BoxError>>, response: fn(u32) -> Result<u32, BoxError>) -> Self {
        Self { counts: Arc::default(), readiness, response, is_ready: false }
    }
}

impl Clone for Watched {
    fn clone(&self) -> Self {
        Self { counts: Arc::clone(&self.counts), is_ready: false, ..*self }
    }
}

impl Service<()> for Watched {
    type Response = u32;
    type Error = BoxError;
    type Future = Ready<Result<u32, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.counts.polls.fetch_add(1, Relaxed);
        let readiness = (self.readiness)(self.counts.readies.load(Relaxed));
        if matches!(readiness, Poll::Ready(Ok(()))) {
            self.counts.readies.fetch_add(1, Relaxed);
            self.is_ready = true;
        }
        readiness
    }

    fn call(&mut self, (): ()) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "a caller called an instance that wasn't ready");
        ready((self.response)(self.counts.calls.fetch_add(1, Relaxed) + 1))
    }
}

fn is_ready(_: u32) -> Poll<Result<(), BoxError>> {
    Poll::Ready(Ok(()))
}

fn never_ready(_: u32) -> Poll<Result<(), BoxError>> {
    Poll::Pending
}

fn three_attempts() -> RetryConfig {
    RetryConfig::default().idempotent().retries(2).backoff(Backoff::none()).without_budget()
}

fn poll_ready<S: Service<()>>(service: &mut S) -> Poll<bool> {
    service.poll_ready(&mut Context::from_waker(Waker::noop())).map(|ready| ready.is_ok())
}

fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Breaker, contract. The circuit is open and the inner service never gets ready. The breaker and a
/// clone of it are each polled ready twice and called once. Both reject the call, and neither polls
/// the inner service.
#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_ready_without_its_service() {
    let circuit = Circuit::new(BreakerConfig::default().fixed());
    let inner = Watched::new(never_ready, |_| Ok(0));
    let counts = Arc::clone(&inner.counts);
    let mut original = BreakerLayer::on(&circuit).layer(inner);
    circuit.force_open();
    let mut clone = original.clone();
    for (row, service) in [("t31", &mut original), ("t31, a clone", &mut clone)] {
        assert_eq!(poll_ready(service), Poll::Ready(true), "{row}: ready at once");
        assert_eq!(poll_ready(service), Poll::Ready(true), "{row}: ready again");
        assert!(service.call(()).await.unwrap_err().rejection().is_some(), "{row}: rejected");
    }
    assert_eq!(counts.all(), (0, 0, 0), "t31: (polls, readies, calls) of the inner service");
}

/// Breaker, contract. Half-open: the only probe is cancelled 50 ms after a second caller began to
/// wait. tower-resilience wakes the waiting caller. Our breaker checks every 100 ms, which is soon
/// enough for the 200 ms of this test.
#[tokio::test(start_paused = true)]
async fn a_waiter_gets_the_slot_of_a_cancelled_probe() {
    let open_for = OpenDuration::fixed(Duration::from_millis(300));
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()).open_for(open_for);
    let circuit = Circuit::new(config);
    let hangs = service_fn(|()| pending::<Result<(), BoxError>>());
    let layer = BreakerLayer::on(&circuit).wait_when_open();
    circuit.try_acquire().unwrap().end(Verdict::transient());
    let (mut probing, mut waiting) = (layer.layer(hangs), layer.layer(hangs));
    probing.ready().await.unwrap();
    let probe = probing.call(());
    assert_eq!(circuit.state(), State::HalfOpen, "t36");
    {
        let mut waits = pin!(waiting.ready());
        assert!(poll_once(waits.as_mut()).is_pending(), "t36: the slot is taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(poll_once(waits.as_mut()).is_pending(), "t36: the slot is still taken");
        drop(probe);
        let waited = timeout(Duration::from_millis(200), waits).await;
        assert!(waited.is_ok_and(|ready| ready.is_ok()), "t36: ready within 200 ms");
    }
}

/// Retry, contract. The service fails twice, so there are three attempts. The second case adds a
/// limit of one concurrent call, which would deadlock if the first attempt kept its permit.
#[tokio::test(start_paused = true)]
async fn each_attempt_is_polled_ready_once_and_called_once() {
    let inner = || Watched::new(is_ready, |call| if call < 3 { Err("down".into()) } else { Ok(call) });

    let watched = inner();
    let counts = Arc::clone(&watched.counts);
    let response = RetryLayer::new(three_attempts()).layer(watched).oneshot(()).await;
    assert_eq!((response.unwrap(), counts.all()), (3, (3, 3, 3)), "t39");

    let watched = inner();
    let counts = Arc::clone(&watched.counts);
    let limited = RetryLayer::new(three_attempts()).layer(ConcurrencyLimit::new(watched, 1));
    let response = timeout(Duration::from_secs(1), limited.oneshot(())).await.expect("t39, a limit of 1: a response");
    assert_eq!((response.unwrap(), counts.all()), (3, (3, 3, 3)), "t39, a limit of 1");
}

/// Retry, contract. The first attempt fails, then readiness fails permanently. tower-resilience
/// returns the readiness error without calling the classifier, so one failed poll ends a request.
/// We treat a readiness error as the outcome of an attempt, which is classified and retried. In
/// this test, both crates return the readiness error after one call; only the numbers of polls and
/// classifications differ.
#[tokio::test(start_paused = true)]
async fn a_readiness_error_of_a_later_attempt_is_returned() {
    fn once(readies: u32) -> Poll<Result<(), BoxError>> {
        Poll::Ready(if readies == 0 { Ok(()) } else { Err("not ready".into()) })
    }
    let judged = Arc::new(AtomicU32::new(0));
    let asked = Arc::clone(&judged);
    let config = three_attempts().classify_errors(move |_: &BoxError| {
        asked.fetch_add(1, Relaxed);
        Verdict::transient()
    });
    let watched = Watched::new(once, |_| Err("down".into()));
    let counts = Arc::clone(&watched.counts);
    let error = RetryLayer::new(config).layer(watched).oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "not ready", "t41: readiness' error");
    assert_eq!(counts.all(), (3, 1, 1), "t41: (polls, readies, calls); in tower-resilience: 2 polls");
    assert_eq!(judged.load(Relaxed), 3, "t41: classified; in tower-resilience: once");
}

/// Fallback, contract. The backup isn't ready when it is needed, and becomes ready later.
#[tokio::test(start_paused = true)]
async fn a_backup_is_called_when_it_is_ready() {
    let permits = ConcurrencyLimit::new(Watched::new(is_ready, |_| Ok(42)), 1);
    let counts = Arc::clone(&permits.get_ref().counts);
    let mut holder = permits.clone();
    holder.ready().await.unwrap();
    let primary = service_fn(|()| ready(Err::<u32, BoxError>("down".into())));
    let mut request = pin!(FallbackLayer::new(permits).layer(primary).oneshot(()));
    assert!(poll_once(request.as_mut()).is_pending(), "t42: the backup isn't ready");
    assert_eq!(counts.all().2, 0, "t42: no call before");
    drop(holder);
    assert!(matches!(request.await, Ok(42)), "t42: the response");
    assert_eq!(counts.all().2, 1, "t42: one call");
}
