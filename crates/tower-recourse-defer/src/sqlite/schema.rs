use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::QueueError;

/// The statements that create the table, one text per version. [`SqliteOptions::open`] runs those
/// that are missing. To run them by hand, execute them in order, each in a transaction.
///
/// [`SqliteOptions::open`]: super::SqliteOptions::open
pub const MIGRATIONS: &[&str] = &[include_str!("../../sql/sqlite/1.sql")];

/// Brings the table to the version of this crate.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), QueueError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
    let exists = "select 1 from sqlite_schema where name = 'recourse_jobs_version'";
    let found: i64 = match transaction.query_row(exists, [], |_| Ok(())).optional().map_err(database)? {
        Some(()) => transaction
            .query_row("select max(version) from recourse_jobs_version", [], |row| row.get(0))
            .map_err(database)?,
        None => 0,
    };
    let supported = MIGRATIONS.len() as i64;
    let missing = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found..));
    let Some(missing) = missing else { return Err(QueueError::Schema { found, supported }) };
    for migration in missing {
        transaction.execute_batch(migration).map_err(database)?;
    }
    transaction.commit().map_err(database)
}

pub(super) fn database(error: rusqlite::Error) -> QueueError {
    QueueError::database(error)
}
