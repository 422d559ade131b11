//! A retry around a service that can't be cloned.

use std::io;

use tower::{ServiceBuilder, service_fn, util::BoxService};
use tower_recourse::{RetryConfig, RetryLayer};

async fn send(_: u32) -> io::Result<()> {
    Ok(())
}

async fn run() -> io::Result<()> {
    let client = BoxService::new(service_fn(send));
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(RetryConfig::default())).service(client);
    service.ready().await?.call(1).await
}

fn main() {
    drop(run());
}
