use std::time::Duration;

use super::{level::Level, slices::Slices};
use crate::sync::{AtomicU64, Ordering};

/// One token in the unit of deposits, a billionth.
pub(super) const WHOLE: u64 = 1_000_000_000;

/// The tokens that requests have deposited and retries haven't withdrawn.
#[derive(Debug)]
pub(super) enum Deposits {
    /// Deposits that don't age, so no time is needed.
    Kept(Level),
    /// Deposits that expire.
    Ageing {
        /// The part below a whole token, in billionths. It doesn't age.
        fraction: AtomicU64,
        slices: Slices,
        /// The length of each slice in nanoseconds.
        length: u64,
    },
}

impl Deposits {
    /// Ten slices, as in Finagle. A deposit lasts for at least nine tenths of its time, and never
    /// for longer than all of it.
    const SLICES: u8 = 10;

    /// Makes deposits that hold `initial` tokens at time zero.
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

    /// Whether there is no room, as far as this is known without the time.
    #[inline]
    pub(super) fn are_full(&self) -> bool {
        match self {
            Self::Kept(level) => level.is_full(),
            Self::Ageing { .. } => false,
        }
    }

    /// Deposits `amount` billionths of a token, as far as there is room.
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

    /// Withdraws a whole token. Returns the slice that it came from, or 0 if deposits don't age.
    pub(super) fn take(&self, now: impl FnOnce() -> u64) -> Option<u64> {
        match self {
            Self::Kept(level) => level.take(WHOLE).then_some(0),
            Self::Ageing { slices, length, .. } => slices.take(slice_at(now(), *length)),
        }
    }

    /// Returns a token to the slice that it came from.
    pub(super) fn give_back(&self, from: u64, now: impl FnOnce() -> u64) {
        match self {
            Self::Kept(level) => {
                level.put(WHOLE);
            }
            Self::Ageing { slices, length, .. } => slices.give_back(from, slice_at(now(), *length)),
        }
    }

    /// The number of whole tokens.
    pub(super) fn amount(&self, now: impl FnOnce() -> u64) -> u64 {
        match self {
            Self::Kept(level) => level.amount() / WHOLE,
            Self::Ageing { slices, length, .. } => slices.amount(slice_at(now(), *length)),
        }
    }

    /// The tokens by age, the newest first. Deposits that don't age have age zero.
    pub(super) fn snapshot(&self, now: impl FnOnce() -> u64) -> Vec<(Duration, f64)> {
        match self {
            Self::Kept(level) => vec![(Duration::ZERO, level.amount() as f64 / WHOLE as f64)],
            Self::Ageing { slices, length, .. } => {
                let now = shifted(now(), *length);
                // The age is counted from the start of the slice, so no token is older than that.
                let aged = |(number, tokens)| (Duration::from_nanos(now - number * length), tokens as f64);
                slices.held(now / length).into_iter().map(aged).collect()
            }
        }
    }

    /// Replaces the tokens with those of a snapshot that was taken `elapsed` ago, without those
    /// that have expired and those for which there is no room.
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

// Outlined, because most buckets have deposits that don't age.
#[inline(never)]
fn put_in_slice(fraction: &AtomicU64, slices: &Slices, amount: u64, slice: u64) {
    if slices.is_full(slice) {
        return;
    }
    let rest = |fraction: u64| Some((fraction + amount) % WHOLE);
    // The closure always returns `Some`. Relaxed: the carry belongs to the thread that has produced
    // it.
    let before = fraction.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).unwrap_or(0);
    slices.put((before + amount) / WHOLE, slice);
}

/// The number of the slice that contains a time.
fn slice_at(now: u64, length: u64) -> u64 {
    shifted(now, length) / length
}

/// Times start after one whole ring of slices, so that deposits from before, which a snapshot
/// contains, have slice numbers, too.
fn shifted(now: u64, length: u64) -> u64 {
    now + u64::from(Deposits::SLICES) * length
}
