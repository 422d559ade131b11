//! The circuit's shared state: one packed atomic word, and the only file that changes it.
//!
//! ```text
//!  63                            33 32     27 26 25 24             12 11 … 0
//! ┌────────────────────────────────┬─────────┬─────┬──────────────────────────┐
//! │ generation (31)                │ streak 6│  2  │ closed: failures in a row│
//! │                                │         │phase│ half-open: in flight 8 · │
//! │                                │         │     │   counted 8 · admitted 8 │
//! └────────────────────────────────┴─────────┴─────┴──────────────────────────┘
//! ```
//!
//! Beside it lie three words that carry the generation they belong to, so that none of them has to be cleared, and
//! one that is late can't be taken for one of today: when the open time ends, when the lease of the newest probe ends, and
//! what the probes came back with. The two times are written *before* the word that makes them count: who sees an open
//! circuit sees its end.

use super::{
    rule::{self, Admission, Ending, Phase, Probing, Rules, Word},
    window::{Counts, Window},
};
use crate::sync::{AtomicU64, Ordering};

/// Generations are counted modulo 2^31.
pub(crate) const GENERATION_MASK: u32 = (1 << 31) - 1;

/// Failures in a row are counted up to this.
pub(crate) const MAX_FAILURES_IN_A_ROW: u32 = (1 << 24) - 1;

/// The state of one circuit, in atomics. Times are microseconds since the circuit's epoch.
#[derive(Debug)]
pub(crate) struct Cell {
    word: AtomicU64,
    open_until: Stamp,
    lease_until: Stamp,
    probes: AtomicU64,
}

/// A call is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) generation: u32,
    /// Whether this call took the circuit from open to half-open.
    pub(crate) half_opened: bool,
}

/// A call isn't in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) word: Word,
    /// When the circuit may admit again.
    pub(crate) until: u64,
}

/// What became of an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Counted, or nothing to count; the state stays.
    Stays,
    /// The call's generation is over; nothing changed.
    Late,
    /// This ending changed the state to this word, because of these counts.
    Became(Word, Counts),
}

impl Cell {
    pub(crate) fn new() -> Self {
        let closed = Word { generation: 0, streak: 0, phase: Phase::Closed { failures_in_a_row: 0 } };
        Self {
            word: AtomicU64::new(pack(closed)),
            open_until: Stamp::new(),
            lease_until: Stamp::new(),
            probes: AtomicU64::new(0),
        }
    }

    // Acquire: who sees a word sees the times that were written before it.
    pub(crate) fn load(&self) -> Word {
        unpack(self.word.load(Ordering::Acquire))
    }

    /// Asks for a way in. `now` is only read when the circuit isn't closed.
    pub(crate) fn admit(&self, probing: &Probing, lease: u64, now: impl FnOnce() -> u64) -> Result<Admitted, Refused> {
        let word = self.load();
        if let Phase::Closed { .. } = word.phase {
            return Ok(Admitted { generation: word.generation, half_opened: false });
        }
        let now = now();
        loop {
            // Read before the word: a lease that was changed since can't be taken for one of this word's time.
            let lease_before = self.lease_until.read();
            let word = self.load();
            let until = self.moves_on_at(word);
            match rule::admit(probing, word, until.is_some_and(|until| until <= now)) {
                Admission::Admit => return Ok(Admitted { generation: word.generation, half_opened: false }),
                Admission::Reject => return Err(Refused { word, until: until.unwrap_or(u64::MAX) }),
                Admission::Probe(next) => {
                    let leased = self.lease_until.extend(lease_before, next.generation, now.saturating_add(lease));
                    if leased && self.replace(word, next).is_ok() {
                        let half_opened = word.phase == Phase::Open;
                        return Ok(Admitted { generation: next.generation, half_opened });
                    }
                }
            }
        }
    }

    /// What [`admit`](Self::admit) would say, without asking.
    pub(crate) fn peek(&self, probing: &Probing, now: impl FnOnce() -> u64) -> Result<(), Refused> {
        let word = self.load();
        if let Phase::Closed { .. } = word.phase {
            return Ok(());
        }
        let until = self.moves_on_at(word);
        match rule::admit(probing, word, until.is_some_and(|until| until <= now())) {
            Admission::Admit | Admission::Probe(_) => Ok(()),
            Admission::Reject => Err(Refused { word, until: until.unwrap_or(u64::MAX) }),
        }
    }

