//! Services and futures that are `Sync`, around a service whose future isn't.
//!
//! These tests pass if they compile. `ServiceBuilder::boxed_clone_sync` requires that the service
//! and its future are `Send` and `Sync`.

use std::{cell::Cell, io, pin::Pin, time::Duration};

use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer, boundary::BoundaryLayer,
    report::ReportLayer, retry::Timeouts,
};

/// `Send`, but not `Sync`: like the futures of boxed services.
type ClientFuture = Pin<Box<dyn Future<Output = io::Result<String>> + Send>>;

/// Neither requests nor responses have to be `Sync`.
type Request = Cell<u32>;

fn client() -> impl Service<u32, Response = String, Error = io::Error, Future = ClientFuture> + Clone + Send + Sync {
    service_fn(|id: u32| -> ClientFuture {
        Box::pin(async move {
            if id == 0 { Err(io::Error::from(io::ErrorKind::ConnectionReset)) } else { Ok(format!("item {id}")) }
        })
    })
}

fn is_send_and_sync<T: Send + Sync>(_: &T) {}

fn retry() -> RetryConfig {
    RetryConfig::default().idempotent().without_observers().retries(0)
}

#[tokio::test]
async fn a_stack_can_be_boxed_by_service_builder() {
    let mut stack: BoxCloneSyncService<u32, String, BoxError> = ServiceBuilder::new()
        .map_err(BoxError::from)
        .layer(FallbackLayer::value("a stored item".to_owned()).without_observers())
        .layer(RetryLayer::new(retry().timeouts(Timeouts::attempt(Duration::from_secs(1)))))
        .layer(BreakerLayer::new(BreakerConfig::default().without_observers()))
        .boxed_clone_sync()
        .service(client());
    is_send_and_sync(&stack);
    assert_eq!(stack.ready().await.unwrap().call(7).await.unwrap(), "item 7");
    assert_eq!(stack.ready().await.unwrap().call(0).await.unwrap(), "a stored item");
}

#[tokio::test]
async fn the_future_of_each_layer_is_sync() {
    let mut retry_service = RetryLayer::new(retry()).layer(client());
    let mut breaker = BreakerLayer::new(BreakerConfig::default().without_observers()).layer(client());
    let mut fallback = FallbackLayer::new(client()).without_observers().layer(client());
    let mut reported = ReportLayer.layer(client());
    let mut bounded = BoundaryLayer.layer(client());
    is_send_and_sync(&(&retry_service, &breaker, &fallback, &reported, &bounded));
    let calls = (retry_service.call(1), breaker.call(1), fallback.call(1), reported.call(1), bounded.call(1));
    is_send_and_sync(&calls);
    assert_eq!(calls.0.await.unwrap(), "item 1");
    is_send_and_sync(&retry_service.oneshot(1));
}

#[tokio::test]
async fn a_run_is_sync_if_its_function_is_not() {
    let layer = RetryLayer::new(retry());
    let ids = Cell::new(0);
    let run = layer.run(move |_: Attempt| -> ClientFuture {
        ids.set(ids.get() + 1);
        let id = ids.get();
        Box::pin(async move { Ok(format!("item {id}")) })
    });
    is_send_and_sync(&run);
    assert_eq!(run.await.unwrap(), "item 1");
}

#[tokio::test]
async fn requests_and_responses_need_not_be_sync() {
    let client = service_fn(|request: Request| async move { Ok::<Request, io::Error>(request) });
    let mut stack = ServiceBuilder::new()
        .layer(FallbackLayer::new(client).without_observers())
        .layer(RetryLayer::new(retry()))
        .layer(BreakerLayer::new(BreakerConfig::default().without_observers()))
        .service(client);
    let call = stack.call(Cell::new(7));
    is_send_and_sync(&call);
    assert_eq!(call.await.unwrap().get(), 7);
}
