//! Transfers between accounts, as SERIALIZABLE transactions that conflict with each other.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
};

use postgres::{IsolationLevel, NoTls, error::SqlState};
use tower_recourse::{Classifier, RetryConfig, RetryLayer};

pub(crate) type DbError = postgres::Error;

/// The database rolled the transaction back because of another one (40001, 40P01).
pub(crate) fn is_conflict(error: &DbError) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) id: i32,
    pub(crate) from: i32,
    pub(crate) to: i32,
    pub(crate) cents: i64,
}

const CHANGE: &str = "UPDATE account SET cents = cents + $2 WHERE id = $1";
const RECORD: &str = "INSERT INTO transfer (id, from_account, to_account, cents) VALUES ($1, $2, $3, $4)";

/// Makes a transfer: the whole transaction, from `BEGIN` to `COMMIT`.
pub(crate) async fn transfer(client: &mut tokio_postgres::Client, transfer: Transfer) -> Result<(), DbError> {
    let Transfer { id, from, to, cents } = transfer;
    let transaction = client.build_transaction().isolation_level(IsolationLevel::Serializable).start().await?;
    transaction.execute(CHANGE, &[&from, &-cents]).await?;
    transaction.execute(CHANGE, &[&to, &cents]).await?;
    transaction.execute(RECORD, &[&id, &from, &to, &cents]).await?;
    transaction.commit().await
}

/// The same with the blocking client.
pub(crate) fn transfer_blocking(client: &mut postgres::Client, transfer: Transfer) -> Result<(), DbError> {
    let Transfer { id, from, to, cents } = transfer;
    let mut transaction = client.build_transaction().isolation_level(IsolationLevel::Serializable).start()?;
    transaction.execute(CHANGE, &[&from, &-cents])?;
    transaction.execute(CHANGE, &[&to, &cents])?;
    transaction.execute(RECORD, &[&id, &from, &to, &cents])?;
    transaction.commit()
}

/// How often each kind of conflict occurred.
#[derive(Debug, Default)]
pub(crate) struct Conflicts {
    pub(crate) serialization_failures: AtomicU32,
    pub(crate) deadlocks: AtomicU32,
}

impl Conflicts {
    fn counts(&self, error: &DbError) -> bool {
        match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE) => self.serialization_failures.fetch_add(1, Relaxed),
            Some(&SqlState::T_R_DEADLOCK_DETECTED) => self.deadlocks.fetch_add(1, Relaxed),
            _ => return false,
        };
        is_conflict(error)
    }
}

/// The preset for transactions, which also counts the conflicts.
pub(crate) fn retries(
    conflicts: &Arc<Conflicts>,
) -> RetryLayer<RetryConfig<impl Classifier<(), (), DbError, Memo: Send> + Send + Sync + use<>>> {
    let conflicts = Arc::clone(conflicts);
    RetryLayer::new(RetryConfig::transactions(move |error: &DbError| conflicts.counts(error)).without_observers())
}

pub(crate) const ACCOUNTS: i32 = 6;
pub(crate) const CLIENTS: i32 = 8;
pub(crate) const TRANSFERS_PER_CLIENT: i32 = 20;

/// Creates the tables; each account has 1,000.00.
pub(crate) async fn create_tables(url: &str) -> Result<(), Box<dyn Error>> {
    let tables = format!(
        "DROP TABLE IF EXISTS account, transfer;
         CREATE TABLE account (id int PRIMARY KEY, cents bigint NOT NULL);
         INSERT INTO account SELECT id, 100000 FROM generate_series(0, {ACCOUNTS} - 1) AS id;
         CREATE TABLE transfer (id int PRIMARY KEY, from_account int, to_account int, cents bigint);"
    );
    connect(url).await?.batch_execute(&tables).await?;
    Ok(())
}

pub(crate) async fn connect(url: &str) -> Result<tokio_postgres::Client, DbError> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The transfers of one client. Clients use the same accounts in different orders.
fn transfers_of(client: i32) -> impl Iterator<Item = Transfer> {
    (0..TRANSFERS_PER_CLIENT).map(move |n| {
        let from = (client + n * 7) % ACCOUNTS;
        let to = (from + 1 + (client * 3 + n) % (ACCOUNTS - 1)) % ACCOUNTS;
        Transfer { id: client * TRANSFERS_PER_CLIENT + n, from, to, cents: i64::from(n + 1) }
    })
}

/// Several tasks make transfers at the same time, each with its own connection.
pub(crate) async fn transfer_in_tasks(url: &str, conflicts: &Arc<Conflicts>) -> Result<(), Box<dyn Error>> {
    let retry = Arc::new(retries(conflicts));
    let mut tasks = Vec::new();
    for number in 0..CLIENTS {
        let (retry, mut client) = (Arc::clone(&retry), connect(url).await?);
        tasks.push(tokio::spawn(async move {
            for next in transfers_of(number) {
                retry.run_with(&mut client, async move |client, _| transfer(client, next).await).await?;
            }
            Ok::<_, DbError>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// The same with threads and the blocking client.
pub(crate) fn transfer_in_threads(url: &str, conflicts: &Arc<Conflicts>) -> Result<(), DbError> {
    let retry = retries(conflicts);
    thread::scope(|scope| {
        let work = |number| {
            let mut client = postgres::Client::connect(url, NoTls)?;
            for next in transfers_of(number) {
                retry.run_blocking(|_| transfer_blocking(&mut client, next))?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || work(number))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a transfer panicked"))
    })
}

/// What the database holds: the sum of all accounts, and the number of transfers.
pub(crate) async fn totals(url: &str) -> Result<(i64, i64), DbError> {
    let sums = "SELECT (SELECT sum(cents) FROM account)::bigint, (SELECT count(*) FROM transfer)";
    let row = connect(url).await?.query_one(sums, &[]).await?;
    Ok((row.get(0), row.get(1)))
}
