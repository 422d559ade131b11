//! Whole tokens that age. The tokens of one slice of time share one word, and expire together.
//!
//! ```text
//! held: the tokens in the ring, at most the capacity ┌─────────┬─────────┬─────────┬───┬─────────┐
//! │ 41 │ 10 │ 42 │ 10 │ 43 │  7 │ … │ 40 │ 10 │   number of the slice, tokens in it
//! └─────────┴─────────┴─────────┴───┴─────────┘
//!                           newest     oldest: taken first, expires when slice 50 starts
//! ```
//!
//! A deposit takes room in `held` before it adds tokens to a slice, and a withdrawal frees the room
//! after it has removed a token. So in every interleaving the slices hold at most `held` tokens,
//! and `held` is at most the capacity.

#[cfg(all(test, not(recourse_loom)))]
mod tests;

use super::level::Level;
use crate::sync::{AtomicU64, Ordering};

/// Relaxed: a thread that changes a word owns the tokens by which the word differs, whatever else
/// that thread has read.
#[derive(Debug)]
pub(super) struct Slices {
    held: Level,
    /// The share of each slice if all hold the same. A full bucket moves at most this many old
    /// tokens into a slice.
    fair: u64,
    /// Each word has 32 bits for the slice's number, and 32 for its tokens. Numbers wrap around
    /// after 13 years of the shortest slices. A word that no thread has touched for exactly that
    /// long counts as new.
    ring: Box<[AtomicU64]>,
}

const TOKENS: u64 = (1 << 32) - 1;

impl Slices {
    pub(super) fn new(slices: u8, capacity: u32) -> Self {
        let ring: Box<[_]> = (0..slices.max(1)).map(|_| AtomicU64::new(0)).collect();
        let fair = u64::from(capacity).div_ceil(ring.len() as u64);
        Self { held: Level::with(0, capacity.into()), fair, ring }
    }

    /// The number of tokens at the time of slice `now`.
    pub(super) fn amount(&self, now: u64) -> u64 {
        self.sweep(now);
        self.held.amount()
    }

    /// Whether a deposit would change nothing: there is no room, and the newest slice has its
    /// share.
    pub(super) fn is_full(&self, now: u64) -> bool {
        self.sweep(now);
        self.held.is_full() && tokens_of(self.slice(now).load(Ordering::Relaxed), now) >= self.fair
    }

    /// Adds as many tokens as there is room for. If there is none, moves tokens from the oldest
    /// slices until the newest has its share, so that the tokens of a bucket that is always full
    /// don't expire all at once.
    pub(super) fn put(&self, amount: u64, now: u64) {
        self.sweep(now);
        let fresh = self.held.put(amount);
        let lacks = self.fair.saturating_sub(tokens_of(self.slice(now).load(Ordering::Relaxed), now));
        let renewed =
            (fresh..amount.min(lacks)).take_while(|_| self.take_from(self.oldest(now)..now).is_some()).count();
        self.lay(fresh + renewed as u64, now);
    }

    /// Takes one of the oldest tokens. Returns the number of its slice.
    pub(super) fn take(&self, now: u64) -> Option<u64> {
        self.sweep(now);
        let from = self.take_from(self.oldest(now)..now + 1)?;
        self.held.drain(1);
        Some(from)
    }

    /// Puts a token back into its slice, unless it has expired or there is no room.
    pub(super) fn give_back(&self, from: u64, now: u64) {
        self.sweep(now);
        if (self.oldest(now)..=now).contains(&from) && self.held.put(1) == 1 {
            self.lay(1, from);
        }
    }

    /// The slices that have tokens, as number and tokens; the newest first.
    pub(super) fn held(&self, now: u64) -> Vec<(u64, u64)> {
        let of = |number| (number, tokens_of(self.slice(number).load(Ordering::Relaxed), number));
        (self.oldest(now)..=now).rev().map(of).filter(|&(_, tokens)| tokens > 0).collect()
    }

    /// Replaces the tokens with these, as far as there is room. Tokens that have expired are left
    /// out.
    pub(super) fn hold(&self, slices: impl IntoIterator<Item = (u64, u64)>, now: u64) {
        for slice in &self.ring {
            // The closure always returns `Some`.
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

    /// Adds tokens to a slice. The caller has taken the room for them in `held`.
    fn lay(&self, amount: u64, number: u64) {
        if amount == 0 {
            return;
        }
        let more = |word: u64| match age(word, number) {
            // It can't overflow: no slice has more tokens than `held`, which fits into 32 bits.
            0 => Some(word + amount),
            1.. => Some(packed(number, amount)),
            // A newer slice uses this word: this thread was delayed until the tokens had expired.
            _ => None,
        };
        let void = match self.slice(number).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(before) if age(before, number) == 0 => 0,
            Ok(before) => tokens_in(before),
            Err(_newer) => amount,
        };
        self.held.drain(void);
    }

    /// Removes the tokens that have expired.
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

/// The tokens in this word if it belongs to this slice.
fn tokens_of(word: u64, number: u64) -> u64 {
    if age(word, number) == 0 { tokens_in(word) } else { 0 }
}

/// By how many slices the word is older than `number`; negative if it is newer.
fn age(word: u64, number: u64) -> i64 {
    /// By how many slices a thread may be late: 29 hours of the shortest ones. A word that is
    /// further ahead is from before the numbers wrapped around.
    const LATEST: u32 = 1 << 20;
    let behind = (number as u32).wrapping_sub((word >> 32) as u32);
    if behind > u32::MAX - LATEST { i64::from(behind) - (1 << 32) } else { behind.into() }
}
