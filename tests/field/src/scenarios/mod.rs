//! The scenarios, by protocol. A scenario runs its clients, and returns a [`Report`].

mod grpc;
mod half_open;
mod http;
mod postgres;
mod redis;

use futures_util::future::BoxFuture;

use crate::{Error, table::Report};

/// A named scenario, ready to run.
pub struct Scenario {
    /// The unique name, by which `--only` selects.
    pub name: &'static str,
    /// Whether it belongs to the selection of `--short`.
    pub short: bool,
    /// Starts its servers, runs all clients, and stops the servers.
    pub run: Box<dyn Fn() -> BoxFuture<'static, Result<Report, Error>>>,
}

/// All scenarios, in the order of the tables.
pub fn all() -> Vec<Scenario> {
    let mut scenarios = http::scenarios();
    scenarios.extend(grpc::scenarios());
    scenarios.push(half_open::scenario());
    scenarios.extend(redis::scenarios());
    scenarios.extend(postgres::scenarios());
    scenarios
}
