//! A keyed breaker whose key function reads another request type.

use std::io;

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer};

async fn send(_: String) -> io::Result<()> {
    Ok(())
}

async fn run() {
    let layer = BreakerLayer::keyed(BreakerConfig::default(), |id: &u32| *id);
    let service = ServiceBuilder::new().layer(layer).service(service_fn(send));
    drop(service.oneshot("a request".to_owned()).await);
}

fn main() {
    drop(run());
}
