//! A classifier closure for an error that the service doesn't return.

use std::{fmt, io};

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer, Verdict};

async fn send(_: u32) -> io::Result<()> {
    Ok(())
}

async fn run() -> io::Result<()> {
    let config = RetryConfig::default().classify_errors(|_: &fmt::Error| Some(Verdict::permanent()));
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(config)).service(service_fn(send));
    service.ready().await?.call(1).await
}

fn main() {
    drop(run());
}
