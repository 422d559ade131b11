use tokio_postgres::GenericClient;

use super::{queue::PostgresQueue, rows::PutValues, server_error::database};
use crate::{NewJob, QueueError, Receipt};

impl PostgresQueue {
    /// Stores a job on your own client. In a transaction, the job exists if the transaction
    /// commits. It doesn't check how many jobs the queue holds.
    ///
    /// ```no_run
    /// use tower_recourse_defer::{JobKey, NewJob, postgres::PostgresQueue};
    ///
    /// # async fn f(queue: &PostgresQueue, client: &mut tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let transaction = client.transaction().await?;
    /// transaction.execute("insert into orders values (17)", &[]).await?;
    /// queue.put_in(&transaction, &NewJob::new(JobKey::new("order-17")?, "payload")).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`QueueError::Invalid`] if the payload is too long, and [`QueueError::Database`]; then
    /// PostgreSQL ends the transaction.
    pub async fn put_in(&self, client: &impl GenericClient, job: &NewJob) -> Result<Receipt, QueueError> {
        let shared = &*self.shared;
        shared.options.limits.check(job)?;
        let values = PutValues::new(job);
        let values = values.of_queue(&shared.options.name, &shared.sessions.topic);
        let rows = client.query(&shared.statements.put, &values).await.map_err(database)?;
        Ok(Receipt::new(job.key().clone(), !rows.is_empty()))
    }
}
