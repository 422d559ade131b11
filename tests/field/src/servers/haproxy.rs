//! HAProxy as a gateway in front of upstreams, without health checks and without its own retries.

use std::{fmt::Write as _, net::SocketAddr, process::Command, time::Duration};

use tempfile::TempDir;

use super::{Process, free_port, local, program};
use crate::Error;

/// The settings that differ between scenarios.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The upstreams, used round-robin.
    pub upstreams: Vec<SocketAddr>,
    /// Concurrent requests per upstream. Further requests wait in a queue.
    pub concurrency: u32,
    /// How long a request waits in that queue before HAProxy answers 503.
    pub queue: Duration,
}

impl Settings {
    pub fn new(upstreams: Vec<SocketAddr>) -> Self {
        Self { upstreams, concurrency: 1000, queue: Duration::from_secs(5) }
    }

    fn config(&self, port: u16) -> String {
        let mut servers = String::new();
        for (number, upstream) in self.upstreams.iter().enumerate() {
            _ = writeln!(servers, "    server s{number} {upstream} maxconn {}", self.concurrency);
        }
        format!(
            "global\n\
             \x20   maxconn 4000\n\
             \x20   nbthread 1\n\
             defaults\n\
             \x20   mode http\n\
             \x20   retries 0\n\
             \x20   timeout connect 1s\n\
             \x20   timeout client 60s\n\
             \x20   timeout server 60s\n\
             \x20   timeout queue {}ms\n\
             frontend front\n\
             \x20   bind 127.0.0.1:{port}\n\
             \x20   default_backend back\n\
             backend back\n\
             \x20   balance roundrobin\n\
             {servers}",
            self.queue.as_millis()
        )
    }
}

/// A running HAProxy.
#[derive(Debug)]
pub struct Haproxy {
    _process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Haproxy {
    /// # Errors
    ///
    /// HAProxy isn't installed, or doesn't accept connections.
    pub async fn start(settings: &Settings) -> Result<Self, Error> {
        let folder = TempDir::with_prefix("field-haproxy-")?;
        let (config, log) = (folder.path().join("haproxy.cfg"), folder.path().join("log"));
        let address = local(free_port()?);
        std::fs::write(&config, settings.config(address.port()))?;
        let mut command = Command::new(program("haproxy"));
        command.arg("-db").arg("-f").arg(&config);
        let mut process = Process::start("haproxy", "haproxy", &mut command, &log)?;
        process.accepts(address, &log).await?;
        Ok(Self { _process: process, _folder: folder, address })
    }

    /// The address to which clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