    /// Ends a call of `generation`. `open_for` says for how long to open, given the streak with this opening.
    pub(crate) fn end(
        &self,
        (rules, probing, window): (&Rules, &Probing, &Window),
        generation: u32,
        (ending, slow): (Ending, bool),
        now: impl Fn() -> u64,
        open_for: impl Fn(u8) -> u64,
    ) -> Ended {
        let mut word = self.load();
        if word.generation != generation {
            return Ended::Late;
        }
        let counts = match (ending, word.phase) {
            (Ending::Neither, _) => Some(Counts::default()),
            (_, Phase::HalfOpen { .. }) => record_probe(&self.probes, generation, ending, slow),
            (_, _) => window.record(generation, ending == Ending::Failure, slow),
        };
        let Some(mut counts) = counts else { return Ended::Late };
        loop {
            let open_before = self.open_until.read();
            word = self.load();
            if word.generation != generation {
                return Ended::Late;
            }
            if let Phase::HalfOpen { .. } = word.phase {
                // Of two probes that end at once, the one that comes last here sees the results of both.
                counts = self.probe_counts(generation);
            }
            let next = rule::end(rules, probing, word, ending, counts);
            if next == word {
                return Ended::Stays;
            }
            if next.phase == Phase::Open {
                let until = now().saturating_add(open_for(next.streak));
                if !self.open_until.extend(open_before, next.generation, until) {
                    continue;
                }
            }
            if self.replace(word, next).is_ok() {
                return if next.generation == generation { Ended::Stays } else { Ended::Became(next, counts) };
            }
        }
    }

    /// Moves an open circuit whose time is over to half-open. Whether this call did it.
    pub(crate) fn tick(&self, now: impl FnOnce() -> u64) -> bool {
        let word = self.load();
        let over = word.phase == Phase::Open && self.moves_on_at(word).is_some_and(|until| until <= now());
        over && self.replace(word, word.half_open()).is_ok()
    }

    /// Closes the circuit and forgets all counts, whatever the state: a new generation. The state before.
    pub(crate) fn reset(&self) -> Word {
        let mut word = self.load();
        while let Err(current) = self.replace(word, word.closed()) {
            word = current;
        }
        word
    }

    /// Begins to work for another circuit, whose time begins at 0, and says with which generation. The times of the one before,
    /// counted from another beginning, would come up again after as many generations as their tags can tell apart.
    pub(crate) fn begin(&self) -> u32 {
        self.open_until.clear();
        self.lease_until.clear();
        self.load().generation
    }

    /// When the circuit moves on by itself; `None` while closed.
    pub(crate) fn moves_on_at(&self, word: Word) -> Option<u64> {
        match word.phase {
            Phase::Closed { .. } => None,
            Phase::Open => self.open_until.of(word.generation),
            Phase::HalfOpen { .. } => {
                let lease = self.lease_until.read();
                // The lease of the next round is written by somebody who found this one's over, and who may lose the word
                // to a probe that comes back just then. This round's is gone then, and stays over for everybody.
                let given_up = || Stamp::time(lease, word.next_generation()).map(|_| 0);
                Stamp::time(lease, word.generation).or_else(given_up)
            }
        }
    }

    /// What this generation's probes came back with.
    pub(crate) fn probe_counts(&self, generation: u32) -> Counts {
        unpack_probes(self.probes.load(Ordering::Acquire), generation).unwrap_or_default()
    }

    // AcqRel: publishes the times written before, and sees those of whoever made the word that is replaced.
    fn replace(&self, word: Word, next: Word) -> Result<(), Word> {
        self.word
            .compare_exchange(pack(word), pack(next), Ordering::AcqRel, Ordering::Acquire)
            .map_or_else(|current| Err(unpack(current)), |_| Ok(()))
    }
}

/// A time that belongs to a generation: 16 bits of the generation, 48 bits of microseconds (8.9 years; later is never).
#[derive(Debug)]
struct Stamp(AtomicU64);

