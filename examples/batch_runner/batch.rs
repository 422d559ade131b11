//! A batch: what may be tried again, how often in all its runs together, and what is written down of it.

use std::{
    error::Error,
    io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::operator::{Judge, operator};
use tokio::task::spawn_blocking;
use tower_recourse::{
    Attempt, BreakerConfig, Cause, Circuit, RetryConfig, RetryLayer,
    breaker::{OpenDuration, Probes, TripRule},
    observe::Audit,
    report::{ReportedError, with_report},
    retry::{Backoff, NoTimeouts, RetryQuota, RetrySwitch, quota::KeyedQuota},
    store::FileStore,
};

type Retries = RetryConfig<Judge, NoTimeouts, KeyedQuota<fn(&&str) -> String>>;

pub(crate) struct Batch {
    /// What was tried again: at most 3 times an item, and 50 times in all.
    pub(crate) ledger: RetryQuota,
    /// Open after 5 failures in a row. Then every item still has its first attempt, and nothing is tried again.
    pub(crate) circuit: Circuit,
    pub(crate) consent: RetrySwitch,
    pub(crate) audit: Audit,
    store: FileStore,
    retry: RetryLayer<Retries>,
}

/// Why an item isn't done.
#[derive(Debug)]
pub(crate) struct NotDone {
    pub(crate) error: io::Error,
    pub(crate) reason: &'static str,
    /// How often this item was tried again, in this run and those before.
    pub(crate) retries: u32,
}

impl Batch {
    /// Goes on with the batch of this id, or begins it. What the operator must know is told to `console`.
    pub(crate) fn open(
        folder: &Path,
        id: &str,
        backoff: Backoff,
        console: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        // First of all, as this refuses ids that are paths, and keeps other processes out.
        let store = FileStore::open(folder, id)?;
        let audit = Audit::to_file(folder.join(format!("{id}.audit.jsonl")))?.with("batch", id);
        let circuit = BreakerConfig::default()
            .name(id.to_owned())
            .open_when(TripRule::consecutive(5)?)
            .open_for(OpenDuration::until_reset())
            .probes(Probes::one());
        let circuit =
            Circuit::new(circuit.observe(store.observer()).observe(operator(id.to_owned(), audit.clone(), console)));
        let ledger = RetryQuota::new().max_per_key(3).max_total(50);
        store.register("ledger", &ledger)?;
        store.register("circuit", &circuit)?;
        let (consent, item): (_, fn(&&str) -> String) = (RetrySwitch::on(), |item| (*item).to_owned());
        // The ledger bounds what all retries may cost, so there is no budget besides.
        let retry =
            RetryConfig::default().name(id.to_owned()).idempotent().retries(3).backoff(backoff).without_budget();
        let retry = retry.switch(&consent).quota(&ledger, item).classifier(Judge(circuit.clone()));
        let retry = RetryLayer::new(retry.observe(store.observer()));
        Ok(Self { ledger, circuit, consent, audit, store, retry })
    }

    /// Does the work of one item, and again if it fails and nothing speaks against it.
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
                // Whatever the circuit thinks: it closes, and forgets the failures in a row.
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

    /// Begins to try again after the circuit has opened.
    pub(crate) fn resume(&self) {
        self.circuit.reset();
    }

    /// The retry was entered into the ledger when it was decided on. Here that is made durable, before the retry is made: after a crash the
    /// ledger may know of one that wasn't made, never the other way round. A disk without room stops nothing: the store has warned, and
    /// tries again.
    async fn about_to_retry(&self, item: &str, attempt: Attempt, why: &str) {
        let _ = self.store.flush().await;
        let (retries, in_all) = (self.ledger.retries_for_key(item), self.ledger.total_retries());
        self.audit.record("retry", |entry| {
            let entry = entry.field("item", item).count("attempt", attempt.number().into());
            entry.count("retries", retries.into()).count("total_retries", in_all).message(why)
        });
        let audit = self.audit.clone();
        let _ = spawn_blocking(move || audit.flush()).await;
    }

    /// Whoever is told why is told what is durable: that the circuit is open, say.
    async fn give_up(&self, item: &str, ReportedError { error, report, .. }: ReportedError<io::Error>) -> NotDone {
        let _ = self.store.flush().await;
        let reason = match report.cause() {
            Some(Cause::RetriesDisabled) => "retries disabled",
            Some(Cause::TotalQuota { .. }) => "global limit",
            Some(Cause::Rejected { .. }) => "circuit open",
            Some(Cause::Permanent) => "permanent",
            _ => "attempts exhausted",
        };
        let (retries, in_all) = (self.ledger.retries_for_key(item), self.ledger.total_retries());
        self.audit.record("not_done", |entry| {
            let entry = entry.field("item", item).count("retries", retries.into()).count("total_retries", in_all);
            entry.reason(reason).message(&error)
        });
        NotDone { error, reason, retries }
    }
}
