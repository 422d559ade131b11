//! The preset for HTTP around a client whose request body can be neither cloned nor wrapped.

use std::convert::Infallible;

use http::{Request, Response};
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer};

async fn send(_: Request<String>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(String::new()))
}

async fn run() {
    let service = ServiceBuilder::new().layer(RetryLayer::new(RetryConfig::http())).service(service_fn(send));
    drop(service.oneshot(Request::new("a body".to_owned())).await);
}

fn main() {
    drop(run());
}
