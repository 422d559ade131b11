use std::time::Duration;

use super::{level::Level, slices::Slices};
use crate::sync::{AtomicU64, Ordering};

/// A token, in the unit in which shares are counted.
pub(super) const WHOLE: u64 = 1_000_000_000;

/// What requests have put in, and retries haven't taken out.
#[derive(Debug)]
pub(super) enum Deposits {
    /// Kept until it is taken. Knows no time.
    Kept(Level),
    /// Kept for a while.
    Ageing {
        /// Less than a whole token. It doesn't age.
        fraction: AtomicU64,
        slices: Slices,
        /// How long each slice is, in nanoseconds.
        length: u64,
    },
}

impl Deposits {
    /// Ten, as in Finagle's: what is put in is there for nine tenths of the time at least, and never longer than all of it.
    const SLICES: u8 = 10;

    pub(super) fn new(capacity: u32, ttl: Option<Duration>) -> Self {
        match ttl {
            None => Self::Kept(Level::empty(u64::from(capacity) * WHOLE)),
            Some(ttl) => Self::Ageing {
                fraction: AtomicU64::new(0),
                slices: Slices::new(Self::SLICES, capacity),
                length: ttl.as_nanos() as u64 / u64::from(Self::SLICES),
            },
        }
    }

    /// Adds so many billionths of a token, if there is room.
    pub(super) fn put(&self, amount: u64, now: impl FnOnce() -> u64) {
        match self {
            Self::Kept(level) => {
                level.put(amount);
            }
            Self::Ageing { fraction, slices, length } => {
                let slice = now() / length;
                if slices.is_full(slice) {
                    return;
                }
                let rest = |fraction: u64| Some((fraction + amount) % WHOLE);
                // Always `Ok`. Relaxed: what is carried over is in nobody else's hand.
                let before = fraction.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).unwrap_or(0);
                slices.put((before + amount) / WHOLE, slice);
            }
        }
    }

    /// Takes a whole token: from where.
    pub(super) fn take(&self, now: impl FnOnce() -> u64) -> Option<u64> {
        match self {
            Self::Kept(level) => level.take(WHOLE).then_some(0),
            Self::Ageing { slices, length, .. } => slices.take(now() / length),
        }
    }

    /// Puts a token back from where it was taken.
    pub(super) fn give_back(&self, from: u64, now: impl FnOnce() -> u64) {
        match self {
            Self::Kept(level) => {
                level.put(WHOLE);
            }
            Self::Ageing { slices, length, .. } => slices.give_back(from, now() / length),
        }
    }

    /// How many whole tokens there are.
    pub(super) fn amount(&self, now: impl FnOnce() -> u64) -> u64 {
        match self {
            Self::Kept(level) => level.amount() / WHOLE,
            Self::Ageing { slices, length, .. } => slices.amount(now() / length),
        }
    }
}
