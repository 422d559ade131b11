//! A breaker keeps the error type of its service, but a rejection doesn't convert into that type.

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer};

#[derive(Debug)]
struct CallError;

async fn call(_: ()) -> Result<(), CallError> {
    unimplemented!()
}

async fn run() {
    let layer = BreakerLayer::new(BreakerConfig::default()).keep_error();
    let mut service = ServiceBuilder::new().layer(layer).service(service_fn(call));
    drop(service.ready().await.unwrap().call(()).await);
}

fn main() {
    drop(run());
}
