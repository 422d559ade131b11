//! PostgreSQL with its own database.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

use super::{Process, Signal, free_port, local};
use crate::Error;

const PACKAGE: &str = "postgresql";

/// A PostgreSQL server.
///
/// If this process runs as root, the server runs as the user `postgres`, because PostgreSQL refuses
/// to run as root; otherwise as the current user. `fsync` is off, so that the disk doesn't
/// influence how long transactions overlap. The server checks for deadlocks after 50 ms instead of
/// 1 s.
#[derive(Debug)]
pub struct PostgresServer {
    address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl PostgresServer {
    /// Creates a database, starts a server on a free port, and waits until it accepts transactions.
    ///
    /// # Errors
    ///
    /// PostgreSQL isn't installed, or doesn't start.
    pub async fn start() -> Result<Self, Error> {
        let programs = programs()?;
        let folder = tempfile::tempdir()?;
        let (data, log) = (folder.path().join("data"), folder.path().join("postgres.log"));
        let user = User::to_run_as()?;
        user.own(folder.path())?;
        let mut initdb = user.command(&programs.join("initdb"));
        initdb.args(["--username=field", "--auth=trust", "--no-sync", "--pgdata"]).arg(&data);
        let output = initdb.current_dir(folder.path()).output()?;
        if !output.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&output.stderr)).into());
        }

        let address = local(free_port()?);
        let mut postgres = user.command(&programs.join("postgres"));
        postgres.current_dir(folder.path()).arg("-D").arg(&data);
        postgres.args(["-p", &address.port().to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "deadlock_timeout=50ms",
            "max_connections=200",
        ] {
            postgres.args(["-c", setting]);
        }
        let mut process = Process::start("postgres", PACKAGE, &mut postgres, &log)?;
        process.accepts(address, &log).await?;
        let server = Self { address, process, _folder: folder };
        server.answers().await?;
        Ok(server)
    }

    /// Waits until the server accepts transactions, which it does later than connections.
    async fn answers(&self) -> Result<(), Error> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(error) = tokio_postgres::connect(&self.settings(), NoTls).await {
            if Instant::now() >= deadline {
                return Err(format!("postgres doesn't answer: {error:?}").into());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// The connection settings.
    pub fn settings(&self) -> String {
        format!("host={} port={} user=field dbname=postgres", self.address.ip(), self.address.port())
    }

    /// Ends the server by `SIGQUIT`, which also frees its shared memory, unlike `SIGKILL`.
    ///
    /// # Errors
    ///
    /// The server doesn't end.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.process.signal(Signal::QUIT)?;
        self.process.ended(Duration::from_secs(10)).await?;
        Ok(())
    }
}

/// The program folder of the newest PostgreSQL, as Debian installs it.
fn programs() -> Result<PathBuf, Error> {
    let missing =
        || format!("/usr/lib/postgresql/*/bin/postgres isn't installed; on Debian: apt-get install {PACKAGE}");
    let mut folders: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .map_err(|_| missing())?
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder): &(u32, PathBuf)| folder.join("postgres").exists())
        .collect();
    folders.sort();
    folders.pop().map(|(_, folder)| folder).ok_or_else(|| missing().into())
}

/// The user that runs PostgreSQL.
#[derive(Debug, Clone, Copy)]
enum User {
    Current,
    /// `postgres`, with its user and group ids.
    Postgres {
        user: u32,
        group: u32,
    },
}

impl User {
    fn to_run_as() -> Result<Self, Error> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(Self::Current);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let numbers = accounts.lines().find_map(|line| {
            let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        });
        match numbers {
            Some((user, group)) => Ok(Self::Postgres { user, group }),
            None => Err(format!(
                "PostgreSQL doesn't run as root, and there is no user postgres; on Debian: apt-get install {PACKAGE}"
            )
            .into()),
        }
    }

    fn own(self, folder: &Path) -> Result<(), Error> {
        match self {
            Self::Current => Ok(()),
            Self::Postgres { user, group } => Ok(chown(folder, Some(user), Some(group))?),
        }
    }

    fn command(self, program: &Path) -> Command {
        match self {
            Self::Current => Command::new(program),
            Self::Postgres { user, group } => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]);
                command.arg(program);
                command
            }
        }
    }
}
