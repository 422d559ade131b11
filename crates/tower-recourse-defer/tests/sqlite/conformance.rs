use std::time::Duration;

use tower_recourse_defer::{
    Clock, QueueLimits,
    conformance::{Harness, check_all},
    sqlite::SqliteQueue,
};

struct Sqlite;

impl Harness for Sqlite {
    type Queue = SqliteQueue;

    async fn queue(&self, limits: QueueLimits) -> SqliteQueue {
        SqliteQueue::options().limits(limits).clock(Clock::tokio()).open_in_memory().await.unwrap()
    }

    async fn advance(&self, _: &SqliteQueue, by: Duration) {
        tokio::time::advance(by).await;
    }
}

#[tokio::test(start_paused = true)]
async fn sqlite_conforms() {
    check_all(&Sqlite).await;
}
