//! A queue in PostgreSQL: [`PostgresQueue`].
//!
//! It is for the processes of several machines. The table is in a schema of its own, so it stands
//! beside your tables. All times are those of the server's clock, so the clocks of the workers
//! don't matter.
//!
//! A queue uses one connection, and connects again after it is lost. A job that is due at once
//! wakes the workers by `NOTIFY`. Connect to the server itself: a pooler that changes the
//! connection per transaction supports neither `LISTEN` nor prepared statements.
//!
//! # Migrations
//!
//! [`PostgresQueue::migrate`] creates the table. If your program may not create tables, print
//! [`migrations`] and run them by hand, in order, each in a transaction.
//!
//! # Outbox
//!
//! [`PostgresQueue::put_in`] stores a job in your own transaction, so that your changes and the job
//! commit together. The workers are woken when it commits. The client must be one of the exported
//! version of [`tokio_postgres`].

mod connect;
mod connector;
mod migrate;
mod operations;
mod options;
mod outbox;
mod queue;
mod rows;
mod schema;
mod server_error;
mod session;
mod statements;

pub use options::PostgresOptions;
pub use queue::PostgresQueue;
pub use schema::migrations;
pub use tokio_postgres;
