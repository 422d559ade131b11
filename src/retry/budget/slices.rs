//! Whole tokens that age: those of one slice of time lie in one word, and are void together.
//!
//! ```text
//! held: all that lie in the ring, and never more than the capacity
//!  ┌─────────┬─────────┬─────────┬───┬─────────┐
//!  │ 41 │ 10 │ 42 │ 10 │ 43 │  7 │ … │ 40 │ 10 │   number of the slice, tokens in it
//!  └─────────┴─────────┴─────────┴───┴─────────┘
//!                           newest     oldest: taken first, void when 50 begins
//! ```
//!
//! Room is taken in `held` before tokens are laid into a slice, and freed after they are gone from it. So whatever threads do
//! in between, the slices never hold more than `held` says, and that is never more than the capacity.

#[cfg(all(test, not(recourse_loom)))]
mod tests;

use super::level::Level;
use crate::sync::{AtomicU64, Ordering};

/// Relaxed throughout: who has changed a word owns the tokens by which it differs, whatever else that thread has seen.
#[derive(Debug)]
pub(super) struct Slices {
    held: Level,
    /// What each slice holds when they are all the same; more than this isn't moved into one.
    fair: u64,
    /// 32 bits of the slice's number, 32 of tokens. Numbers come round after 13 years of the shortest slices: what lies untouched
    /// for just as long is taken for fresh.
    ring: Box<[AtomicU64]>,
}

const TOKENS: u64 = (1 << 32) - 1;

impl Slices {
    pub(super) fn new(slices: u8, capacity: u32) -> Self {
        let ring: Box<[_]> = (0..slices.max(1)).map(|_| AtomicU64::new(0)).collect();
        let fair = u64::from(capacity).div_ceil(ring.len() as u64);
        Self { held: Level::with(0, capacity.into()), fair, ring }
    }

    /// How many there are in the time of slice `now`.
    pub(super) fn amount(&self, now: u64) -> u64 {
        self.sweep(now);
        self.held.amount()
    }

    /// Whether a deposit would change nothing: there is no room, and the newest slice has its part.
    pub(super) fn is_full(&self, now: u64) -> bool {
        self.sweep(now);
        self.held.is_full() && tokens_of(self.slice(now).load(Ordering::Relaxed), now) >= self.fair
    }

    /// Adds what there is room for. If there is none, the newest slice takes over from the oldest one what it lacks of its part:
    /// a bucket that is always full ages bit by bit, and not all at once.
    pub(super) fn put(&self, amount: u64, now: u64) {
        self.sweep(now);
        let fresh = self.held.put(amount);
        let lacks = self.fair.saturating_sub(tokens_of(self.slice(now).load(Ordering::Relaxed), now));
        let renewed =
            (fresh..amount.min(lacks)).take_while(|_| self.take_from(self.oldest(now)..now).is_some()).count();
        self.lay(fresh + renewed as u64, now);
    }

    /// Takes the oldest one: the number of its slice.
    pub(super) fn take(&self, now: u64) -> Option<u64> {
        self.sweep(now);
        let from = self.take_from(self.oldest(now)..now + 1)?;
        self.held.drain(1);
        Some(from)
    }

    /// Puts one back where it was, unless its time is over or its place is taken.
    pub(super) fn give_back(&self, from: u64, now: u64) {
        self.sweep(now);
        if (self.oldest(now)..=now).contains(&from) && self.held.put(1) == 1 {
            self.lay(1, from);
        }
    }

    /// The tokens of each slice that has some, by its number; the newest first.
    pub(super) fn held(&self, now: u64) -> Vec<(u64, u64)> {
        let of = |number| (number, tokens_of(self.slice(number).load(Ordering::Relaxed), number));
        (self.oldest(now)..=now).rev().map(of).filter(|&(_, tokens)| tokens > 0).collect()
    }

    /// Holds these instead, those for which there is room; what is too old is left out.
    pub(super) fn hold(&self, slices: impl IntoIterator<Item = (u64, u64)>, now: u64) {
        for slice in &self.ring {
            // Always `Ok`.
            let before = slice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |_| Some(0)).unwrap_or(0);
            self.held.drain(tokens_in(before));
        }
        for (number, tokens) in slices {
            if (self.oldest(now)..=now).contains(&number) {
                self.lay(self.held.put(tokens), number);
            }
        }
    }

    fn oldest(&self, now: u64) -> u64 {
        (now + 1).saturating_sub(self.ring.len() as u64)
    }

    fn slice(&self, number: u64) -> &AtomicU64 {
        &self.ring[(number % self.ring.len() as u64) as usize]
    }

    fn take_from(&self, mut numbers: std::ops::Range<u64>) -> Option<u64> {
        numbers.find(|&number| {
            let less = |word: u64| (tokens_of(word, number) > 0).then(|| word - 1);
            self.slice(number).fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
        })
    }

    /// Lays tokens into a slice, for which there is room in `held`.
    fn lay(&self, amount: u64, number: u64) {
        if amount == 0 {
            return;
        }
        let more = |word: u64| match age(word, number) {
            // No overflow: no slice has more than `held`, which is within 32 bits.
            0 => Some(word + amount),
            1.. => Some(packed(number, amount)),
            // A slice that is newer has its place: this thread was asleep while the tokens' time passed.
            _ => None,
        };
        let void = match self.slice(number).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(before) if age(before, number) == 0 => 0,
            Ok(before) => tokens_in(before),
            Err(_newer) => amount,
        };
        self.held.drain(void);
    }

    /// Empties the slices whose time is over.
    fn sweep(&self, now: u64) {
        let is_void = |word: u64| tokens_in(word) > 0 && age(word, now) >= self.ring.len() as i64;
        for slice in &self.ring {
            let empty = |word: u64| is_void(word).then_some(word & !TOKENS);
            if let Ok(before) = slice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, empty) {
                self.held.drain(tokens_in(before));
            }
        }
    }
}

fn packed(number: u64, tokens: u64) -> u64 {
    number << 32 | tokens
}

/// The tokens in this word, whatever its slice.
fn tokens_in(word: u64) -> u64 {
    word & TOKENS
}

/// The tokens in this word, if it is of this slice.
fn tokens_of(word: u64, number: u64) -> u64 {
    if age(word, number) == 0 { tokens_in(word) } else { 0 }
}

/// How many slices before `number` the word's is; less than 0 if it is of a later one.
fn age(word: u64, number: u64) -> i64 {
    /// By how many slices a thread may be late: 29 hours of the shortest. A word that is ahead by more is one of long ago.
    const LATEST: u32 = 1 << 20;
    let behind = (number as u32).wrapping_sub((word >> 32) as u32);
    if behind > u32::MAX - LATEST { i64::from(behind) - (1 << 32) } else { behind.into() }
}
