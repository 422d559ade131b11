use std::sync::{Arc, Mutex, PoisonError};

use super::counts::{Book, Place};

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
