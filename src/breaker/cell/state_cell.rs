//! The words of one circuit.

use super::{
    failing_since::FailingStamp,
    optional_times::OptionalTimes,
    packed_word::{ANSWERED, FAILURES_IN_A_ROW, MODE, PHASE, SLOW_START, generation_of, pack, unpack},
    stamp::Stamp,
};
use crate::{
    breaker::{
        generation::reset_if_wrapped,
        state::Mode,
        transition::{Phase, StateWord},
    },
    sync::{AtomicU64, Ordering},
};

/// The state of one circuit, in atomics. Times are microseconds since the circuit's epoch.
#[derive(Debug)]
pub(crate) struct StateCell {
    pub(super) word: AtomicU64,
    pub(super) open_until: Stamp,
    /// Half-open: the end of the newest probe's lease. Closed: the start of the row of cancelled
    /// calls. The thread that opens a closed circuit writes `open_until`, not this stamp; otherwise
    /// writers of two generations would overwrite each other.
    pub(super) lease_until: Stamp,
    pub(super) failing_since: FailingStamp,
    pub(super) optional: OptionalTimes,
    pub(super) probes: AtomicU64,
}

impl StateCell {
    pub(crate) fn new() -> Self {
        let phase = Phase::Closed { failures_in_a_row: 0, slow_start: false };
        let word = StateWord { generation: 0, mode: Mode::Auto, streak: 0, phase, answered: false };
        Self {
            word: AtomicU64::new(pack(word)),
            open_until: Stamp::new(),
            lease_until: Stamp::new(),
            failing_since: FailingStamp::new(),
            optional: OptionalTimes::new(),
            probes: AtomicU64::new(0),
        }
    }

    pub(crate) fn load(&self) -> StateWord {
        unpack(self.read())
    }

    /// Returns the generation, if the circuit is closed and admits every call. Most calls read only
    /// this.
    #[inline]
    pub(crate) fn generation_if_admitting_all(&self) -> Option<u32> {
        let word = self.read();
        (word & (PHASE | SLOW_START) == 0).then_some(generation_of(word))
    }

    /// Returns whether the circuit is closed.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.read() & PHASE == 0
    }

    /// Returns whether a success of `generation` leaves the word as it is: the circuit is closed,
    /// the generation is current, no call has failed since the last success, and
    /// [`answered`](StateWord::answered) is set.
    #[inline]
    pub(crate) fn success_changes_nothing(&self, generation: u32) -> bool {
        let word = self.read();
        generation_of(word) == generation && word & (PHASE | FAILURES_IN_A_ROW | ANSWERED) == ANSWERED
    }

    /// Returns whether the rules control the state.
    #[inline]
    pub(crate) fn is_automatic(&self) -> bool {
        self.read() & MODE == 0
    }

    /// Replaces the word unconditionally. Returns the words before and after.
    pub(crate) fn update(&self, next: impl Fn(StateWord) -> StateWord) -> (StateWord, StateWord) {
        loop {
            let word = self.load();
            let next = next(word);
            if next == word || self.compare_exchange(word, next) {
                return (word, next);
            }
        }
    }

    /// Prepares the cell for a new tenant, whose time starts at 0. Returns its first generation.
    /// Clears the stamps: they are relative to the former tenant's epoch, and after some
    /// generations their 15 bits of generation would match again.
    pub(crate) fn start_tenant(&self) -> u32 {
        for stamp in [&self.open_until, &self.lease_until] {
            stamp.clear();
        }
        self.failing_since.clear();
        self.optional.clear();
        let generation = self.load().generation;
        reset_if_wrapped(&self.probes, generation);
        generation
    }

    // Acquire: a thread that sees a word also sees the times that were written before it.
    #[inline]
    pub(super) fn read(&self) -> u64 {
        self.word.load(Ordering::Acquire)
    }

    // AcqRel: publishes the times that this thread wrote before, and acquires the times of the
    // thread that wrote the replaced word.
    pub(super) fn compare_exchange(&self, word: StateWord, next: StateWord) -> bool {
        self.word.compare_exchange(pack(word), pack(next), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
