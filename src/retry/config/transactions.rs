//! The preset for database transactions.

use std::time::Duration;

use super::super::{Backoff, Jitter, RetryConfig};
use crate::classify::ConflictClassifier;

impl RetryConfig {
    /// Retries database transactions that conflict with each other. `is_conflict` returns `true`
    /// for errors after which the database has rolled the transaction back, such as SQLSTATE 40001
    /// (serialization failure) and 40P01 (deadlock). Every other error is returned.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | retries | 20 | under contention, a transaction may conflict several times before it succeeds |
    /// | backoff | 5 ms doubling to 500 ms, full jitter | a conflict is over when the other transaction ends; the jitter separates the two |
    /// | budget | none | a conflict says nothing about the database's health, and only retries resolve it |
    /// | classifier | `is_conflict` | the database has undone the transaction, so it may run again |
    /// | name | `transactions` | so that events don't mix with those of the default name, `retry` |
    ///
    /// The function that you [`run`](super::super::RetryLayer::run) must make the whole
    /// transaction, from `BEGIN` to `COMMIT`, since the database may report a conflict in any of
    /// its statements. See the [cookbook](crate::cookbook::transactions).
    ///
    /// ```
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// #[derive(Debug)]
    /// struct DbError { sqlstate: &'static str }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), DbError> {
    /// let conflicts = |error: &DbError| matches!(error.sqlstate, "40001" | "40P01");
    /// let retry = RetryLayer::new(RetryConfig::transactions(conflicts));
    /// let transfer = |attempt: tower_recourse::Attempt| async move {
    ///     if attempt.number() < 9 { Err(DbError { sqlstate: "40001" }) } else { Ok("committed") }
    /// };
    /// assert_eq!(retry.run(transfer).await?, "committed");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`ConflictClassifier`] shows how to write down the type, for the field of a struct.
    ///
    /// *When not to use it*: for a lost connection during `COMMIT`. The transaction may have been
    /// committed, so `is_conflict` must not accept such an error.
    pub fn transactions<F, Err>(is_conflict: F) -> RetryConfig<ConflictClassifier<F, Err>>
    where
        F: Fn(&Err) -> bool,
    {
        let backoff =
            Backoff::exponential(Duration::from_millis(5)).max(Duration::from_millis(500)).jitter(Jitter::Full);
        Self::default()
            .name("transactions")
            .retries(20)
            .backoff(backoff)
            .without_budget()
            .classifier(ConflictClassifier::new(is_conflict))
    }
}
