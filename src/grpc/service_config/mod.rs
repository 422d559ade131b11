//! gRPC's service config: retry policies per method, published by the owner of a service.

mod config;
mod describe;
mod json_field;
mod method_name;
mod parse;
mod retry_policy;

pub use config::{ServiceConfig, ServiceConfigState};
