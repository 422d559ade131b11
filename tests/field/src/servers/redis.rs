//! redis-server with an append-only file that it syncs before each response, so that it loses
//! nothing that it has confirmed, even after kill -9.

use std::{net::SocketAddr, process::Command};

use tempfile::TempDir;

use super::{Process, free_port, local};
use crate::Error;

/// A Redis server with its own folder.
#[derive(Debug)]
pub struct RedisServer {
    address: SocketAddr,
    serving: Option<Process>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server on a free port, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// redis-server isn't installed, or doesn't start.
    pub async fn start() -> Result<Self, Error> {
        let mut server = Self { address: local(free_port()?), serving: None, folder: tempfile::tempdir()? };
        server.start_again().await?;
        Ok(server)
    }

    /// The address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server by `SIGKILL`.
    ///
    /// # Errors
    ///
    /// The process can't be killed.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.serving.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Starts the server with its previous data.
    ///
    /// # Errors
    ///
    /// The server doesn't start.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.address.port().to_string(), "--bind", "127.0.0.1"]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        command.arg("--dir").arg(self.folder.path());
        let log = self.folder.path().join("redis.log");
        let mut process = Process::start("redis-server", "redis-server", &mut command, &log)?;
        process.accepts(self.address, &log).await?;
        self.serving = Some(process);
        Ok(())
    }
}
