use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::book::{Book, Place};
use crate::Cause;

/// A retry entered into a [`Ledger`](super::Ledger). Dropped, it is struck out, as the retry was never made.
#[derive(Debug)]
#[must_use = "dropped, it is struck out"]
pub struct Entry {
    book: Arc<Mutex<Book>>,
    key: Box<str>,
    place: Place,
    is_spent: bool,
}

impl Entry {
    pub(super) fn new(book: Arc<Mutex<Book>>, key: &str, place: Place) -> Self {
        Self { book, key: key.into(), place, is_spent: false }
    }

    /// The retry is made: the entry stays.
    pub fn spend(mut self) {
        self.make();
    }

    /// The retry is being made. Whoever holds the entry may still have to [strike it out](Self::strike).
    pub(super) fn make(&mut self) {
        self.is_spent = true;
    }

    /// The retry was rejected, and follows later.
    pub(super) fn hold(&mut self) {
        self.is_spent = false;
    }

    pub(super) fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// The retry was never made, although it was tried.
    pub(super) fn strike(mut self) {
        self.is_spent = false;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_spent {
            self.book.lock().unwrap_or_else(PoisonError::into_inner).strike(&self.key, self.place);
        }
    }
}

/// A limit of a [`Ledger`](super::Ledger) is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The one over all keys.
    InAll {
        /// How many retries may be made.
        limit: u64,
    },
    /// The one of this key.
    Key {
        /// How many retries may be made.
        limit: u32,
    },
}

impl Spent {
    /// The same, as a fallback is told.
    pub const fn cause(&self) -> Cause {
        match *self {
            Self::InAll { limit } => Cause::LedgerInAll { limit },
            Self::Key { limit } => Cause::LedgerKey { limit },
        }
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause().fmt(f)
    }
}

impl Error for Spent {}
