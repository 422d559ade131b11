//! The programs of the pages on apalis and graphile_worker, with these crates.
//!
//! `cargo test --doc --manifest-path tests/job_queues/Cargo.toml`
//!
//! graphile_worker needs Debian's package `postgresql`: its program starts a server.

#[doc = include_str!("../../../src/integrations/apalis.md")]
pub mod apalis {}

#[doc = include_str!("../../../src/integrations/graphile_worker.md")]
pub mod graphile_worker {}

// The server of other tests, which restart it.
#[allow(dead_code)]
#[path = "../../../crates/tower-recourse-defer/tests/support/postgres_server.rs"]
mod postgres_server;

/// A PostgreSQL server for the hidden lines of a page. Stops when it is dropped.
pub struct Server(postgres_server::PostgresServer);

impl Server {
    pub async fn start() -> Self {
        Self(postgres_server::PostgresServer::start().await)
    }

    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Stops the server like an operator, and starts it again.
    pub async fn restart(&mut self) {
        self.0.restart("-INT").await;
    }
}
