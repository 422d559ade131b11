//! The preset for HTTP around a client whose request body can be neither cloned nor wrapped.

use std::{convert::Infallible, io};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer};

type Upload = Request<Channel<Bytes, io::Error>>;

async fn send(_: Upload) -> Result<Response<String>, Infallible> {
    Ok(Response::new(String::new()))
}

/// Has the bound that a server has for its service.
fn serve(_: impl Service<Upload>) {}

fn main() {
    serve(ServiceBuilder::new().layer(RetryLayer::new(RetryConfig::http())).service(service_fn(send)));
}
