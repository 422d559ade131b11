//! A request that isn't `Clone`, in a fallback to another service.

use std::io;

use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::FallbackLayer;

struct Upload(std::fs::File);

async fn send(upload: Upload) -> Result<(), io::Error> {
    upload.0.sync_all()
}

/// Has the bound that a server has for its service.
fn serve(_: impl Service<Upload>) {}

fn main() {
    serve(ServiceBuilder::new().layer(FallbackLayer::new(service_fn(send))).service(service_fn(send)));
}
