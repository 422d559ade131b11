//! A gRPC server in Python (grpcio) that logs each attempt.
//!
//! The next process loads its modules in advance, and opens the port on command. The time between
//! two servers is therefore set by the scenario, not by Python's start-up time.

use std::{
    collections::HashMap,
    fmt,
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Signal, free_port, local, python::Python};
use crate::Error;

const SCRIPT: &str = include_str!("grpc_server.py");

/// What the server does with each attempt.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Fails the first attempt of each request id with a code, and accepts the others.
    Once(&'static str, Pushback),
    /// Fails every attempt with a code.
    Always(&'static str, Pushback),
    /// Accepts this many calls per second and client, and fails the others with RESOURCE_EXHAUSTED.
    Limit(u32, Pushback),
    /// Responds after this time.
    Slow(Duration),
}

/// The server's `grpc-retry-pushback-ms`.
#[derive(Clone, Copy, Debug)]
pub enum Pushback {
    /// No such header.
    Absent,
    /// Forbids a retry (-1).
    Never,
    /// Requests a retry after this time.
    After(Duration),
}

/// One attempt that the server received.
#[derive(Clone, Debug)]
struct Attempt {
    id: String,
    method: String,
    executed: bool,
}

/// The attempts that all processes of one server received. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Attempt>>>);

impl Log {
    /// The number of attempts of the client whose request ids begin with `prefix`.
    pub fn received(&self, prefix: &str) -> u32 {
        self.attempts(|attempts| attempts.filter(|attempt| attempt.id.starts_with(prefix)).count() as u32)
    }

    /// The number of requests of one client and one method that were executed more than once.
    pub fn executed_twice(&self, prefix: &str, method: &str) -> u32 {
        self.attempts(|attempts| {
            let mut executions: HashMap<&str, u32> = HashMap::new();
            for attempt in attempts.filter(|attempt| attempt.executed && attempt.method == method) {
                if attempt.id.starts_with(prefix) {
                    *executions.entry(&attempt.id).or_default() += 1;
                }
            }
            executions.values().filter(|times| **times > 1).count() as u32
        })
    }

    fn attempts<T>(&self, read: impl FnOnce(std::slice::Iter<'_, Attempt>) -> T) -> T {
        read(self.0.lock().unwrap_or_else(PoisonError::into_inner).iter())
    }

    fn add(&self, attempt: Attempt) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }
}

/// The server. Dropping it kills its processes.
#[derive(Debug)]
pub struct GrpcServer {
    address: SocketAddr,
    log: Log,
    serving: Option<Python>,
    standby: Option<Python>,
}

impl GrpcServer {
    /// Starts a server on a free port, and waits until it serves.
    ///
    /// # Errors
    ///
    /// Python or grpcio isn't installed.
    pub async fn start() -> Result<Self, Error> {
        let address = local(free_port()?);
        let mut server = Self { address, log: Log::default(), serving: None, standby: None };
        server.prepare().await?;
        server.listen().await?;
        Ok(server)
    }

    /// The address on which all of its processes listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The attempts so far.
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Sets the mode of the serving process. A new process responds to each call after 5 ms.
    ///
    /// # Errors
    ///
    /// No process serves.
    pub async fn set(&mut self, mode: Mode) -> Result<(), Error> {
        let serving = self.serving.as_mut().ok_or("the gRPC server isn't running")?;
        command(serving, &format!("mode {mode}"), "mode").await
    }

    /// Ends the serving process by `SIGKILL`. The kernel resets its connections.
    ///
    /// # Errors
    ///
    /// The process can't be killed.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.serving.take().map_or(Ok(()), |mut python| python.process().kill())
    }

    /// Ends the serving process by `SIGTERM`: it refuses new calls and finishes those in flight.
    ///
    /// # Errors
    ///
    /// The process doesn't end.
    pub async fn terminate(&mut self) -> Result<(), Error> {
        let Some(mut python) = self.serving.take() else { return Ok(()) };
        python.process().signal(Signal::TERM)?;
        python.process().ended(Duration::from_secs(10)).await?;
        Ok(())
    }

    /// Starts the process that [`listen`](Self::listen) uses.
    ///
    /// # Errors
    ///
    /// Python or grpcio isn't installed.
    pub async fn prepare(&mut self) -> Result<(), Error> {
        let log = self.log.clone();
        let log_attempts = move |line: &str| parse(line).map(|attempt| log.add(attempt)).is_some();
        let mut python = Python::start(SCRIPT, &[&self.address.port().to_string()], log_attempts)?;
        python.expect("ready").await?;
        self.standby = Some(python);
        Ok(())
    }

    /// Makes the prepared process serve.
    ///
    /// # Errors
    ///
    /// No process was prepared, or the port is taken.
    pub async fn listen(&mut self) -> Result<(), Error> {
        let mut python = self.standby.take().ok_or("no gRPC server was prepared")?;
        command(&mut python, "listen", "listening").await?;
        self.serving = Some(python);
        Ok(())
    }
}

async fn command(python: &mut Python, line: &str, answer: &str) -> Result<(), Error> {
    writeln!(python.input(), "{line}")?;
    python.expect(answer).await
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once(code, pushback) => write!(f, "once {code} {pushback}"),
            Self::Always(code, pushback) => write!(f, "always {code} {pushback}"),
            Self::Limit(rate, pushback) => write!(f, "limit {rate} {pushback}"),
            Self::Slow(time) => write!(f, "slow {}", time.as_millis()),
        }
    }
}

impl fmt::Display for Pushback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Never => f.write_str("-1"),
            Self::After(time) => write!(f, "{}", time.as_millis()),
        }
    }
}

/// Reads `+ ID METHOD` or `- ID METHOD CODE`.
fn parse(line: &str) -> Option<Attempt> {
    let mut words = line.split(' ');
    let executed = match words.next()? {
        "+" => true,
        "-" => false,
        _ => return None,
    };
    let (id, method) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Attempt { id, method, executed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executions_of_one_id_count_as_twice() {
        let log = Log::default();
        for line in ["- 1-7 Add UNAVAILABLE", "+ 1-7 Add", "+ 1-8 Add", "+ 1-8 Add", "+ 1-9 Get", "+ 2-8 Add"] {
            log.add(parse(line).unwrap());
        }
        assert_eq!(log.received("1-"), 5);
        assert_eq!(log.executed_twice("1-", "Add"), 1);
        assert_eq!(log.executed_twice("1-", "Get"), 0);
        assert!(parse("listening").is_none());
    }
}
