//! A PostgreSQL server of its own, in a temporary folder.

use std::{
    error::Error,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use postgres::{Client, NoTls};
use tempfile::TempDir;

/// Stops when it is dropped.
pub(crate) struct PostgresServer {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl PostgresServer {
    /// Creates a database and starts the newest installed PostgreSQL on a free port.
    ///
    /// `fsync` is off, because the data is temporary. The server looks for deadlocks after 50 ms
    /// instead of 1 s, so that the programs here end sooner.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let programs = programs().ok_or("PostgreSQL isn't installed; on Debian: apt-get install postgresql")?;
        let folder = tempfile::tempdir()?;
        let (data, log) = (folder.path().join("data"), folder.path().join("log"));
        let initdb = command(&programs.join("initdb"), folder.path())?
            .args(["--username=example", "--auth=trust", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()?;
        if !initdb.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&initdb.stderr)).into());
        }
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut postgres = command(&programs.join("postgres"), folder.path())?;
        postgres.arg("-D").arg(&data).args(["-p", &address.port().to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "deadlock_timeout=50ms"]
        {
            postgres.args(["-c", setting]);
        }
        let output = File::create(&log)?;
        postgres.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let server = Self { process: postgres.spawn()?, address, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Connection settings for `tokio_postgres` and `postgres`.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://example@{}/postgres", self.address)
    }

    fn wait_until_ready(&self) -> Result<(), Box<dyn Error>> {
        for _ in 0..500 {
            if Client::connect(&self.url(), NoTls).is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        Err(fs::read_to_string(self.folder.path().join("log"))?.into())
    }
}

impl Drop for PostgresServer {
    /// SIGQUIT also frees the server's shared memory, unlike SIGKILL.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// The folder of the newest PostgreSQL, where Debian installs it.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let newest = versions.filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok()).max()?;
    Some(Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin"))
}

/// A program of PostgreSQL, which refuses to run as root. If this process runs as root, the program
/// runs as the user `postgres`, who gets the folder.
fn command(program: &Path, folder: &Path) -> Result<Command, Box<dyn Error>> {
    let mut command = if fs::metadata("/proc/self")?.uid() == 0 {
        let accounts = fs::read_to_string("/etc/passwd")?;
        let account = accounts.lines().find_map(|line| line.strip_prefix("postgres:")).ok_or("no user postgres")?;
        let ids: Vec<u32> = account.split(':').filter_map(|field| field.parse().ok()).take(2).collect();
        let &[user, group] = &*ids else { return Err("no ids of the user postgres".into()) };
        chown(folder, Some(user), Some(group))?;
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder);
    Ok(command)
}
