//! A PostgreSQL server in a temporary folder.

use std::{
    error::Error,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::sleep;
use tokio_postgres::NoTls;

/// Stops when it is dropped.
pub(crate) struct PostgresServer {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl PostgresServer {
    /// Creates a database and starts the newest installed PostgreSQL on a free port. `fsync` is
    /// off, because the data is temporary, and only the processes are killed.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let initdb = command("initdb", folder.path())
            .args(["--username=example", "--auth=trust", "--no-sync", "--pgdata"])
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let server = Self { process: spawn(folder.path(), address).unwrap(), address, folder };
        server.wait_until_ready().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://example@{}/postgres", self.address)
    }

    /// Stops the server by this signal, and starts it again with the same data.
    pub(crate) async fn restart(&mut self, signal: &str) {
        self.signal(signal);
        self.process.wait().unwrap();
        // Processes of a killed server hold its shared memory for a moment.
        for _ in 0..500 {
            self.process = spawn(self.folder.path(), self.address).unwrap();
            sleep(Duration::from_millis(100)).await;
            if self.process.try_wait().unwrap().is_none() {
                break;
            }
        }
        self.wait_until_ready().await;
    }

    fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
    }

    async fn wait_until_ready(&self) {
        for _ in 0..500 {
            if let Ok((client, connection)) = tokio_postgres::connect(&self.url(), NoTls).await {
                let connection = tokio::spawn(connection);
                if client.simple_query("select 1").await.is_ok() {
                    return;
                }
                connection.abort();
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{}", fs::read_to_string(self.folder.path().join("log")).unwrap());
    }
}

impl Drop for PostgresServer {
    /// SIGQUIT also frees the server's shared memory, unlike SIGKILL.
    fn drop(&mut self) {
        self.signal("-QUIT");
        let _ = self.process.wait();
    }
}

fn spawn(folder: &Path, address: SocketAddr) -> Result<Child, Box<dyn Error>> {
    let mut postgres = command("postgres", folder);
    postgres.arg("-D").arg(folder.join("data")).args(["-p", &address.port().to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
        postgres.args(["-c", setting]);
    }
    let output = File::options().create(true).append(true).open(folder.join("log"))?;
    Ok(postgres.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?)
}

/// The folder of the newest PostgreSQL, where Debian installs it.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = versions.filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("PostgreSQL isn't installed; on Debian: apt-get install postgresql");
    Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin")
}

/// A program of PostgreSQL, which refuses to run as root. If this process runs as root, the program
/// runs as the user `postgres`, who gets the folder.
fn command(program: &str, folder: &Path) -> Command {
    let program = programs().join(program);
    let mut command = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let account = accounts.lines().find_map(|line| line.strip_prefix("postgres:")).expect("a user postgres");
        let ids: Vec<u32> = account.split(':').filter_map(|field| field.parse().ok()).take(2).collect();
        let &[user, group] = &*ids else { panic!("no ids of the user postgres") };
        chown(folder, Some(user), Some(group)).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder);
    command
}
