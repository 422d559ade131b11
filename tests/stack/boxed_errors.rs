//! Stacks of all layers with boxed errors inside and outside.

use std::{convert::Infallible, io};

use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, FallbackError, FallbackLayer, RetryConfig, RetryLayer,
    breaker::TripRule, retry::Backoff,
};

fn retry() -> RetryLayer {
    RetryLayer::new(RetryConfig::default().without_observers().backoff(Backoff::none()).idempotent().retries(1))
}

/// Opens at the first failure.
fn breaker() -> BreakerLayer {
    let config = BreakerConfig::default().without_observers().open_when(TripRule::consecutive(1).unwrap());
    BreakerLayer::new(config)
}

async fn refused(_: u32) -> Result<String, BoxError> {
    Err(io::Error::from(io::ErrorKind::ConnectionRefused).into())
}

async fn no_backup(_: u32) -> Result<String, BoxError> {
    Err("not in the cache".into())
}

#[tokio::test(start_paused = true)]
async fn a_boxed_error_passes_through_all_three_layers() {
    let service = ServiceBuilder::new()
        .boxed_clone_sync()
        .map_err(FallbackError::into_boxed)
        .layer(FallbackLayer::new(service_fn(no_backup)).without_observers())
        .layer(retry())
        .layer(breaker())
        .service(service_fn(refused));
    let call = tokio::spawn(async move { service.oneshot(7).await });
    let error: BoxError = call.await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "connection refused (all 2 attempts failed), and the fallback failed: not in the cache"
    );
    assert!(error.source().is_some_and(|error| error.is::<io::Error>()), "{error:?}");
}

#[test]
fn the_primary_error_comes_out_of_its_box() {
    let error = FallbackError::<_, Infallible>::Primary(BreakerError::<BoxError>::Inner("busy".into()));
    assert_eq!(error.into_boxed().to_string(), "busy");
    let error = FallbackError::<_, Infallible>::Primary(io::Error::other("disk"));
    assert!(error.into_boxed().is::<io::Error>());
    let error = FallbackError::<_, Infallible>::Primary(BoxError::from("busy"));
    assert_eq!(error.into_boxed().to_string(), "busy");
}

/// Boxes the error of every service that answers a `u32`.
fn boxed<S>(service: S) -> impl Service<u32, Response = S::Response, Error = BoxError>
where
    S: Service<u32, Error: Into<BoxError>>,
{
    service.map_err(Into::into)
}

#[tokio::test]
async fn other_orders_of_layers_can_be_boxed() {
    let fallback = || FallbackLayer::new(service_fn(no_backup)).without_observers();
    let breaker_outside = breaker().layer(fallback().layer(service_fn(refused)));
    let error = boxed(breaker_outside.map_err(BreakerError::into_boxed)).oneshot(7).await.unwrap_err();
    assert_eq!(error.to_string(), "connection refused, and the fallback failed: not in the cache");

    let two_fallbacks = fallback().layer(fallback().layer(breaker().layer(service_fn(refused))));
    let error = boxed(two_fallbacks.map_err(FallbackError::into_boxed)).oneshot(7).await.unwrap_err();
    assert!(error.to_string().contains("connection refused"), "{error}");

    let two_breakers = breaker().layer(breaker().layer(service_fn(refused)));
    let error = boxed(two_breakers.map_err(BreakerError::into_boxed)).oneshot(7).await.unwrap_err();
    assert!(error.is::<io::Error>());
}

#[tokio::test]
async fn generic_errors_can_be_boxed() {
    fn protect<S>(inner: S) -> impl Service<u32, Response = S::Response, Error = BoxError>
    where
        S: Service<u32, Error: Into<BoxError> + 'static>,
    {
        breaker().layer(inner.map_err(Into::into)).map_err(BreakerError::into_boxed)
    }
    let client = service_fn(|_: u32| async { Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut)) });
    assert!(protect(client).oneshot(7).await.unwrap_err().is::<io::Error>());
}
