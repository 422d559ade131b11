//! nginx as a gateway in front of upstreams.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;

use super::{Process, Signal, free_port, local, program};
use crate::Error;

/// The settings that differ between scenarios.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The upstreams, used round-robin.
    pub upstreams: Vec<SocketAddr>,
    /// nginx answers 504 if the upstream doesn't respond within this time.
    pub read_timeout: Duration,
    /// How long nginx keeps an idle connection of a client.
    pub keepalive: Duration,
    /// The number of requests that nginx accepts on one connection of a client.
    pub requests_per_connection: u32,
    /// HTTP/2 without TLS instead of HTTP/1.
    pub http2: bool,
    pub limit: Option<Limit>,
}

/// A rate limit.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Requests per second.
    pub rate: u32,
    /// The status of responses to requests above the limit.
    pub status: u16,
    /// The `Retry-After` of those responses in seconds. `None`: they have no such header.
    pub retry_after: Option<u32>,
}

impl Settings {
    pub fn new(upstreams: Vec<SocketAddr>) -> Self {
        Self {
            upstreams,
            read_timeout: Duration::from_secs(60),
            keepalive: Duration::from_secs(75),
            requests_per_connection: 1_000_000,
            http2: false,
            limit: None,
        }
    }

    /// nginx neither tries another upstream nor marks one as failed, so that clients see each
    /// failure.
    fn config(&self, folder: &str, port: u16) -> String {
        let mut servers = String::new();
        for upstream in &self.upstreams {
            _ = write!(servers, "server {upstream} max_fails=0; ");
        }
        let (mut zone, mut limit) = (String::new(), String::new());
        if let Some(Limit { rate, status, retry_after }) = self.limit {
            zone = format!("limit_req_zone $server_name zone=all:1m rate={rate}r/s;");
            limit = format!("limit_req zone=all burst=5 nodelay; limit_req_status {status};");
            if let Some(seconds) = retry_after {
                _ = write!(
                    limit,
                    "error_page {status} @limited; }} \
                     location @limited {{ add_header Retry-After {seconds} always; return {status};"
                );
            }
        }
        format!(
            "daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n\
             access_log off;\n\
             client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
             uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
             {zone}\n\
             upstream up {{ {servers}keepalive 64; }}\n\
             server {{\n\
             listen 127.0.0.1:{port}{};\n\
             server_name field;\n\
             keepalive_timeout {}ms; keepalive_requests {};\n\
             location / {{\n\
             proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             proxy_next_upstream off; proxy_read_timeout {}ms;\n\
             {limit}\n\
             }}\n\
             }}\n\
             }}\n",
            if self.http2 { " http2" } else { "" },
            self.keepalive.as_millis(),
            self.requests_per_connection,
            self.read_timeout.as_millis(),
        )
    }
}

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    folder: TempDir,
    address: SocketAddr,
}

impl Nginx {
    /// # Errors
    ///
    /// nginx isn't installed, or doesn't accept connections.
    pub async fn start(settings: &Settings) -> Result<Self, Error> {
        let folder = TempDir::with_prefix("field-nginx-")?;
        let port = free_port()?;
        let path = folder.path().to_str().ok_or("the path of the temporary folder isn't Unicode")?;
        std::fs::write(folder.path().join("nginx.conf"), settings.config(path, port))?;
        let mut nginx = Self { process: Self::spawn(&folder)?, folder, address: local(port) };
        nginx.accepts().await?;
        Ok(nginx)
    }

    /// The address to which clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn spawn(folder: &TempDir) -> Result<Process, Error> {
        let path = folder.path();
        let mut command = Command::new(program("nginx"));
        command.arg("-p").arg(path).arg("-c").arg(path.join("nginx.conf")).arg("-e").arg(path.join("error.log"));
        Process::start("nginx", "nginx-light", &mut command, &Self::log(folder))
    }

    fn log(folder: &TempDir) -> PathBuf {
        folder.path().join("error.log")
    }

    async fn accepts(&mut self) -> Result<(), Error> {
        self.process.accepts(self.address, &Self::log(&self.folder)).await
    }

    /// Reloads the configuration: new workers take over, and the old ones end after their
    /// responses.
    pub fn reload(&self) -> Result<(), Error> {
        self.process.signal(Signal::HUP)
    }

    /// Stops nginx after it has answered all accepted requests, then starts it again. Meanwhile no
    /// process listens.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.process.signal(Signal::QUIT)?;
        self.process.ended(Duration::from_secs(10)).await?;
        self.start_again().await
    }

    /// Kills nginx and its workers.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.kill()
    }

    /// Starts nginx after it was killed.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        // A killed nginx leaves its pid file behind.
        _ = std::fs::remove_file(self.folder.path().join("pid"));
        self.process = Self::spawn(&self.folder)?;
        self.accepts().await
    }
}
