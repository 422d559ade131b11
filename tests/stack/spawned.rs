//! Calls on spawned tasks, with types that have a lifetime: boxed errors, string errors, and
//! closures over both.
//!
//! These tests pass if they compile. The types of the layers' futures have neither bounds nor
//! projections, because within a spawned task the compiler can't prove those for types with a
//! lifetime. The same holds for the futures of `ready` and `oneshot`.

use std::{error::Error, time::Duration};

use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, FallbackError, FallbackLayer, RetryConfig, RetryLayer, Verdict,
    retry::Timeouts,
};

fn boxed() -> BoxCloneService<u32, u32, BoxError> {
    service_fn(|request: u32| async move { if request == 0 { Err(BoxError::from("zero")) } else { Ok(request) } })
        .boxed_clone()
}

fn retry() -> RetryConfig {
    RetryConfig::default().idempotent().without_observers().retries(0)
}

#[tokio::test]
async fn each_layer_works_around_a_boxed_service() {
    let mut retry = RetryLayer::new(retry()).layer(boxed());
    let mut breaker = BreakerLayer::new(BreakerConfig::default().without_observers()).layer(boxed());
    let mut fallback = FallbackLayer::value(7).without_observers().layer(boxed());
    let answers = tokio::spawn(async move {
        let retried = retry.ready().await?.call(1).await?;
        let admitted = breaker.ready().await.map_err(BreakerError::into_boxed)?.call(2).await;
        let admitted = admitted.map_err(BreakerError::into_boxed)?;
        let backed_up = fallback.ready().await.map_err(|error| error.into_primary())?.call(0).await;
        Ok::<_, BoxError>([retried, admitted, backed_up.map_err(|error| error.into_primary())?])
    });
    assert_eq!(answers.await.unwrap().unwrap(), [1, 2, 7]);
}

#[tokio::test]
async fn a_stack_works_with_closures_over_boxed_errors() {
    let judge = |outcome: Result<&u32, &BreakerError<BoxError>>| match outcome {
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::transient(),
    };
    let mut stack = ServiceBuilder::new()
        .layer(FallbackLayer::value(7).without_observers())
        .layer(RetryLayer::new(retry().classify(judge)))
        .layer(BreakerLayer::new(BreakerConfig::default().without_observers()))
        .service(boxed());
    let answers = tokio::spawn(async move {
        let mut seen = Vec::new();
        for request in [0, 3] {
            seen.push(stack.ready().await.ok()?.call(request).await.ok()?);
        }
        Some(seen)
    });
    assert_eq!(answers.await.unwrap().unwrap(), [7, 3]);
}

#[tokio::test]
async fn a_fallback_can_merge_boxed_errors() {
    let last = |_: BoxError, last: BoxError| last;
    let mut ladder = ServiceBuilder::new()
        .layer(
            FallbackLayer::new(boxed()).without_observers().when(|_: Result<&u32, &BoxError>| true).merge_errors(last),
        )
        .layer(FallbackLayer::new(boxed()).without_observers().merge_errors(last))
        .layer(RetryLayer::new(retry()))
        .service(boxed());
    let error = tokio::spawn(async move { ladder.ready().await?.call(0).await });
    assert_eq!(error.await.unwrap().unwrap_err().to_string(), "zero");
}

#[tokio::test]
async fn a_service_may_have_a_string_literal_as_its_error() {
    let mut service = RetryLayer::new(retry()).layer(service_fn(|_: ()| async { Err::<(), _>("never") }));
    let response = tokio::spawn(async move { service.ready().await?.call(()).await });
    assert_eq!(response.await.unwrap(), Err("never"));
}

/// What a function that is run returns may be an error with a lifetime.
#[tokio::test]
async fn runs_and_calls_of_functions_work_with_boxed_errors() {
    async fn get(path: &str) -> Result<usize, BoxError> {
        tokio::task::yield_now().await;
        Ok(path.len())
    }
    let (retry, circuit) = (RetryLayer::new(retry()), Circuit::new(BreakerConfig::default().without_observers()));
    let lengths = tokio::spawn(async move {
        let path = String::from("path");
        let plain = retry.run(|_| get("/")).await?;
        let borrowed = retry.run(|_| get(&path)).await?;
        let closure = retry.run_for(&path, async |_| get(&path).await).await?;
        let through = circuit.call(|| get(&path)).await.map_err(BreakerError::into_boxed)?;
        let both = retry.run(|_| circuit.call(|| get(&path))).await.map_err(BreakerError::into_boxed)?;
        Ok::<_, BoxError>([plain, borrowed, closure, through, both])
    });
    assert_eq!(lengths.await.unwrap().unwrap(), [1, 4, 4, 4, 4]);
}

#[tokio::test]
async fn oneshot_of_a_stack_with_boxed_errors_can_be_spawned() {
    let stack = ServiceBuilder::new()
        .layer(FallbackLayer::value(7).without_observers())
        .layer(RetryLayer::new(retry().timeouts(Timeouts::attempt(Duration::from_secs(1)))))
        .layer(BreakerLayer::new(BreakerConfig::default().without_observers()))
        .map_err(|error: BoxError| error)
        .service(boxed());
    assert_eq!(tokio::spawn(stack.clone().oneshot(0)).await.unwrap().unwrap(), 7);
    let answer = tokio::spawn(async move { stack.oneshot(3).await.ok() });
    assert_eq!(answer.await.unwrap(), Some(3));
}

#[tokio::test]
async fn oneshot_of_each_layer_can_be_spawned() {
    let retry = RetryLayer::new(retry()).layer(boxed());
    let breaker = BreakerLayer::new(BreakerConfig::default().without_observers()).layer(boxed());
    let fallback = FallbackLayer::value(7).without_observers().layer(boxed());
    let reported = tower_recourse::report::ReportLayer.layer(retry.clone());
    let bounded = tower_recourse::boundary::BoundaryLayer.layer(boxed());
    let answers = tokio::spawn(async move {
        let reported = reported.oneshot(4).await.map_err(|reported| reported.error)?;
        Ok::<_, Box<dyn Error + Send + Sync>>([
            retry.oneshot(1).await?,
            breaker.oneshot(2).await.map_err(BreakerError::into_boxed)?,
            fallback.oneshot(0).await.map_err(FallbackError::into_primary)?,
            reported.response,
            bounded.oneshot(5).await?,
        ])
    });
    assert_eq!(answers.await.unwrap().unwrap(), [1, 2, 7, 4, 5]);
}
