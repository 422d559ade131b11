//! Python scripts with grpcio that read commands from standard input and write lines.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{ChildStdin, Command},
    thread,
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};

use super::Process;
use crate::Error;

const PACKAGE: &str = "python3-grpcio";

/// A running script. Dropping it kills the script.
#[derive(Debug)]
pub struct Python {
    process: Process,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Python {
    /// Starts a script. `consume` receives each line that the script writes. If it returns false,
    /// [`expect`](Self::expect) receives the line.
    ///
    /// # Errors
    ///
    /// Python isn't installed.
    pub fn start(
        script: &str,
        arguments: &[&str],
        mut consume: impl FnMut(&str) -> bool + Send + 'static,
    ) -> Result<Self, Error> {
        // Debian's Python finds Debian's packages. Another Python may come first on the search
        // path.
        let debian = Path::new("/usr/bin/python3");
        let mut command = Command::new(if debian.exists() { debian } else { Path::new("python3") });
        command.arg("-c").arg(script).args(arguments);
        let (process, input, output) = Process::piped("python3", PACKAGE, &mut command)?;
        let (sender, lines) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if !consume(&line) {
                    _ = sender.send(line);
                }
            }
        });
        Ok(Self { process, input, lines })
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The standard input of the script.
    pub fn input(&mut self) -> &mut ChildStdin {
        &mut self.input
    }

    /// Waits for a line.
    ///
    /// # Errors
    ///
    /// The script writes another line, ends, or writes nothing for 20 s.
    pub async fn expect(&mut self, line: &str) -> Result<(), Error> {
        match timeout(Duration::from_secs(20), self.lines.recv()).await {
            Ok(Some(read)) if read == line => Ok(()),
            other => Err(format!(
                "a Python script wrote {other:?} instead of `{line}`; is grpcio installed? On Debian: \
                 apt-get install {PACKAGE}"
            )
            .into()),
        }
    }
}
