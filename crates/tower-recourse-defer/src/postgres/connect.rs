use std::future::poll_fn;

use tokio_postgres::{
    AsyncMessage, Config, NoTls, Socket,
    tls::{MakeTlsConnect, TlsConnect},
};

use super::{connector::Connector, options::PostgresOptions, queue::PostgresQueue, session::Sessions};
use crate::{InvalidValue, QueueError};

/// Every statement finds its rows by an index. Without these settings, a plan that was made while
/// the table was empty may scan the whole table until the server has analyzed it.
const SESSION: &str = "set enable_seqscan = off; set enable_bitmapscan = off; set enable_hashjoin = off;
    set enable_mergejoin = off; listen recourse_jobs";

impl PostgresQueue {
    /// Connects with the default [options](PostgresOptions) and without TLS, to a server such as
    /// `postgresql://user@host/database`.
    ///
    /// # Errors
    ///
    /// Those of [`PostgresOptions::connect`].
    pub async fn connect(server: &str) -> Result<Self, QueueError> {
        PostgresOptions::default().connect(server).await
    }

    /// The settings, to change them.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }
}

impl PostgresOptions {
    /// Connects without TLS. The table needn't exist yet: see [`PostgresQueue::migrate`].
    ///
    /// # Errors
    ///
    /// [`QueueError::Invalid`] if `server` isn't a valid configuration, if the schema's name is
    /// invalid, or if the queue's name isn't 1 to 256 visible ASCII characters.
    /// [`QueueError::Database`] if the server can't be reached.
    pub async fn connect(self, server: &str) -> Result<PostgresQueue, QueueError> {
        // The configuration may contain a password, so the error doesn't show it.
        let allowed = "a connection string such as `postgresql://user@host/database`";
        let config = server.parse().map_err(|_| InvalidValue::new("server", "invalid", allowed))?;
        self.connect_with(config, NoTls).await
    }

    /// Connects with a configuration and TLS.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub async fn connect_with<Tls>(self, config: Config, tls: Tls) -> Result<PostgresQueue, QueueError>
    where
        Tls: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        Tls::Stream: Send + 'static,
        Tls::TlsConnect: Send,
        <Tls::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let connector: Connector = Box::new(move |stored, topic| {
            let (config, tls) = (config.clone(), tls.clone());
            Box::pin(async move {
                let (client, mut connection) = config.connect(tls).await?;
                tokio::spawn(async move {
                    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                        if let AsyncMessage::Notification(notification) = message
                            && notification.payload() == topic
                        {
                            stored.notify_one();
                        }
                    }
                    // Jobs may have been stored without a notification.
                    stored.notify_one();
                });
                client.batch_execute(SESSION).await?;
                Ok(client)
            })
        });
        let sessions = Sessions::new(connector, &self)?;
        sessions.session().await?;
        Ok(PostgresQueue::new(self, sessions))
    }
}
