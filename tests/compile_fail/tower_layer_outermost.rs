//! A layer of tower is the outermost one, and `check_service` states what the stack has to be.

use std::{
    future::{Ready, ready},
    io,
};

use tower::{BoxError, ServiceBuilder, service_fn, util::ServiceFn};
use tower_recourse::{RetryConfig, RetryLayer};

struct Upload;

type Client = ServiceFn<fn(Upload) -> Ready<io::Result<()>>>;

fn main() {
    let client: Client = service_fn(|_| ready(Ok(())));
    let service = ServiceBuilder::new()
        .map_err(BoxError::from)
        .layer(RetryLayer::new(RetryConfig::default()))
        .check_service::<Client, Upload, (), BoxError>()
        .service(client);
    drop(service);
}
