//! gRPC's service config: retry policies per method, published by the owner of a service.

mod method;
mod plan;
mod policy;
mod read;

pub use policy::{Progress, ServiceConfig};
