//! A batch: its retry limits over all runs, its circuit, and its audit log.

use std::{
    error::Error,
    io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::operator::{StopWhileOpen, operator};
use tokio::task::spawn_blocking;
use tower_recourse::{
    Attempt, BreakerConfig, Cause, Circuit, RetryConfig, RetryLayer,
    breaker::{OpenDuration, Probes, TripRule},
    observe::Audit,
    report::{ReportedError, with_report},
    retry::{Backoff, NoTimeouts, RetryQuota, RetrySwitch, quota::KeyedQuota},
    store::FileStore,
};

type Retries = RetryConfig<StopWhileOpen, NoTimeouts, KeyedQuota<fn(&&str) -> String>>;

pub(crate) struct Batch {
    /// Counts the retries: at most 3 per item and 50 in total.
    pub(crate) quota: RetryQuota,
    /// Opens after 5 failures in a row. While it is open, every item still gets its first attempt,
    /// but no retries.
    pub(crate) circuit: Circuit,
    /// Lets an operator turn retries off.
    pub(crate) retry_switch: RetrySwitch,
    pub(crate) audit: Audit,
    store: FileStore,
    retry: RetryLayer<Retries>,
}

/// Why an item isn't done, and how often it was retried.
#[derive(Debug)]
pub(crate) struct NotDone {
    pub(crate) error: io::Error,
    pub(crate) reason: &'static str,
    /// The number of retries of this item, in this run and earlier ones.
    pub(crate) retries: u32,
}

impl Batch {
    /// Continues the batch with this id, or starts it. `console` receives messages for the
    /// operator.
    pub(crate) fn open(
        folder: &Path,
        id: &str,
        backoff: Backoff,
        console: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        // Opens the store first, because it rejects ids that are paths, and locks out other
        // processes.
        let store = FileStore::open(folder, id)?;
        let audit = Audit::to_file(folder.join(format!("{id}.audit.jsonl")))?.with_field("batch", id);
        let circuit = BreakerConfig::default()
            .name(id.to_owned())
            .open_when(TripRule::consecutive(5)?)
            .open_for(OpenDuration::until_reset())
            .probes(Probes::one());
        let circuit =
            Circuit::new(circuit.observe(store.observer()).observe(operator(id.to_owned(), audit.clone(), console)));
        let quota = RetryQuota::new().max_per_key(3).max_total(50);
        store.register("quota", &quota)?;
        store.register("circuit", &circuit)?;
        let (retry_switch, item): (_, fn(&&str) -> String) = (RetrySwitch::on(), |item| (*item).to_owned());
        // The quota limits all retries, so a budget isn't needed.
        let retry =
            RetryConfig::default().name(id.to_owned()).idempotent().retries(3).backoff(backoff).without_budget();
        let retry = retry.switch(&retry_switch).quota(&quota, item).classifier(StopWhileOpen(circuit.clone()));
        let retry = RetryLayer::new(retry.observe(store.observer()));
        Ok(Self { quota, circuit, retry_switch, audit, store, retry })
    }

    /// Does the work of one item, with retries.
    pub(crate) async fn process<T, F>(&self, item: &str, work: impl Fn(Attempt) -> F) -> Result<T, NotDone>
    where
        F: Future<Output = io::Result<T>>,
    {
        let failed = Mutex::new(String::new());
        let (work, failed) = (&work, &failed);
        let run = self.retry.run_for(&item, |attempt| async move {
            if attempt.number() > 1 {
                let why = failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
                self.about_to_retry(item, attempt, &why).await;
            }
            let result = work(attempt).await;
            match &result {
                // Closes the circuit if it is open, and resets the count of failures in a row.
                Ok(_) => self.circuit.report_success(),
                Err(error) => {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
                    self.circuit.report_failure();
                }
            }
            result
        });
        match with_report(run).await {
            Ok(answered) => Ok(answered.response),
            Err(unanswered) => Err(self.give_up(item, unanswered).await),
        }
    }

    /// Resumes retries after the circuit has opened.
    pub(crate) fn resume(&self) {
        self.circuit.reset();
    }

    /// Saves the quota before a retry. The retry policy entered the retry into the quota when it
    /// decided to make it. After a crash, the quota may therefore contain a retry that wasn't made,
    /// but never misses one that was, unless the save fails. If it fails (for example, because the
    /// disk is full), the store logs a warning and tries again later, and the batch goes on.
    async fn about_to_retry(&self, item: &str, attempt: Attempt, why: &str) {
        let _ = self.store.flush().await;
        let (retries, in_all) = (self.quota.retries_for_key(item), self.quota.total_retries());
        self.audit.record("retry", |entry| {
            let entry = entry.field("item", item).count("attempt", attempt.number().into());
            entry.count("retries", retries.into()).count("total_retries", in_all).message(why)
        });
        let audit = self.audit.clone();
        let _ = spawn_blocking(move || audit.flush()).await;
    }

    /// Saves the state that caused the failure, such as an open circuit, then returns the reason.
    async fn give_up(&self, item: &str, ReportedError { error, report, .. }: ReportedError<io::Error>) -> NotDone {
        let _ = self.store.flush().await;
        let reason = match report.cause() {
            Some(Cause::RetriesDisabled) => "retries disabled",
            Some(Cause::TotalQuota { .. }) => "global limit",
            Some(Cause::Rejected { .. }) => "circuit open",
            Some(Cause::Permanent) => "permanent",
            _ => "attempts exhausted",
        };
        let (retries, in_all) = (self.quota.retries_for_key(item), self.quota.total_retries());
        self.audit.record("not_done", |entry| {
            let entry = entry.field("item", item).count("retries", retries.into()).count("total_retries", in_all);
            entry.reason(reason).message(&error)
        });
        NotDone { error, reason, retries }
    }
}
