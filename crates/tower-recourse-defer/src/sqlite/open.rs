use std::{path::Path, sync::Arc, thread, time::Duration};

use rusqlite::{Connection, ErrorCode};

use super::{
    SqliteOptions, SqliteQueue,
    schema::{database, migrate},
};
use crate::{JobKey, QueueError};

impl SqliteQueue {
    /// Opens a file with the default [options](SqliteOptions).
    ///
    /// # Errors
    ///
    /// Those of [`SqliteOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, QueueError> {
        SqliteOptions::default().open(path).await
    }

    /// The settings, to change them.
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }
}

impl SqliteOptions {
    /// Opens the file, creates it if it doesn't exist, and brings the table to the current version.
    /// On Unix, a new file has the mode 0600, because it contains requests.
    ///
    /// # Errors
    ///
    /// [`QueueError::Schema`] if a later version of this crate made the table,
    /// [`QueueError::Invalid`] if the name isn't 1 to 256 visible ASCII characters, and
    /// [`QueueError::Database`] if the file can't be opened.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteQueue, QueueError> {
        let path = path.as_ref().to_owned();
        self.open_with(move || {
            create_private(&path);
            Connection::open(path)
        })
        .await
    }

    /// Opens a queue in memory, for tests. It ends with its last clone.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_in_memory(self) -> Result<SqliteQueue, QueueError> {
        self.open_with(Connection::open_in_memory).await
    }

    async fn open_with(
        self,
        connect: impl FnOnce() -> rusqlite::Result<Connection> + Send + 'static,
    ) -> Result<SqliteQueue, QueueError> {
        JobKey::new(&*self.name).map_err(|invalid| invalid.of_field("name"))?;
        let busy_timeout = self.busy_timeout;
        let opened = tokio::task::spawn_blocking(move || {
            let mut connection = connect().map_err(database)?;
            connection.busy_timeout(busy_timeout).map_err(database)?;
            use_write_ahead_log(&connection, busy_timeout)?;
            migrate(&mut connection)?;
            Ok::<_, QueueError>(connection)
        });
        let connection = opened.await.map_err(QueueError::database)??;
        Ok(SqliteQueue::new(Arc::new(self), connection))
    }
}

/// Switches the file to WAL mode. SQLite doesn't wait for the lock that the switch needs, so this
/// function tries again: two processes may create the file at the same time.
fn use_write_ahead_log(connection: &Connection, busy_timeout: Duration) -> Result<(), QueueError> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        match connection.execute_batch("pragma journal_mode = wal; pragma synchronous = full;") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && waited < busy_timeout => {
                thread::sleep(PAUSE);
                waited += PAUSE;
            }
            switched => return switched.map_err(database),
        }
    }
}

/// Creates the file with a mode that excludes other users. The files that SQLite puts beside it get
/// the same mode. If it fails, the opening reports why.
fn create_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}
