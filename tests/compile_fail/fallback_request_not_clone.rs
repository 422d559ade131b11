//! A fallback to another service, for requests that can't be cloned.

use std::io;

use tower::{ServiceBuilder, service_fn};
use tower_recourse::FallbackLayer;

struct Upload;

async fn send(_: Upload) -> io::Result<()> {
    Ok(())
}

async fn run() {
    let service = ServiceBuilder::new().layer(FallbackLayer::new(service_fn(send))).service(service_fn(send));
    drop(service.oneshot(Upload).await);
}

fn main() {
    drop(run());
}
