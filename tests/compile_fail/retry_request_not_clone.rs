//! A request that isn't `Clone`, in a retry.

use std::io;

use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer};

struct Upload(std::fs::File);

async fn send(upload: Upload) -> Result<(), io::Error> {
    upload.0.sync_all()
}

/// Has the bound that a server has for its service.
fn serve(_: impl Service<Upload>) {}

fn main() {
    serve(ServiceBuilder::new().layer(RetryLayer::new(RetryConfig::default())).service(service_fn(send)));
}
