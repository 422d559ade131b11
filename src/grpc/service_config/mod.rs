//! gRPC's service config: retry policies per method, published by the owner of a service.

mod config;
mod method;
mod read;
mod retry_policy;

pub use config::{ServiceConfig, ServiceConfigState};
