//! A rejection is answered with a response whose body only a connection can make.

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer, http::Unavailable};

async fn send(_: Request<Empty<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
    unimplemented!()
}

async fn run() {
    let layer = BreakerLayer::new(BreakerConfig::http()).on_rejection(Unavailable);
    let service = ServiceBuilder::new().layer(layer).service(service_fn(send));
    drop(service.oneshot(Request::new(Empty::new())).await);
}

fn main() {
    drop(run());
}
