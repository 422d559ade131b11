use std::{fmt, sync::Arc};

use super::{options::PostgresOptions, session::Sessions, statements::Statements};
use crate::queue::Fill;

/// A queue in PostgreSQL. Clones share the connection.
///
/// ```no_run
/// use tower_recourse_defer::{JobKey, NewJob, Queue, postgres::PostgresQueue};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = PostgresQueue::connect("postgresql://app@localhost/app").await?;
/// queue.migrate().await?;
/// let receipt = queue.put(&NewJob::new(JobKey::new("order-17")?, "payload")).await?;
/// assert!(receipt.is_new());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresQueue {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) options: PostgresOptions,
    pub(super) sessions: Sessions,
    pub(super) statements: Statements,
    pub(super) fill: Fill,
}

impl PostgresQueue {
    pub(super) fn new(options: PostgresOptions, sessions: Sessions) -> Self {
        let (statements, fill) = (Statements::new(&options.schema), Fill::new(options.limits.jobs()));
        Self { shared: Arc::new(Shared { options, sessions, statements, fill }) }
    }
}

impl fmt::Debug for PostgresQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresQueue").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