impl Stamp {
    const TIME_BITS: u32 = 48;
    const MAX_TIME: u64 = (1 << Self::TIME_BITS) - 1;

    /// Time 0, which is as good as none, whichever generation has this tag: it is over, and anything is later.
    const NONE: u64 = 0;

    fn new() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }

    // Relaxed: the circuit that begins is published by its tenant.
    fn clear(&self) {
        self.0.store(Self::NONE, Ordering::Relaxed);
    }

    /// The time of `generation`, or nothing if there is none.
    fn of(&self, generation: u32) -> Option<u64> {
        Self::time(self.read(), generation)
    }

    fn time(stamp: u64, generation: u32) -> Option<u64> {
        let time = stamp & Self::MAX_TIME;
        let never = if time == Self::MAX_TIME { u64::MAX } else { time };
        (stamp >> Self::TIME_BITS == tag(generation)).then_some(never)
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Sets the time of `generation`, or makes it later. `before` is what was read before the word was: if something
    /// else was written since, for another generation, nothing is changed, and the word must be looked at again.
    fn extend(&self, before: u64, generation: u32, time: u64) -> bool {
        let time = time.min(Self::MAX_TIME);
        let stamp = tag(generation) << Self::TIME_BITS | time;
        let mut current = self.read();
        loop {
            let of_this_generation = current >> Self::TIME_BITS == tag(generation);
            if of_this_generation && current & Self::MAX_TIME >= time {
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

fn tag(generation: u32) -> u64 {
    u64::from(generation & 0xFFFF)
}

/// Adds a probe's result to those of its generation. `None` if a later generation has begun to count.
fn record_probe(probes: &AtomicU64, generation: u32, ending: Ending, slow: bool) -> Option<Counts> {
    let mut current = probes.load(Ordering::Acquire);
    loop {
        let mut counts = match unpack_probes(current, generation) {
            Some(counts) => counts,
            None if is_later((current >> 33) as u32, generation) => return None,
            None => Counts::default(),
        };
        counts.calls += 1;
        counts.timed += 1;
        counts.failures += u32::from(ending == Ending::Failure);
        counts.slow += u32::from(slow);
        let next = u64::from(generation) << 33
            | u64::from(counts.slow) << 16
            | u64::from(counts.failures) << 8
            | u64::from(counts.calls);
        match probes.compare_exchange(current, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some(counts),
            Err(changed) => current = changed,
        }
    }
}

fn unpack_probes(probes: u64, generation: u32) -> Option<Counts> {
    let byte = |shift: u32| (probes >> shift) as u32 & 0xFF;
    let counts = Counts { calls: byte(0), failures: byte(8), timed: byte(0), slow: byte(16) };
    ((probes >> 33) as u32 == generation).then_some(counts)
}

/// Whether `this` generation began after `that` one, modulo 2^31.
pub(crate) fn is_later(this: u32, that: u32) -> bool {
    let ahead = this.wrapping_sub(that) & GENERATION_MASK;
    ahead != 0 && ahead <= GENERATION_MASK / 2
}

fn pack(word: Word) -> u64 {
    let (phase, rest) = match word.phase {
        Phase::Closed { failures_in_a_row } => (0, u64::from(failures_in_a_row.min(MAX_FAILURES_IN_A_ROW))),
        Phase::Open => (1, 0),
        Phase::HalfOpen { in_flight, counted, admitted } => {
            (2, u64::from(in_flight) << 16 | u64::from(counted) << 8 | u64::from(admitted))
        }
    };
    u64::from(word.generation) << 33 | u64::from(word.streak) << 27 | phase << 25 | rest
}

fn unpack(word: u64) -> Word {
    let byte = |shift: u32| (word >> shift) as u8;
    let phase = match word >> 25 & 0b11 {
        0 => Phase::Closed { failures_in_a_row: word as u32 & MAX_FAILURES_IN_A_ROW },
        1 => Phase::Open,
        _ => Phase::HalfOpen { in_flight: byte(16), counted: byte(8), admitted: byte(0) },
    };
    Word { generation: (word >> 33) as u32, streak: (word >> 27 & 0x3F) as u8, phase }
}
