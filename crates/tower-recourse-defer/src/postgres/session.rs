//! The connection, which is made again after it is lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    time::timeout,
};
use tokio_postgres::{Client, Error, Row, Statement, error::SqlState, types::ToSql};

use super::{
    connector::Connector,
    options::PostgresOptions,
    schema::migrations,
    server_error::{database, timed_out},
};
use crate::{JobKey, QueueError};

pub(super) struct Sessions {
    connector: Connector,
    current: AsyncMutex<Option<Arc<Session>>>,
    timeout: Duration,
    /// Notified if a job may have been stored.
    pub(super) stored: Arc<Notify>,
    /// The payload of this queue's notifications.
    pub(super) topic: String,
}

/// One connection, and its prepared statements.
pub(super) struct Session {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Sessions {
    pub(super) fn new(connector: Connector, options: &PostgresOptions) -> Result<Self, QueueError> {
        migrations(&options.schema)?;
        JobKey::new(&*options.name).map_err(|invalid| invalid.of_field("name"))?;
        Ok(Self {
            connector,
            current: AsyncMutex::default(),
            timeout: options.timeout,
            stored: Arc::default(),
            topic: format!("{}.{}", options.schema, options.name),
        })
    }

    /// The connection, which is made if there is none.
    pub(super) async fn session(&self) -> Result<Arc<Session>, QueueError> {
        let mut current = self.current.lock().await;
        if let Some(session) = current.as_ref().filter(|session| !session.client.is_closed()) {
            return Ok(Arc::clone(session));
        }
        *current = None;
        let session = Session { client: self.connect().await?, statements: Mutex::default() };
        Ok(Arc::clone(current.insert(Arc::new(session))))
    }

    /// Makes a connection that no other task uses.
    pub(super) async fn connect(&self) -> Result<Client, QueueError> {
        let connecting = (self.connector)(Arc::clone(&self.stored), self.topic.clone());
        timeout(self.timeout, connecting).await.map_err(|_| timed_out(self.timeout))?.map_err(database)
    }

    /// Runs a statement. If the connection was lost, it connects and runs the statement once more.
    pub(super) async fn query(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, QueueError> {
        for is_last in [false, true] {
            let session = self.session().await?;
            match timeout(self.timeout, session.query(statement, values)).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) => {
                    let is_lost = session.client.is_closed() || needs_new_session(&error);
                    if is_lost {
                        self.forget(&session).await;
                    }
                    if is_last || !is_lost {
                        return Err(database(error));
                    }
                }
                Err(_) => {
                    self.forget(&session).await;
                    return Err(timed_out(self.timeout));
                }
            }
        }
        unreachable!("the last round returns")
    }

    async fn forget(&self, session: &Arc<Session>) {
        self.current.lock().await.take_if(|current| Arc::ptr_eq(current, session));
    }
}

impl Session {
    async fn query(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(statement).cloned();
        let prepared = match known {
            Some(known) => known,
            None => {
                let prepared = self.client.prepare(statement).await?;
                let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
                statements.insert(statement.to_owned(), prepared.clone());
                prepared
            }
        };
        self.client.query(&prepared, values).await
    }
}

/// Whether the statement can only succeed on another connection: the server ends this one, it has
/// become a read-only standby, or a pooler or a change of the table made prepared statements
/// invalid. The statement changed nothing, unless the connection was lost.
fn needs_new_session(error: &Error) -> bool {
    let codes = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::FEATURE_NOT_SUPPORTED,
    ];
    error.is_closed() || error.code().is_some_and(|code| codes.contains(code))
}
