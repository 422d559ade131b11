//! A retry around a service whose requests can't be cloned.

use std::io;

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer};

struct Upload;

async fn send(_: Upload) -> io::Result<()> {
    Ok(())
}

async fn run() -> io::Result<()> {
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(RetryConfig::default())).service(service_fn(send));
    service.ready().await?.call(Upload).await
}

fn main() {
    drop(run());
}
