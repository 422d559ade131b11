//! A timeout around a service whose error type can't hold one.

use std::{fmt, time::Duration};

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer, retry::Timeouts};

async fn send(_: u32) -> Result<(), fmt::Error> {
    Ok(())
}

async fn run() -> Result<(), fmt::Error> {
    let config = RetryConfig::default().timeouts(Timeouts::attempt(Duration::from_secs(1)));
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(config)).service(service_fn(send));
    service.ready().await?.call(1).await
}

fn main() {
    drop(run());
}
