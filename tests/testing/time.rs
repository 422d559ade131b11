//! Paused time moves everything that waits or measures.

use std::io;

use tokio::time::Instant;
use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryConfig, RetryLayer, State,
    breaker::{OpenDuration, Probes, TripRule},
    retry::{Backoff, Budget, Jitter, Timeouts, TokenBucket},
    testing::{EventRecorder, PausedTime, Script, advance, fail_io, hang, succeed},
};

use crate::secs;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::exponential(secs(1)).jitter(Jitter::None))
}

fn opens_for_ten_seconds() -> BreakerConfig {
    BreakerConfig::default()
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(secs(10)))
        .probes(Probes::one())
}

#[tokio::test(start_paused = true)]
async fn paused_time_moves_delays_limits_circuits_and_budgets() {
    let script = Script::new([hang(), succeed::<_, io::Error>("late")]);
    let circuit = Circuit::new(opens_for_ten_seconds());
    let bucket = std::sync::Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let retry = config().timeouts(Timeouts::attempt(secs(1))).shared_budget(bucket.clone());
    let backoff = Backoff::fixed(secs(10));
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(retry.backoff(backoff)))
        .layer(BreakerLayer::on(&circuit))
        .service(script.clone());
    let caller = tokio::spawn(async move { service.ready().await?.call(()).await });

    advance(secs(2)).await;
    assert_eq!((circuit.state(), script.cancelled()), (State::Open, 1), "the limit of 1 s has ended the attempt");
    assert_eq!(circuit.retry_in(), Some(secs(9)));
    assert_eq!(bucket.stats().balance, 1, "the token was withdrawn, and the reserve has refilled");
    advance(secs(9)).await;
    assert_eq!(circuit.state(), State::Closed, "the retry was the probe");
    assert_eq!(caller.await.unwrap().unwrap(), "late");
    assert_eq!(script.gaps(), [secs(11)]);
}

#[tokio::test(start_paused = true)]
async fn advance_lets_each_timer_fire_at_its_time() {
    let script = Script::new([fail_io::<()>(io::ErrorKind::ConnectionReset)]);
    let mut service = RetryLayer::new(config()).layer(script.clone());
    let caller = tokio::spawn(async move { service.ready().await.unwrap().call(()).await });
    let start = Instant::now();
    advance(secs(60)).await;
    assert_eq!(start.elapsed(), secs(60));
    assert!(caller.await.unwrap().is_err());
    assert_eq!(script.gaps(), [secs(1), secs(2), secs(4)]);
}

#[tokio::test]
#[should_panic(expected = "time is not frozen")]
async fn advance_panics_unless_the_time_is_paused() {
    advance(secs(60)).await;
}

#[test]
fn blocking_retries_move_the_paused_time() {
    let (time, recorder) = (PausedTime::new(), EventRecorder::new());
    let (circuit, retry, budget) = time.run(|| {
        let budget = std::sync::Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
        let retry = config().timeouts(Timeouts::request(secs(20))).retries(9).shared_budget(budget.clone());
        (Circuit::new(opens_for_ten_seconds()), RetryLayer::new(retry.observe(recorder.clone())), budget)
    });

    let spent = time.run(|| {
        let start = Instant::now();
        let result: io::Result<()> = retry.run_blocking(|_| Err(io::ErrorKind::ConnectionReset.into()));
        assert!(result.is_err());
        start.elapsed()
    });
    assert_eq!(spent, secs(15), "1 + 2 + 4 + 8 s; the next delay would cross the deadline");
    assert_eq!(
        recorder.lines().last().unwrap(),
        r#"RetryStopped attempt=5 cause=deadline failure=transient error="connection reset""#
    );
    assert_eq!(time.run(|| budget.stats().balance), 1);

    let result = time.run(|| circuit.call_blocking(|| Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset))));
    assert!(result.is_err());
    assert_eq!(time.run(|| circuit.state()), State::Open);
    time.advance(secs(10));
    assert_eq!(time.run(|| circuit.state()), State::HalfOpen);
}

#[test]
fn paused_time_ends_with_its_function_even_if_that_panics() {
    let time = PausedTime::new();
    let panicked = std::panic::catch_unwind(|| PausedTime::new().run(|| panic!("in the function")));
    assert!(panicked.is_err());
    let (outer, inner) = (Instant::now(), time.run(Instant::now));
    let nested = PausedTime::new();
    let spent = time.run(|| {
        nested.run(run_three_seconds);
        let before = Instant::now();
        run_three_seconds();
        before.elapsed()
    });
    assert_eq!(spent, secs(3), "the outer time is restored");
    assert_eq!(time.run(Instant::now) - inner, secs(3));
    assert!(outer.elapsed() < secs(3), "real time again");
}

/// A retry with a delay of 3 s.
fn run_three_seconds() {
    let retry = RetryLayer::new(config().retries(1).backoff(Backoff::fixed(secs(3))));
    let _: io::Result<()> = retry.run_blocking(|_| Err(io::ErrorKind::ConnectionReset.into()));
}

#[tokio::test(start_paused = true)]
async fn a_seed_makes_the_jitter_repeatable() {
    let delays = |seed: u64| async move {
        let script = Script::new([fail_io::<()>(io::ErrorKind::ConnectionReset)]);
        let retry = RetryConfig::default().idempotent().seed(seed);
        let mut service = RetryLayer::new(retry).layer(script.clone());
        let _ = service.ready().await.unwrap().call(()).await;
        script.gaps()
    };
    assert_eq!(delays(7).await, delays(7).await);
    assert_ne!(delays(7).await, delays(8).await);
}
