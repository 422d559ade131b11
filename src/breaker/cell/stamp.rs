//! A time that belongs to a generation, in one word.

use crate::sync::{AtomicU64, Ordering};

/// The longest open time, 8.9 years. A longer one never ends.
pub(crate) const LONGEST: u64 = (1 << 48) - 2;

/// 15 bits of generation and 49 bits of time. Times of the first 8.9 years are in microseconds.
/// Later times have the highest of the 49 bits set; they are in milliseconds, rounded up, and reach
/// 8,919 years. Any later time means "never".
#[derive(Debug)]
pub(super) struct Stamp(AtomicU64);

impl Stamp {
    const TIME_BITS: u32 = 49;
    const TIME: u64 = (1 << Self::TIME_BITS) - 1;
    const IN_MILLIS: u64 = 1 << (Self::TIME_BITS - 1);

    /// No time, stored as time 0. For every generation, time 0 has the same effect as no time: it
    /// is over, and any other time is later.
    pub(super) const NONE: u64 = 0;

    pub(super) fn new() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }

    // Relaxed is enough: the store of the tenant in its core publishes the stamp.
    pub(super) fn clear(&self) {
        self.0.store(Self::NONE, Ordering::Relaxed);
    }

    /// Returns the time of `generation`, if the stamp has one.
    pub(super) fn of(&self, generation: u32) -> Option<u64> {
        Self::time(self.read(), generation)
    }

    /// Returns the time in `stamp`, if it belongs to `generation`. `u64::MAX` means "never".
    pub(super) fn time(stamp: u64, generation: u32) -> Option<u64> {
        (stamp >> Self::TIME_BITS == tag(generation)).then_some(Self::any_time(stamp))
    }

    /// Returns the time in `stamp`, whatever its generation.
    pub(super) fn any_time(stamp: u64) -> u64 {
        match stamp & Self::TIME {
            Self::TIME => u64::MAX,
            time if time & Self::IN_MILLIS != 0 => (time ^ Self::IN_MILLIS) * 1_000,
            micros => micros,
        }
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Sets the time of `generation`, or makes it later. `before` is the stamp as it was before the
    /// state word was read. If another generation has written the stamp since, nothing changes and
    /// this returns `false`: the caller must read the state word again.
    pub(super) fn extend(&self, before: u64, generation: u32, time: u64) -> bool {
        let time = packed(time);
        let stamp = tag(generation) << Self::TIME_BITS | time;
        let mut current = self.read();
        loop {
            let of_this_generation = current >> Self::TIME_BITS == tag(generation);
            if of_this_generation && current & Self::TIME >= time {
                return true;
            }
            if !of_this_generation && current != before {
                return false;
            }
            match self.0.compare_exchange(current, stamp, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(changed) => current = changed,
            }
        }
    }
}

/// Packs a time into 49 bits. A later time gives a larger number.
fn packed(micros: u64) -> u64 {
    if micros < Stamp::IN_MILLIS {
        return micros;
    }
    Stamp::IN_MILLIS | micros.div_ceil(1_000).min(Stamp::IN_MILLIS - 1)
}

fn tag(generation: u32) -> u64 {
    u64::from(generation & 0x7FFF)
}

#[cfg(all(test, not(recourse_loom)))]
mod tests {
    use super::*;

    const YEAR: u64 = 365 * 24 * 3_600 * 1_000_000;

    fn stamped(time: u64) -> u64 {
        let stamp = Stamp::new();
        assert!(stamp.extend(Stamp::NONE, 7, time));
        stamp.of(7).unwrap()
    }

    #[test]
    fn times_are_exact_for_eight_years_then_in_milliseconds() {
        for time in [0, 1, YEAR, 8 * YEAR, Stamp::IN_MILLIS - 1, Stamp::IN_MILLIS, 9 * YEAR, 8_000 * YEAR + 1] {
            let late = stamped(time) - time;
            assert!(late < if time < Stamp::IN_MILLIS { 1 } else { 1_000 }, "{time}: {late}");
        }
    }

    #[test]
    fn times_after_eight_thousand_years_mean_never() {
        assert_eq!([u64::MAX, u64::MAX - 1, 9_000 * YEAR].map(stamped), [u64::MAX; 3]);
    }

    #[test]
    fn a_later_time_is_a_larger_word() {
        let times = [0, 5, YEAR, Stamp::IN_MILLIS - 1, Stamp::IN_MILLIS, 9 * YEAR, 4_000 * YEAR, u64::MAX];
        assert!(times.map(packed).is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_stamp_gets_later_or_is_replaced_by_a_new_generation() {
        let stamp = Stamp::new();
        assert!(stamp.extend(Stamp::NONE, 3, 20));
        assert!(stamp.extend(Stamp::NONE, 3, 10), "an earlier time changes nothing");
        assert_eq!(stamp.of(3), Some(20));
        assert!(stamp.extend(Stamp::NONE, 3, 30), "a later time is stored");
        assert_eq!(stamp.of(3), Some(30));
        assert!(!stamp.extend(Stamp::NONE, 4, 40), "another thread has written since it was read");
        assert_eq!((stamp.of(3), stamp.of(4)), (Some(30), None));
        assert!(stamp.extend(stamp.read(), 4, 10));
        assert_eq!((stamp.of(3), stamp.of(4)), (None, Some(10)));
    }
}
