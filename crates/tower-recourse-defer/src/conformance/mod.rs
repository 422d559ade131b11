//! The behaviour that each implementation of [`Queue`](crate::Queue) must have, as a test suite.
//!
//! Implement [`Harness`] for your queue, and call [`check_all`] in a test. The suites of
//! `SqliteQueue` and `PostgresQueue` are this one.

mod checks;
mod claims;
mod dead_letters;
mod harness;
mod jobs;
mod storing;

pub use checks::check_all;
pub use harness::Harness;
