//! `tower::hedge` around a breaker, and inside a breaker as the docs recommend.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{advance, sleep};
use tower::{
    BoxError, Layer, Service, ServiceExt,
    hedge::{Hedge, Policy},
    service_fn,
};
use tower_recourse::{BreakerError, BreakerLayer, Circuit, State, breaker::Probes};

use crate::{
    circuits::{counted, ended_calls, first_failure, open},
    scripted::{Oops, ms, secs},
};

const HALF_A_MINUTE: Duration = secs(30);

/// Allows the hedge to send every request a second time.
#[derive(Debug, Clone)]
struct Twice;

impl Policy<()> for Twice {
    fn clone_request(&self, (): &()) -> Option<()> {
        Some(())
    }

    fn can_retry(&self, (): &()) -> bool {
        true
    }
}

/// A hedge that has measured ten responses of 10 ms each. It sends a request again after 10 ms
/// without a response. It discards a measurement after one or two periods.
fn hedge_for<S>(service: S, period: Duration) -> Hedge<S, Twice>
where
    S: Service<(), Error: Into<BoxError>> + Clone,
{
    Hedge::new_with_mock_latencies(service, Twice, 10, 0.9, period, &[10; 10])
}

fn hedge<S>(service: S) -> Hedge<S, Twice>
where
    S: Service<(), Error: Into<BoxError>> + Clone,
{
    hedge_for(service, secs(1_000_000))
}

async fn call<S: Service<()>>(service: &mut S) -> Result<S::Response, S::Error> {
    service.ready().await?.call(()).await
}

/// A healthy service that counts its calls and takes 50 ms for each, which is longer than the hedge
/// waits.
#[derive(Clone)]
struct Slow {
    calls: Arc<AtomicU32>,
    millis: Arc<AtomicU64>,
}

impl Slow {
    fn new() -> Self {
        Self { calls: Arc::default(), millis: Arc::new(50.into()) }
    }

    fn service(&self) -> impl Service<(), Response = (), Error = Oops> + Clone + use<> {
        let slow = self.clone();
        service_fn(move |()| {
            slow.calls.fetch_add(1, Relaxed);
            let delay = ms(slow.millis.load(Relaxed));
            async move {
                sleep(delay).await;
                Ok(())
            }
        })
    }
}

async fn half_open(probes: Probes) -> Circuit {
    let circuit = Circuit::new(counted().open_when(first_failure()).probes(probes));
    open(&circuit);
    advance(HALF_A_MINUTE).await;
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit
}

fn is_rejection(error: &BoxError) -> bool {
    error.downcast_ref::<BreakerError<Oops>>().is_some_and(|error| error.rejection().is_some())
}

#[tokio::test(start_paused = true)]
async fn a_hedge_around_a_breaker_does_not_keep_it_half_open() {
    let two = Probes::successes(2).unwrap().max_concurrent(2).unwrap();
    // With two concurrent probes, the first call is answered. Both its requests are probes, and the
    // hedge drops the second.
    for (probes, answered, rejected) in [(Probes::one(), 0, 3), (two, 1, 2)] {
        let circuit = half_open(probes).await;
        let mut hedge = hedge(BreakerLayer::on(&circuit).layer(Slow::new().service()));
        for _ in 0..answered {
            call(&mut hedge).await.unwrap();
        }
        for _ in 0..rejected {
            assert_eq!(circuit.state(), State::HalfOpen);
            assert!(is_rejection(&call(&mut hedge).await.unwrap_err()));
        }
        assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2), "{probes:?}");
        assert_eq!(ended_calls(&circuit), [answered, 1, 0, 3], "one failure opened it before");
    }
}

/// The hedge can't tell a response that replaces a rejection from a response of the service.
#[tokio::test(start_paused = true)]
async fn a_hedge_around_a_breaker_that_answers_reopens_it() {
    let circuit = half_open(Probes::one()).await;
    let mut hedge = hedge(BreakerLayer::on(&circuit).respond_when_open(|_| ()).layer(Slow::new().service()));
    for _ in 0..3 {
        assert_eq!(circuit.state(), State::HalfOpen);
        call(&mut hedge).await.unwrap();
    }
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 1, 0, 3]));
}

#[tokio::test(start_paused = true)]
async fn a_circuit_in_a_hedge_closes_once_the_service_is_fast_again() {
    let (circuit, slow) = (half_open(Probes::one()).await, Slow::new());
    let mut hedge = hedge(BreakerLayer::on(&circuit).layer(slow.service()));
    for _ in 0..3 {
        call(&mut hedge).await.unwrap_err();
    }
    assert_eq!(circuit.state(), State::Open);
    slow.millis.store(5, Relaxed);
    advance(circuit.retry_in().unwrap()).await;
    call(&mut hedge).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

/// A hedge measures only responses, not rejections. Without measurements it sends each request
/// once.
#[tokio::test(start_paused = true)]
async fn a_circuit_in_a_hedge_closes_once_the_hedge_has_no_data() {
    let (circuit, slow) = (half_open(Probes::one()).await, Slow::new());
    let mut hedge = hedge_for(BreakerLayer::on(&circuit).layer(slow.service()), secs(60));
    for _ in 0..3 {
        call(&mut hedge).await.unwrap_err();
    }
    assert_eq!(circuit.state(), State::Open);
    advance(secs(120)).await;
    assert_eq!(circuit.state(), State::HalfOpen);
    call(&mut hedge).await.unwrap();
    assert_eq!((circuit.state(), slow.calls.load(Relaxed)), (State::Closed, 4));
}

/// The service never responds to the first request of a hedged pair. The hedge drops that request
/// when the second one gets its response.
#[tokio::test(start_paused = true)]
async fn a_hedge_around_a_breaker_does_not_open_it() {
    let circuit = Circuit::new(counted());
    let calls = Arc::new(AtomicU32::new(0));
    let every_other = service_fn(move |()| {
        let hangs = calls.fetch_add(1, Relaxed) % 2 == 0;
        async move { if hangs { pending().await } else { Ok::<_, Oops>(()) } }
    });
    let mut hedge = hedge(BreakerLayer::on(&circuit).layer(every_other));
    for _ in 0..100 {
        call(&mut hedge).await.unwrap();
    }
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [100, 0, 0, 100]));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_inside_a_breaker_lets_it_close() {
    for needed in [1, 2] {
        let (circuit, slow) = (half_open(Probes::successes(needed).unwrap()).await, Slow::new());
        let mut service = BreakerLayer::on(&circuit).layer(hedge(slow.service()));
        for _ in 0..needed {
            assert_eq!(circuit.state(), State::HalfOpen);
            call(&mut service).await.unwrap();
        }
        assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [needed.into(), 1, 0, 0]));
        assert_eq!(slow.calls.load(Relaxed), 2 * needed, "each probe is sent twice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedged_probe_that_hangs_at_first_closes_the_circuit() {
    let circuit = half_open(Probes::one()).await;
    let calls = Arc::new(AtomicU32::new(0));
    let hangs_once = service_fn(move |()| {
        let first = calls.fetch_add(1, Relaxed) == 0;
        async move { if first { pending().await } else { Ok::<_, Oops>(()) } }
    });
    call(&mut BreakerLayer::on(&circuit).layer(hedge(hangs_once))).await.unwrap();
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [1, 1, 0, 0]));
}
