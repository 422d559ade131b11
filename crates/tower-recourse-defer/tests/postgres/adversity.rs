//! Servers that drop sessions, have no connection to give, or hang.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;
use tower_recourse_defer::{
    JobKey, Json, NewJob, Queue, QueueError, Worker,
    postgres::{PostgresOptions, PostgresQueue},
};

use crate::{postgres_server::PostgresServer, server::client};

const LEASE: Duration = Duration::from_secs(30);

fn job(name: &str) -> NewJob {
    NewJob::new(JobKey::new(name).unwrap(), format!("\"{name}\""))
}

async fn queue(server: &PostgresServer, options: PostgresOptions) -> PostgresQueue {
    let queue = options.connect(&server.url()).await.unwrap();
    queue.migrate().await.unwrap();
    queue
}

/// Runs a worker until no job waits or runs, and returns the labels of its events.
async fn work(queue: &PostgresQueue) -> Vec<&'static str> {
    let labels = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&labels);
    let healthy = tower::service_fn(|_: String| async {
        sleep(Duration::from_millis(20)).await;
        Ok::<_, io::Error>(())
    });
    let idle = async {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            match queue.counts().await {
                Ok(counts) if counts.waiting + counts.running == 0 => return,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    Worker::new(queue.clone(), Json::<String>::new(), healthy)
        .poll(Duration::from_millis(100))
        .unwrap()
        .lease(Duration::from_secs(2))
        .unwrap()
        .max_claims(50)
        .unwrap()
        .observe(move |event| log.lock().unwrap().push(event.label()))
        .run(idle)
        .await;
    labels.lock().unwrap().clone()
}

#[tokio::test]
async fn sessions_that_are_dropped_lose_no_job() {
    let server = PostgresServer::start().await;
    let queue = queue(&server, PostgresQueue::options()).await;
    for number in 0..100 {
        queue.put(&job(&number.to_string())).await.unwrap();
    }
    let pooler = client(&server).await;
    let dropping = tokio::spawn(async move {
        let drop = "select pg_terminate_backend(pid) from pg_stat_activity
            where pid <> pg_backend_pid() and backend_type = 'client backend'";
        for _ in 0..20 {
            pooler.query(drop, &[]).await.unwrap();
            sleep(Duration::from_millis(70)).await;
        }
    });
    let labels = work(&queue).await;
    dropping.await.unwrap();
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.done, counts.waiting, counts.running, counts.dead), (100, 0, 0, 0), "{labels:?}");
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_an_error() {
    let server = PostgresServer::start().await;
    let owner = queue(&server, PostgresQueue::options()).await;
    let admin = client(&server).await;
    let role = "create role app login connection limit 1; grant usage on schema recourse to app;
        grant select, insert, update, delete on recourse.jobs to app";
    admin.batch_execute(role).await.unwrap();
    let url = server.url().replace("example@", "app@");
    let (other, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let error = PostgresQueue::connect(&url).await.unwrap_err();
    assert!(error.to_string().contains("too many connections"), "{error}");
    drop(other);
    connection.await.unwrap().unwrap();
    // One connection is enough for a queue, and the role needs no more rights than these.
    let mut queue = PostgresQueue::connect(&url).await;
    for _ in 0..100 {
        // The server notices the end of the other connection a moment later.
        if queue.is_err() {
            sleep(Duration::from_millis(50)).await;
            queue = PostgresQueue::connect(&url).await;
        }
    }
    let queue = queue.unwrap();
    queue.put(&job("a")).await.unwrap();
    assert_eq!(work(&queue).await, ["Started", "Done"]);
    assert!(matches!(queue.migrate().await, Err(QueueError::Database(_))), "it needs a second connection");
    assert_eq!(owner.counts().await.unwrap().done, 1);
}

#[tokio::test]
async fn a_statement_timeout_is_an_error_and_then_works_again() {
    let server = PostgresServer::start().await;
    drop(queue(&server, PostgresQueue::options()).await);
    let mut admin = client(&server).await;
    admin.batch_execute("alter role example set statement_timeout = '300ms'").await.unwrap();
    let queue = PostgresQueue::connect(&server.url()).await.unwrap();
    queue.put(&job("a")).await.unwrap();
    let transaction = admin.transaction().await.unwrap();
    transaction.batch_execute("lock table recourse.jobs").await.unwrap();
    let error = queue.claim(1, LEASE).await.unwrap_err();
    assert!(error.to_string().contains("statement timeout"), "{error}");
    transaction.rollback().await.unwrap();
    assert_eq!(queue.claim(1, LEASE).await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn a_session_that_hangs_is_an_error_and_then_replaced() {
    let server = PostgresServer::start().await;
    let timeout = Duration::from_millis(500);
    let queue = queue(&server, PostgresQueue::options().timeout(timeout)).await;
    let mut admin = client(&server).await;
    let transaction = admin.transaction().await.unwrap();
    transaction.batch_execute("lock table recourse.jobs").await.unwrap();
    let (first, second) = (job("a"), job("b"));
    let (a, b) = tokio::join!(queue.put(&first), queue.put(&second));
    assert!(matches!((a, b), (Err(QueueError::Database(_)), Err(QueueError::Database(_)))));
    transaction.rollback().await.unwrap();
    queue.put(&job("c")).await.unwrap();
    assert!(queue.status(&JobKey::new("c").unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_row_stops_no_other() {
    let server = PostgresServer::start().await;
    let queue = queue(&server, PostgresQueue::options()).await;
    for name in ["early", "late", "numbers", "history", "good"] {
        queue.put(&job(name)).await.unwrap();
    }
    let damage = [
        "set due = -9223372036854775808, stored = -9223372036854775808 where key = 'early'",
        "set due = 9223372036854775807, stored = 9223372036854775807 where key = 'late'",
        "set attempts = 9223372036854775807, claims = -3, token = -5 where key = 'numbers'",
        "set history = '{damaged' where key = 'history'",
    ];
    let admin = client(&server).await;
    for damage in damage {
        admin.execute(&format!("update recourse.jobs {damage}"), &[]).await.unwrap();
    }
    let claimed = queue.claim(9, LEASE).await.unwrap().jobs;
    assert_eq!(claimed.len(), 4);
    assert!(queue.counts().await.is_ok());
    for name in ["early", "late", "numbers", "history"] {
        assert!(queue.status(&JobKey::new(name).unwrap()).await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_read_only_session_is_replaced() {
    let server = PostgresServer::start().await;
    drop(queue(&server, PostgresQueue::options()).await);
    let admin = client(&server).await;
    admin.batch_execute("alter role example set default_transaction_read_only = on").await.unwrap();
    let queue = PostgresQueue::connect(&server.url()).await.unwrap();
    let error = queue.put(&job("a")).await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    // That session, and those until here, stay read-only, as after a failover.
    admin.batch_execute("set default_transaction_read_only = off").await.unwrap();
    admin.batch_execute("alter role example reset default_transaction_read_only").await.unwrap();
    assert!(queue.put(&job("a")).await.unwrap().is_new());
}
