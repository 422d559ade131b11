//! gRPC's service config: how each method is retried, as its owner publishes it.

mod method;
mod plan;
mod policy;
mod read;

pub use policy::{Progress, ServiceConfig};
