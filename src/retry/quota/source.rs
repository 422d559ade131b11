use std::fmt;

use super::{QuotaExceeded, QuotaPermit, RetryQuota, key};
use crate::observe::QuotaUsage;

/// Counts the retries of requests: in a [`RetryQuota`], under a key of the request, or not at all.
pub trait QuotaSource<Req> {
    /// The counts that belong to one request.
    type Quota;

    /// Takes the key from the request, before the call.
    fn open(&self, request: &Req) -> Self::Quota;

    /// The total limit, if it is reached.
    fn total_exceeded(&self) -> Option<QuotaExceeded>;

    /// The limit of the request's key, if it is reached.
    fn key_exceeded(&self, account: &mut Self::Quota) -> Option<QuotaExceeded>;

    /// Counts a retry. The count is taken back if `account` is dropped before the retry is
    /// [consumed](Self::consume).
    fn try_acquire(&self, account: &mut Self::Quota) -> Result<(), QuotaExceeded>;

    /// Takes back a retry that was counted and not consumed.
    fn release(&self, account: &mut Self::Quota);

    /// The retry is made.
    fn consume(&self, account: &mut Self::Quota);

    /// A breaker rejected the attempt, which therefore costs nothing. If it was a retry, its count
    /// is taken back.
    fn refund(&self, account: &mut Self::Quota);

    /// A breaker rejected the attempt, and the same attempt will be made again. The retry stays
    /// counted, and its count is taken back if the attempt isn't made.
    fn hold(&self, account: &mut Self::Quota);

    /// The counts of the request's key.
    fn usage<'a>(&self, account: &'a mut Self::Quota) -> Option<QuotaUsage<'a>>;
}

/// No quota: retries aren't counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoQuota;

impl<Req> QuotaSource<Req> for NoQuota {
    type Quota = ();

    fn open(&self, _: &Req) {}

    fn total_exceeded(&self) -> Option<QuotaExceeded> {
        None
    }

    fn key_exceeded(&self, (): &mut ()) -> Option<QuotaExceeded> {
        None
    }

    fn try_acquire(&self, (): &mut ()) -> Result<(), QuotaExceeded> {
        Ok(())
    }

    fn release(&self, (): &mut ()) {}

    fn consume(&self, (): &mut ()) {}

    fn refund(&self, (): &mut ()) {}

    fn hold(&self, (): &mut ()) {}

    fn usage<'a>(&self, (): &'a mut ()) -> Option<QuotaUsage<'a>> {
        None
    }
}

/// A quota, and a function that reads the key of a request.
#[derive(Clone)]
pub struct KeyedQuota<F> {
    quota: RetryQuota,
    key: F,
}

impl<F> KeyedQuota<F> {
    pub(crate) fn new(quota: RetryQuota, key: F) -> Self {
        Self { quota, key }
    }
}

/// The counts that belong to one request of a quota.
#[derive(Debug)]
pub struct RequestUsage<K> {
    key: K,
    /// The key as text, made when an attempt has failed.
    text: Option<String>,
    /// The permit of the last retry.
    entry: Option<QuotaPermit>,
}

impl<K: fmt::Display> RequestUsage<K> {
    fn text(&mut self) -> &str {
        self.text.get_or_insert_with(|| key::written(&self.key))
    }
}

impl<F, Req, K> QuotaSource<Req> for KeyedQuota<F>
where
    F: Fn(&Req) -> K,
    K: fmt::Display,
{
    type Quota = RequestUsage<K>;

    fn open(&self, request: &Req) -> RequestUsage<K> {
        RequestUsage { key: (self.key)(request), text: None, entry: None }
    }

    fn total_exceeded(&self) -> Option<QuotaExceeded> {
        self.quota.spent_in_all()
    }

    fn key_exceeded(&self, account: &mut RequestUsage<K>) -> Option<QuotaExceeded> {
        self.quota.spent_by(account.text())
    }

    fn try_acquire(&self, account: &mut RequestUsage<K>) -> Result<(), QuotaExceeded> {
        let entry = self.quota.try_acquire(account.text())?;
        account.entry = Some(entry);
        Ok(())
    }

    fn release(&self, account: &mut RequestUsage<K>) {
        account.entry.take_if(|entry| !entry.is_spent());
    }

    fn consume(&self, account: &mut RequestUsage<K>) {
        if let Some(entry) = &mut account.entry {
            entry.make();
        }
    }

    fn refund(&self, account: &mut RequestUsage<K>) {
        if let Some(entry) = account.entry.take() {
            entry.refund();
        }
    }

    fn hold(&self, account: &mut RequestUsage<K>) {
        if let Some(entry) = &mut account.entry {
            entry.hold();
        }
    }

    fn usage<'a>(&self, account: &'a mut RequestUsage<K>) -> Option<QuotaUsage<'a>> {
        let (retries, total) = (self.quota.retries_for_key(account.text()), self.quota.total_retries());
        Some(QuotaUsage::new(account.text(), retries, total))
    }
}

impl<F> fmt::Debug for KeyedQuota<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.quota.fmt(f)
    }
}
