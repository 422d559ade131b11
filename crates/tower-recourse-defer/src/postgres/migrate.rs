use super::{
    queue::PostgresQueue,
    schema::{SUPPORTED, migrations},
    server_error::database,
};
use crate::QueueError;

impl PostgresQueue {
    /// Creates the schema and the table, or brings the table to the version of this crate. Several
    /// processes can call it at the same time. It uses a connection of its own.
    ///
    /// # Errors
    ///
    /// [`QueueError::Schema`] if a later version of this crate made the table, and
    /// [`QueueError::Database`].
    pub async fn migrate(&self) -> Result<(), QueueError> {
        let schema = &self.shared.options.schema;
        let texts = migrations(schema)?;
        let mut client = self.shared.sessions.connect().await?;
        let transaction = client.transaction().await.map_err(database)?;
        // The number is arbitrary. The lock ends with the transaction.
        transaction.batch_execute("select pg_advisory_xact_lock(72656370)").await.map_err(database)?;
        let name = format!("\"{schema}\".jobs_version");
        let exists = transaction.query_one("select to_regclass($1) is not null", &[&name]).await;
        let found = match exists.map_err(database)?.get(0) {
            true => {
                let version = transaction.query_one(&self.shared.statements.version, &[]).await;
                version.map_err(database)?.get::<_, Option<i64>>(0).unwrap_or(0)
            }
            false => 0_i64,
        };
        let missing = usize::try_from(found).ok().and_then(|found| texts.get(found..));
        let Some(missing) = missing else { return Err(QueueError::Schema { found, supported: SUPPORTED }) };
        for migration in missing {
            transaction.batch_execute(migration).await.map_err(database)?;
        }
        transaction.commit().await.map_err(database)
    }
}
