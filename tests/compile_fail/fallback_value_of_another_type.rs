//! A fallback value that isn't a response of the service.

use std::io;

use tower::{ServiceBuilder, service_fn};
use tower_recourse::FallbackLayer;

async fn send(_: u32) -> io::Result<String> {
    Ok(String::new())
}

async fn run() {
    let service = ServiceBuilder::new().layer(FallbackLayer::value("a stored item")).service(service_fn(send));
    drop(service.oneshot(1).await);
}

fn main() {
    drop(run());
}
