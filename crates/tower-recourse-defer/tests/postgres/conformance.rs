use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio_postgres::NoTls;
use tower_recourse_defer::{
    QueueLimits,
    conformance::{Harness, check_all},
    postgres::PostgresQueue,
};

use crate::postgres_server::PostgresServer;

struct Postgres {
    server: PostgresServer,
    queues: AtomicU32,
}

/// Each queue has a name of its own in one table. Time passes by moving all times of the table.
impl Harness for Postgres {
    type Queue = PostgresQueue;

    async fn queue(&self, limits: QueueLimits) -> PostgresQueue {
        let name = format!("queue-{}", self.queues.fetch_add(1, Ordering::Relaxed));
        let queue = PostgresQueue::options().name(name).limits(limits).connect(&self.server.url()).await.unwrap();
        queue.migrate().await.unwrap();
        queue
    }

    async fn advance(&self, _: &PostgresQueue, by: Duration) {
        let (client, connection) = tokio_postgres::connect(&self.server.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let by = i64::try_from(by.as_millis()).unwrap();
        client.execute("update recourse.jobs set due = due - $1, stored = stored - $1", &[&by]).await.unwrap();
    }
}

#[tokio::test]
async fn postgres_conforms() {
    check_all(&Postgres { server: PostgresServer::start().await, queues: AtomicU32::new(0) }).await;
}
