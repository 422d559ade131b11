//! `congestion-limiter` around each attempt.

use std::sync::Arc;

use ::congestion_limiter::{
    limiter::{DefaultLimiter, Limiter, Outcome},
    limits::Fixed,
};
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerError, BreakerLayer, Circuit, RetryLayer, State,
    testing::{EventRecorder, Script, fail, hang},
};

use crate::{CallError, LIMITED, assert_untouched, breaker, classify, retry};

#[tokio::test(start_paused = true)]
async fn a_rejection_opens_no_circuit_and_costs_no_budget() {
    let ((retry, budget), recorder) = (retry(), EventRecorder::new());
    let circuit = Circuit::new(breaker().classify_errors(classify));
    let limiter = Arc::new(DefaultLimiter::new(Fixed::new(1)));
    let script = Script::new([hang::<(), CallError>(), fail(CallError::Failed)]);
    let attempt = {
        let (limiter, script) = (limiter.clone(), script.clone());
        service_fn(move |()| {
            let (limiter, script) = (limiter.clone(), script.clone());
            async move {
                let token = limiter.try_acquire().await.ok_or(CallError::Limited(None))?;
                let result = script.oneshot(()).await;
                let outcome = if result.is_ok() { Outcome::Success } else { Outcome::Overload };
                limiter.release(token, Some(outcome)).await;
                result
            }
        })
    };
    let inner = |error: &BreakerError<CallError>| match error {
        BreakerError::Inner(error) => Some(classify(error)),
        _ => None,
    };
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(retry.classify_errors(inner).display_errors().observe(recorder.clone())))
        .layer(BreakerLayer::on(&circuit))
        .service(attempt);
    let hangs = tokio::spawn(service.clone().oneshot(()));
    tokio::task::yield_now().await;
    assert!(service.clone().oneshot(()).await.is_err());
    assert_eq!(recorder.lines(), [format!("RetryStopped attempt=1 cause=rejected {LIMITED}")]);
    assert_eq!((circuit.state(), script.calls()), (State::Closed, 1));
    assert_untouched(&circuit, &budget);

    hangs.abort();
    assert!(hangs.await.unwrap_err().is_cancelled());
    assert!(service.oneshot(()).await.is_err());
    assert_eq!(circuit.state(), State::Open, "a failure of the service itself counts");
}
