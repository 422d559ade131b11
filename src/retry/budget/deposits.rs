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

    /// Holds `initial` tokens at time zero.
    pub(super) fn new(capacity: u32, ttl: Option<Duration>, initial: u32) -> Self {
        match ttl {
            None => Self::Kept(Level::with(u64::from(initial) * WHOLE, u64::from(capacity) * WHOLE)),
            Some(ttl) => {
                let length = ttl.as_nanos() as u64 / u64::from(Self::SLICES);
                let slices = Slices::new(Self::SLICES, capacity);
                slices.put(initial.into(), slice_at(0, length));
                Self::Ageing { fraction: AtomicU64::new(0), slices, length }
            }
        }
    }

    /// Whether there is no room, if that can be known without the time.
    #[inline]
    pub(super) fn are_full(&self) -> bool {
        match self {
            Self::Kept(level) => level.is_full(),
            Self::Ageing { .. } => false,
        }
    }

    /// Adds so many billionths of a token, if there is room.
    pub(super) fn put(&self, amount: u64, now: impl FnOnce() -> u64) {
        match self {
            Self::Kept(level) => {
                level.put(amount);
            }
            Self::Ageing { fraction, slices, length } => {
                put_in_slice(fraction, slices, amount, slice_at(now(), *length));
            }
        }
    }

    /// Takes a whole token: from where.
    pub(super) fn take(&self, now: impl FnOnce() -> u64) -> Option<u64> {
        match self {
            Self::Kept(level) => level.take(WHOLE).then_some(0),
            Self::Ageing { slices, length, .. } => slices.take(slice_at(now(), *length)),
        }
    }

    /// Puts a token back from where it was taken.
    pub(super) fn give_back(&self, from: u64, now: impl FnOnce() -> u64) {
        match self {
            Self::Kept(level) => {
                level.put(WHOLE);
            }
            Self::Ageing { slices, length, .. } => slices.give_back(from, slice_at(now(), *length)),
        }
    }

    /// How many whole tokens there are.
    pub(super) fn amount(&self, now: impl FnOnce() -> u64) -> u64 {
        match self {
            Self::Kept(level) => level.amount() / WHOLE,
            Self::Ageing { slices, length, .. } => slices.amount(slice_at(now(), *length)),
        }
    }

    /// What is in it, by age, the newest first: in tokens. The age of what doesn't age is zero.
    pub(super) fn snapshot(&self, now: impl FnOnce() -> u64) -> Vec<(Duration, f64)> {
        match self {
            Self::Kept(level) => vec![(Duration::ZERO, level.amount() as f64 / WHOLE as f64)],
            Self::Ageing { slices, length, .. } => {
                let now = shifted(now(), *length);
                // Since their slice began: none is older than that.
                let aged = |(number, tokens)| (Duration::from_nanos(now - number * length), tokens as f64);
                slices.held(now / length).into_iter().map(aged).collect()
            }
        }
    }

    /// Holds what a snapshot says, which was taken so long ago, as far as there is room for it and its time isn't over.
    pub(super) fn restore(&self, snapshot: &[(Duration, f64)], elapsed: Duration, now: impl FnOnce() -> u64) {
        match self {
            Self::Kept(level) => {
                let tokens: f64 = snapshot.iter().map(|(_, tokens)| tokens.max(0.0)).sum();
                level.set((tokens * WHOLE as f64).round() as u64);
            }
            Self::Ageing { slices, length, .. } => {
                let now = shifted(now(), *length);
                let slice = |&(age, tokens): &(Duration, f64)| {
                    let age = u64::try_from(age.saturating_add(elapsed).as_nanos()).ok()?;
                    Some((now.checked_sub(age)? / length, (tokens as u64).min(u32::MAX.into())))
                };
                slices.hold(snapshot.iter().filter_map(slice), now / length);
            }
        }
    }
}

// Not in line: what doesn't age has no such thing to do.
#[inline(never)]
fn put_in_slice(fraction: &AtomicU64, slices: &Slices, amount: u64, slice: u64) {
    if slices.is_full(slice) {
        return;
    }
    let rest = |fraction: u64| Some((fraction + amount) % WHOLE);
    // Always `Ok`. Relaxed: what is carried over is in nobody else's hand.
    let before = fraction.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).unwrap_or(0);
    slices.put((before + amount) / WHOLE, slice);
}

/// The number of the slice of this time.
fn slice_at(now: u64, length: u64) -> u64 {
    shifted(now, length) / length
}

/// Times begin with as many slices as there are, so that what was put in before, by a snapshot, has a number too.
fn shifted(now: u64, length: u64) -> u64 {
    now + u64::from(Deposits::SLICES) * length
}
