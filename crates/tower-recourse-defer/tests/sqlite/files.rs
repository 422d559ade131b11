//! Files: durability, two connections, transactions of the user, versions.

use std::time::Duration;

use rusqlite::Connection;
use tower_recourse_defer::{JobKey, JobState, NewJob, Queue, QueueError, sqlite::SqliteQueue};

fn key(key: &str) -> JobKey {
    JobKey::new(key).unwrap()
}

fn job(name: &str) -> NewJob {
    NewJob::new(key(name), name)
}

#[tokio::test]
async fn a_job_survives_its_queue() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    queue.put(&job("a")).await.unwrap();
    drop(queue);
    let queue = SqliteQueue::open(&file).await.unwrap();
    assert!(matches!(queue.status(&key("a")).await.unwrap().unwrap().state, JobState::Waiting { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_openings_make_one_table() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jobs.db");
        let openings = (0..8).map(|number| {
            let file = file.clone();
            tokio::spawn(async move {
                let queue = SqliteQueue::open(file).await.unwrap();
                queue.put(&job(&format!("{number}"))).await.unwrap();
            })
        });
        for opening in openings.collect::<Vec<_>>() {
            opening.await.unwrap();
        }
        assert_eq!(SqliteQueue::open(&file).await.unwrap().counts().await.unwrap().waiting, 8);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_private_and_an_old_one_keeps_its_mode() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    queue.put(&job("a")).await.unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("jobs.db"), mode("jobs.db-wal")), (0o600, 0o600));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    SqliteQueue::open(&file).await.unwrap();
    assert_eq!(mode("jobs.db"), 0o640);
}

#[tokio::test]
async fn queues_of_two_names_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let mail = SqliteQueue::options().name("mail").open(&file).await.unwrap();
    let orders = SqliteQueue::options().name("orders").open(&file).await.unwrap();
    assert!(mail.put(&job("a")).await.unwrap().is_new() && orders.put(&job("a")).await.unwrap().is_new());
    assert_eq!(mail.claim(10, Duration::from_secs(1)).await.unwrap().jobs.len(), 1);
    assert_eq!(orders.counts().await.unwrap().waiting, 1);
    let error = SqliteQueue::options().name("a b").open(&file).await.unwrap_err();
    assert!(matches!(&error, QueueError::Invalid(invalid) if invalid.field() == "name"), "{error}");
}

#[tokio::test]
async fn a_job_commits_with_the_users_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    let mut connection = Connection::open(&file).unwrap();
    connection.execute_batch("create table orders (id integer primary key)").unwrap();

    let transaction = connection.transaction().unwrap();
    transaction.execute("insert into orders values (1)", []).unwrap();
    assert!(queue.put_in(&transaction, &job("a")).unwrap().is_new());
    transaction.rollback().unwrap();
    assert_eq!(queue.status(&key("a")).await.unwrap(), None);

    let transaction = connection.transaction().unwrap();
    transaction.execute("insert into orders values (1)", []).unwrap();
    assert!(queue.put_in(&transaction, &job("a")).unwrap().is_new());
    assert!(!queue.put_in(&transaction, &job("a")).unwrap().is_new());
    transaction.commit().unwrap();
    assert_eq!(queue.counts().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_locked_file_is_an_error_and_then_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::options().busy_timeout(Duration::from_millis(10)).open(&file).await.unwrap();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let error = queue.put(&job("a")).await.unwrap_err();
    assert!(matches!(error, QueueError::Database(_)), "{error}");
    assert_eq!(error.to_string(), "the queue's database failed: database is locked");
    assert_eq!(queue.status(&key("a")).await.unwrap(), None, "a read needs no write lock");
    other.execute_batch("rollback").unwrap();
    assert!(queue.put(&job("a")).await.unwrap().is_new());
}

#[tokio::test]
async fn a_table_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    drop(SqliteQueue::open(&file).await.unwrap());
    Connection::open(&file).unwrap().execute_batch("update recourse_jobs_version set version = 9").unwrap();
    let error = SqliteQueue::open(&file).await.unwrap_err();
    assert!(matches!(error, QueueError::Schema { found: 9, supported: 1 }), "{error}");
}

#[tokio::test]
async fn a_clock_that_steps_loses_nothing() {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };
    let now = Arc::new(AtomicI64::new(1_700_000_000_000));
    let read = Arc::clone(&now);
    let clock = tower_recourse_defer::Clock::from_fn(move || read.load(Ordering::Relaxed));
    let queue = SqliteQueue::options().clock(clock).open_in_memory().await.unwrap();
    let hour = 3_600_000;
    queue.put(&job("a")).await.unwrap();
    now.fetch_sub(hour, Ordering::Relaxed);
    assert!(queue.claim(1, Duration::from_secs(30)).await.unwrap().jobs.is_empty());
    now.fetch_add(hour, Ordering::Relaxed);
    let claimed = queue.claim(1, Duration::from_secs(30)).await.unwrap().jobs.remove(0);
    now.fetch_add(hour, Ordering::Relaxed);
    assert!(queue.renew(&claimed.lease, Duration::from_secs(30)).await.unwrap(), "no other worker took it");
}
