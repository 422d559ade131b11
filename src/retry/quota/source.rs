use std::fmt;

use super::{Entry, Ledger, Spent, key};
use crate::observe::Booked;

/// Counts the retries of requests: in a [`Ledger`], under a key of the request, or not at all.
pub trait Accounts<Req> {
    /// The counts that belong to one request.
    type Account;

    /// Takes the key from the request, before the call.
    fn open(&self, request: &Req) -> Self::Account;

    /// The total limit, if it is reached.
    fn spent_in_all(&self) -> Option<Spent>;

    /// The limit of the request's key, if it is reached.
    fn spent_by_key(&self, account: &mut Self::Account) -> Option<Spent>;

    /// Counts a retry. The count is taken back if the account is dropped before it is
    /// [spent](Self::spend).
    fn take(&self, account: &mut Self::Account) -> Result<(), Spent>;

    /// Takes back a retry that was counted and not spent.
    fn give_back(&self, account: &mut Self::Account);

    /// The retry is made.
    fn spend(&self, account: &mut Self::Account);

    /// A breaker rejected the attempt, which therefore costs nothing. If it was a retry, its count
    /// is taken back.
    fn rejected(&self, account: &mut Self::Account);

    /// A breaker rejected the attempt, and the same attempt will be made again. The retry stays
    /// counted, and its count is taken back if the attempt isn't made.
    fn hold(&self, account: &mut Self::Account);

    /// The counts of the request's key.
    fn booked<'a>(&self, account: &'a mut Self::Account) -> Option<Booked<'a>>;
}

/// No ledger: nothing is counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLedger;

impl<Req> Accounts<Req> for NoLedger {
    type Account = ();

    fn open(&self, _: &Req) {}

    fn spent_in_all(&self) -> Option<Spent> {
        None
    }

    fn spent_by_key(&self, (): &mut ()) -> Option<Spent> {
        None
    }

    fn take(&self, (): &mut ()) -> Result<(), Spent> {
        Ok(())
    }

    fn give_back(&self, (): &mut ()) {}

    fn spend(&self, (): &mut ()) {}

    fn rejected(&self, (): &mut ()) {}

    fn hold(&self, (): &mut ()) {}

    fn booked<'a>(&self, (): &'a mut ()) -> Option<Booked<'a>> {
        None
    }
}

/// A ledger, and a function that takes the key from a request.
#[derive(Clone)]
pub struct Ledgered<F> {
    ledger: Ledger,
    key: F,
}

impl<F> Ledgered<F> {
    pub(crate) fn new(ledger: Ledger, key: F) -> Self {
        Self { ledger, key }
    }
}

/// The counts that belong to one request of a ledger.
#[derive(Debug)]
pub struct Account<K> {
    key: K,
    /// The key as text, made when an attempt has failed.
    text: Option<String>,
    /// The entry of the last retry.
    entry: Option<Entry>,
}

impl<K: fmt::Display> Account<K> {
    fn text(&mut self) -> &str {
        self.text.get_or_insert_with(|| key::written(&self.key))
    }
}

impl<F, Req, K> Accounts<Req> for Ledgered<F>
where
    F: Fn(&Req) -> K,
    K: fmt::Display,
{
    type Account = Account<K>;

    fn open(&self, request: &Req) -> Account<K> {
        Account { key: (self.key)(request), text: None, entry: None }
    }

    fn spent_in_all(&self) -> Option<Spent> {
        self.ledger.spent_in_all()
    }

    fn spent_by_key(&self, account: &mut Account<K>) -> Option<Spent> {
        self.ledger.spent_by(account.text())
    }

    fn take(&self, account: &mut Account<K>) -> Result<(), Spent> {
        let entry = self.ledger.take(account.text())?;
        account.entry = Some(entry);
        Ok(())
    }

    fn give_back(&self, account: &mut Account<K>) {
        account.entry.take_if(|entry| !entry.is_spent());
    }

    fn spend(&self, account: &mut Account<K>) {
        if let Some(entry) = &mut account.entry {
            entry.make();
        }
    }

    fn rejected(&self, account: &mut Account<K>) {
        if let Some(entry) = account.entry.take() {
            entry.refund();
        }
    }

    fn hold(&self, account: &mut Account<K>) {
        if let Some(entry) = &mut account.entry {
            entry.hold();
        }
    }

    fn booked<'a>(&self, account: &'a mut Account<K>) -> Option<Booked<'a>> {
        let (retries, in_all) = (self.ledger.retries_of(account.text()), self.ledger.retries_in_all());
        Some(Booked::new(account.text(), retries, in_all))
    }
}

impl<F> fmt::Debug for Ledgered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ledger.fmt(f)
    }
}
