//! Restarts, notifications, transactions of the user, migrations.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};
use tower_recourse_defer::{JobKey, JobState, NewJob, Queue, QueueError, postgres::PostgresQueue};

use crate::postgres_server::PostgresServer;

const LEASE: Duration = Duration::from_secs(30);

fn key(key: &str) -> JobKey {
    JobKey::new(key).unwrap()
}

fn job(name: &str) -> NewJob {
    NewJob::new(key(name), name)
}

async fn connect(server: &PostgresServer) -> PostgresQueue {
    let queue = PostgresQueue::connect(&server.url()).await.unwrap();
    queue.migrate().await.unwrap();
    queue
}

pub(crate) async fn client(server: &PostgresServer) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_queue_survives_restarts_of_the_server() {
    let mut server = PostgresServer::start().await;
    let queue = connect(&server).await;
    queue.put(&job("a")).await.unwrap();
    let claimed = queue.claim(1, LEASE).await.unwrap().jobs.remove(0);
    for (name, signal) in [("b", "-INT"), ("c", "-QUIT")] {
        server.restart(signal).await;
        assert!(queue.put(&job(name)).await.unwrap().is_new());
        assert!(queue.renew(&claimed.lease, LEASE).await.unwrap(), "the lease survives");
    }
    assert_eq!(queue.status(&key("a")).await.unwrap().unwrap().state, JobState::Running);
    // Notifications work on the new connection, too.
    let _ = timeout(Duration::from_millis(100), queue.job_stored()).await;
    connect(&server).await.put(&job("d")).await.unwrap();
    timeout(Duration::from_secs(20), queue.job_stored()).await.unwrap();
}

#[tokio::test]
async fn a_job_commits_with_the_users_transaction() {
    let server = PostgresServer::start().await;
    let (queue, mut client) = (connect(&server).await, client(&server).await);
    client.batch_execute("create table orders (id bigint primary key)").await.unwrap();

    let transaction = client.transaction().await.unwrap();
    transaction.execute("insert into orders values (1)", &[]).await.unwrap();
    assert!(queue.put_in(&transaction, &job("a")).await.unwrap().is_new());
    transaction.rollback().await.unwrap();
    assert_eq!(queue.status(&key("a")).await.unwrap(), None);

    let transaction = client.transaction().await.unwrap();
    transaction.execute("insert into orders values (1)", &[]).await.unwrap();
    assert!(queue.put_in(&transaction, &job("a")).await.unwrap().is_new());
    assert!(!queue.put_in(&transaction, &job("a")).await.unwrap().is_new());
    assert_eq!(queue.status(&key("a")).await.unwrap(), None, "not committed yet");
    transaction.commit().await.unwrap();
    timeout(Duration::from_secs(20), queue.job_stored()).await.unwrap();
    assert_eq!(queue.claim(1, LEASE).await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn simultaneous_migrations_make_one_table() {
    let server = PostgresServer::start().await;
    let queue = PostgresQueue::options().schema("jobs_2").connect(&server.url()).await.unwrap();
    assert!(matches!(queue.put(&job("a")).await, Err(QueueError::Database(_))), "there is no table yet");
    let migrations = (0..4).map(|_| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.migrate().await })
    });
    for migration in migrations.collect::<Vec<_>>() {
        migration.await.unwrap().unwrap();
    }
    assert!(queue.put(&job("a")).await.unwrap().is_new());
    client(&server).await.batch_execute("update jobs_2.jobs_version set version = 9").await.unwrap();
    let error = queue.migrate().await.unwrap_err();
    assert!(matches!(error, QueueError::Schema { found: 9, supported: 1 }), "{error}");
    client(&server).await.batch_execute("delete from jobs_2.jobs_version").await.unwrap();
    assert!(matches!(queue.migrate().await, Err(QueueError::Database(_))), "the table exists already");
}

#[tokio::test]
async fn an_error_doesnt_show_the_password() {
    let error = PostgresQueue::connect("postgresql://user:secret@:x").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    let error = PostgresQueue::options().schema("a.b").connect("postgresql://user:secret@localhost").await.unwrap_err();
    assert!(matches!(&error, QueueError::Invalid(invalid) if invalid.field() == "schema"), "{error}");
}
