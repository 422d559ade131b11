//! The preset for HTTP around a service whose requests aren't HTTP.

use std::io;

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer};

async fn send(_: u32) -> io::Result<String> {
    Ok(String::new())
}

async fn run() -> io::Result<String> {
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(RetryConfig::http())).service(service_fn(send));
    service.ready().await?.call(1).await
}

fn main() {
    drop(run());
}
