//! A time limit, with an error type that doesn't implement `From<Elapsed>`.

use std::{fmt, time::Duration};

use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer, retry::Timeouts};

async fn send(_: u32) -> Result<(), fmt::Error> {
    Ok(())
}

/// Has the bound that a server has for its service.
fn serve(_: impl Service<u32>) {}

fn main() {
    let config = RetryConfig::default().timeouts(Timeouts::attempt(Duration::from_secs(2)));
    serve(ServiceBuilder::new().layer(RetryLayer::new(config)).service(service_fn(send)));
}
