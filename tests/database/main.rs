//! The example with the database, on a real PostgreSQL. The tests include the example's code.

#[path = "../../examples/database/postgres_server.rs"]
mod postgres_server;
#[path = "../../examples/database/transfers.rs"]
mod transfers;

use std::sync::{Arc, atomic::Ordering::Relaxed};

use postgres_server::PostgresServer;
use tokio::task::spawn_blocking;
use transfers::{
    ACCOUNTS, CLIENTS, Conflicts, TRANSFERS_PER_CLIENT, Transfer, connect, create_tables, is_conflict, retries, totals,
    transfer, transfer_in_tasks, transfer_in_threads,
};

async fn start() -> PostgresServer {
    spawn_blocking(|| PostgresServer::start().map_err(|error| error.to_string())).await.unwrap().unwrap()
}

/// Every transfer was made once, and no money was lost.
async fn check(url: &str, conflicts: &Conflicts) {
    assert_eq!(totals(url).await.unwrap(), (i64::from(ACCOUNTS) * 100_000, i64::from(CLIENTS * TRANSFERS_PER_CLIENT)));
    assert!(conflicts.serialization_failures.load(Relaxed) > 0, "{conflicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_conflict_commit_once() {
    let server = start().await;
    let conflicts = Arc::new(Conflicts::default());
    create_tables(&server.url()).await.unwrap();
    transfer_in_tasks(&server.url(), &conflicts).await.unwrap();
    check(&server.url(), &conflicts).await;

    let conflicts = Arc::new(Conflicts::default());
    create_tables(&server.url()).await.unwrap();
    let (url, counted) = (server.url(), Arc::clone(&conflicts));
    spawn_blocking(move || transfer_in_threads(&url, &counted)).await.unwrap().unwrap();
    check(&server.url(), &conflicts).await;
}

/// Two transactions lock two rows in opposite order. PostgreSQL ends one of them, and its retry
/// commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_retried() {
    let server = start().await;
    let url = server.url();
    create_tables(&url).await.unwrap();
    let conflicts = Arc::new(Conflicts::default());
    let retry = Arc::new(retries(&conflicts));
    let both_hold_a_lock = Arc::new(tokio::sync::Barrier::new(2));
    let tasks = [(0, 1), (1, 0)].map(|(first, second)| {
        let (retry, barrier, url) = (Arc::clone(&retry), Arc::clone(&both_hold_a_lock), url.clone());
        tokio::spawn(async move {
            let mut client = connect(&url).await.unwrap();
            let transaction = async move |client: &mut tokio_postgres::Client, attempt: tower_recourse::Attempt| {
                let add = "UPDATE account SET cents = cents + 1 WHERE id = $1";
                let transaction = client.transaction().await?;
                transaction.execute(add, &[&first]).await?;
                if attempt.number() == 1 {
                    barrier.wait().await;
                }
                transaction.execute(add, &[&second]).await?;
                transaction.commit().await
            };
            retry.run_with(&mut client, transaction).await
        })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(conflicts.deadlocks.load(Relaxed), 1);
    assert_eq!(totals(&url).await.unwrap().0, i64::from(ACCOUNTS) * 100_000 + 4);
}

/// A unique violation and an invalid statement are returned after one attempt.
#[tokio::test(flavor = "multi_thread")]
async fn other_errors_are_returned_at_once() {
    let server = start().await;
    create_tables(&server.url()).await.unwrap();
    let conflicts = Arc::new(Conflicts::default());
    let retry = retries(&conflicts);
    let mut client = connect(&server.url()).await.unwrap();
    let same = Transfer { id: 1, from: 0, to: 1, cents: 5 };
    let mut attempts = 0;
    retry.run_lending(async |_| transfer(&mut client, same).await).await.unwrap();
    let run = retry.run_lending(async |_| {
        attempts += 1;
        transfer(&mut client, same).await
    });
    let error = run.await.unwrap_err();
    assert_eq!((error.code().unwrap().code(), is_conflict(&error), attempts), ("23505", false, 1));
    assert_eq!(totals(&server.url()).await.unwrap().1, 1);
    assert_eq!((conflicts.serialization_failures.load(Relaxed), conflicts.deadlocks.load(Relaxed)), (0, 0));
}
