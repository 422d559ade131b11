//! A service under a scripted outage, with real layers around a real client and server, whose
//! metrics a real Prometheus scrapes.

mod http_client;
pub mod jobs;
pub mod prometheus;
pub mod script;
pub mod service;
#[cfg(test)]
mod tests;
pub mod upstream;
