//! Servers on loopback, each with its own configuration in a temporary folder. Dropping a server's
//! value, including during a panic, kills the server.

pub mod grpc;
pub mod haproxy;
pub mod nginx;
pub mod postgres;
pub mod python;
pub mod redis;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::Error;

/// A free port on loopback, below the range of ephemeral ports (from 32768 on Linux by default).
/// While the server of an ephemeral port is down, the kernel could assign that port to a client,
/// which would then connect to itself.
///
/// # Errors
///
/// All ports from 21000 to 31999 are in use.
pub fn free_port() -> Result<u16, Error> {
    const FIRST: u16 = 21_000;
    const COUNT: u16 = 11_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Concurrent runs begin at different ports.
    let offset = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (offset + next % COUNT) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("all ports from 21000 to 31999 are in use".into())
}

/// The loopback address of a port.
pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The path of a server's program. Debian installs servers in `/usr/sbin`, which isn't in every
/// user's `PATH`.
pub fn program(name: &str) -> PathBuf {
    let path = Path::new("/usr/sbin").join(name);
    if path.exists() { path } else { name.into() }
}

/// A child process in its own process group. Dropping it kills the whole group.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    ended: bool,
}

impl Process {
    /// Starts `program` with its output in `log`. `package` is the Debian package of the program.
    ///
    /// # Errors
    ///
    /// The program isn't installed, or can't be started.
    pub fn start(program: &'static str, package: &str, command: &mut Command, log: &Path) -> Result<Self, Error> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        Self::spawn(program, package, command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))
    }

    /// Starts `program` with pipes to its standard input and from its standard output.
    ///
    /// # Errors
    ///
    /// The program isn't installed, or can't be started.
    pub fn piped(
        program: &'static str,
        package: &str,
        command: &mut Command,
    ) -> Result<(Self, ChildStdin, ChildStdout), Error> {
        let mut process = Self::spawn(program, package, command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let pipes = process.child.stdin.take().zip(process.child.stdout.take());
        let (input, output) = pipes.ok_or("a child process has no pipes")?;
        Ok((process, input, output))
    }

    fn spawn(program: &'static str, package: &str, command: &mut Command) -> Result<Self, Error> {
        match command.process_group(0).spawn() {
            Ok(child) => Ok(Self { name: program, child, ended: false }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(format!("{program} isn't installed; on Debian: apt-get install {package}").into())
            }
            Err(error) => Err(format!("{program} can't be started: {error}").into()),
        }
    }

    /// Sends a signal to the process itself, not to its group.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Sends `SIGKILL` to the whole group and waits for the process.
    pub fn kill(&mut self) -> Result<(), Error> {
        kill_process_group(Pid::from_child(&self.child), Signal::KILL)?;
        self.child.wait()?;
        self.ended = true;
        Ok(())
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    ///
    /// The process still runs after `patience`.
    pub async fn ended(&mut self, patience: Duration) -> Result<ExitStatus, Error> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.ended = true;
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(format!("{} still runs after {patience:?}", self.name).into());
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until `address` accepts connections.
    ///
    /// # Errors
    ///
    /// The process has ended, or the address doesn't accept connections within 10 s. The message
    /// contains the end of `log`.
    pub async fn accepts(&mut self, address: SocketAddr, log: &Path) -> Result<(), Error> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).await.is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() >= deadline {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                let end: Vec<_> = log.lines().rev().take(5).collect();
                let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(format!("{} doesn't accept connections on {address} ({ended:?}):\n{end}", self.name).into());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            // An error means that the process group has already ended.
            _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(program: &'static str, arguments: &[&str]) -> Result<Process, Error> {
        let mut command = Command::new(program);
        Process::start(program, "the-package", command.args(arguments), Path::new("/dev/null"))
    }

    fn runs(pid: Pid) -> bool {
        rustix::process::test_kill_process(pid).is_ok()
    }

    #[test]
    fn a_missing_server_names_its_package() {
        let error = start("no-such-server", &[]).unwrap_err().to_string();
        assert_eq!(error, "no-such-server isn't installed; on Debian: apt-get install the-package");
    }

    #[tokio::test]
    async fn a_panic_kills_the_server_and_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 100 & echo $! > {}; wait", file.display());
        let (sender, receiver) = std::sync::mpsc::channel();
        let panicked = tokio::spawn(async move {
            let server = start("sh", &["-c", &script]).unwrap();
            sender.send(Pid::from_child(&server.child)).unwrap();
            while !std::fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n')) {
                sleep(Duration::from_millis(2)).await;
            }
            let child: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
            sender.send(Pid::from_raw(child).unwrap()).unwrap();
            panic!("expected by the test");
        });
        assert!(panicked.await.unwrap_err().is_panic());
        let [server, child] = [receiver.recv().unwrap(), receiver.recv().unwrap()];
        assert!(!runs(server));
        // The child is an orphan now. Its process id exists until init has waited for the child.
        while runs(child) && !is_zombie(child) {
            sleep(Duration::from_millis(2)).await;
        }
    }

    fn is_zombie(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.contains(") Z ")
    }

    #[tokio::test]
    async fn a_server_that_ends_early_shows_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo wrong setting; exit 1"]);
        let mut server = Process::start("sh", "dash", &mut command, &log).unwrap();
        let error = server.accepts(local(free_port().unwrap()), &log).await.unwrap_err().to_string();
        assert!(error.ends_with("wrong setting"), "{error}");
    }
}
