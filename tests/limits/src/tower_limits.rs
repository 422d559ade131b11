//! tower's `ConcurrencyLimit`, `LoadShed`, `RateLimit` and `Buffer`.

use std::convert::Infallible;

use tower::{BoxError, ServiceBuilder, load_shed::error::Overloaded};
use tower_recourse::{
    BreakerLayer, Circuit, RetryLayer, State, Verdict,
    testing::{EventRecorder, Script, hang, succeed, succeed_with},
};

use crate::{assert_untouched, breaker, retry, secs};

#[tokio::test(start_paused = true)]
async fn load_shed_around_the_stack_rejects_before_any_layer() {
    let ((retry, budget), circuit) = (retry(), Circuit::new(breaker()));
    let script = Script::new([hang::<(), std::io::Error>()]);
    let mut service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(1)
        .layer(RetryLayer::new(retry))
        .layer(BreakerLayer::on(&circuit))
        .service(script.clone());
    let hangs = tower::ServiceExt::ready(&mut service).await.unwrap();
    let hangs = tower::Service::call(hangs, ());
    let hangs = tokio::spawn(hangs);
    tokio::task::yield_now().await;

    let ready = tower::ServiceExt::<()>::ready(&mut service).await.unwrap();
    let error = tower::Service::call(ready, ()).await.unwrap_err();
    assert!(error.is::<Overloaded>());
    assert_eq!((script.calls(), circuit.stats().total_admitted), (1, Some(1)));
    assert_untouched(&circuit, &budget);
    hangs.abort();
}

/// The load shedding of each attempt, with a place that another call holds.
fn limited_attempts(
    script: &Script<(), (), BoxError>,
) -> (impl Fn() -> Limited + use<>, tower::limit::ConcurrencyLimit<Script<(), (), BoxError>>) {
    let limit = tower::limit::ConcurrencyLimit::new(script.clone(), 1);
    let other = limit.clone();
    (move || tower::load_shed::LoadShed::new(other.clone()), limit)
}

type Limited = tower::load_shed::LoadShed<tower::limit::ConcurrencyLimit<Script<(), (), BoxError>>>;

#[tokio::test(start_paused = true)]
async fn a_shed_attempt_is_neutral_and_costs_no_budget() {
    let ((retry, budget), circuit) = (retry(), Circuit::new(breaker()));
    let recorder = EventRecorder::new();
    let script = Script::new([hang::<(), BoxError>()]);
    let (limited, mut place) = limited_attempts(&script);
    let held = tower::Service::call(tower::ServiceExt::ready(&mut place).await.unwrap(), ());
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(retry.retries(2).observe(recorder.clone())))
        .layer(BreakerLayer::on(&circuit))
        .service(limited());
    let error = service.ready().await.unwrap().call(()).await.unwrap_err();
    assert!(error.into_boxed().is::<Overloaded>());
    assert_eq!(
        recorder.lines(),
        [r#"RetryStopped attempt=1 cause=rejected failure=rejected error="service overloaded""#]
    );
    assert_eq!(circuit.stats().total_neutral, 1);
    assert_untouched(&circuit, &budget);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_shed_probe_frees_its_slot() {
    let circuit = Circuit::new(breaker());
    let script = Script::new([succeed::<(), BoxError>(())]);
    let (limited, mut place) = limited_attempts(&script);
    let held = tower::Service::call(tower::ServiceExt::ready(&mut place).await.unwrap(), ());
    circuit.try_acquire().unwrap().end(Verdict::transient());
    tokio::time::advance(secs(3_600)).await;
    let mut service = tower::Layer::layer(&BreakerLayer::on(&circuit).keep_error(), limited());
    assert!(service.ready().await.unwrap().call(()).await.unwrap_err().is::<Overloaded>());
    assert_eq!(circuit.state(), State::HalfOpen);
    held.await.unwrap();
    service.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_shed_attempt_is_retried_if_it_is_classified_as_throttled() {
    let ((retry, budget), circuit) = (retry(), Circuit::new(breaker()));
    let script = Script::new([hang::<(), BoxError>()]);
    let (limited, mut place) = limited_attempts(&script);
    let held = tower::Service::call(tower::ServiceExt::ready(&mut place).await.unwrap(), ());
    let shed = |error: &BoxError| error.is::<Overloaded>().then(Verdict::throttled);
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(retry.retries(2).classify_errors(shed)))
        .layer(BreakerLayer::on(&circuit))
        .service(limited());
    assert!(service.ready().await.unwrap().call(()).await.is_err());
    assert_eq!(tower_recourse::retry::Budget::stats(&*budget).granted, 2, "each retry takes a token");
    assert_eq!((circuit.state(), circuit.stats().total_failures), (State::Closed, 0));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_delays_attempts_and_rejects_none() {
    let ((retry, budget), circuit) = (retry(), Circuit::new(breaker()));
    let script = Script::new([succeed::<_, BoxError>(())]);
    let mut service =
        ServiceBuilder::new().layer(BreakerLayer::on(&circuit)).rate_limit(1, secs(1)).service(script.clone());
    for _ in 0..3 {
        service.ready().await.unwrap().call(()).await.unwrap();
    }
    assert_eq!(script.gaps(), [secs(1), secs(1)]);
    assert_untouched(&circuit, &budget);
    drop(retry);
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_delays_calls_and_rejects_none() {
    let ((retry, budget), circuit) = (retry(), Circuit::new(breaker()));
    let slow = Script::new([succeed_with::<_, Infallible>(|| ()).after(secs(1))]);
    let buffer = tower::buffer::Buffer::new(tower::limit::ConcurrencyLimit::new(slow.clone(), 1), 1);
    let stack = ServiceBuilder::new().layer(RetryLayer::new(retry)).layer(BreakerLayer::on(&circuit)).service(buffer);
    let callers: Vec<_> = (0..4).map(|_| tokio::spawn(stack.clone().oneshot(()))).collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(slow.gaps(), [secs(1), secs(1), secs(1)]);
    assert_untouched(&circuit, &budget);
}
