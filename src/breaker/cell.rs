//! The circuit's shared state: one packed atomic word, and the only file that changes it.
//!
//! ```text
//!  63                       33 32      27 26  24 23   22 21                        0
//! ┌───────────────────────────┬──────────┬──────┬───────┬───────────────────────────┐
//! │ generation 31             │ streak 6 │ mode │ phase │ closed: answered 1 ·      │
//! │                           │          │    3 │     2 │   ramping 1 · failures in │
//! │                           │          │      │       │   a row 20                │
//! │                           │          │      │       │ half-open: in flight 8 ·  │
//! │                           │          │      │       │   counted 8 · admitted 6  │
//! └───────────────────────────┴──────────┴──────┴───────┴───────────────────────────┘
//! ```
//!
//! The other words carry the generation that they belong to. So no word has to be cleared, and a
//! value that was written late can't be taken for one of the present generation:
//!
//! | word | holds |
//! |---|---|
//! | `open_until` | open: the end of the open time |
//! | `lease_until` | half-open: the newest probe's lease. Closed: the row of dropped calls |
//! | `probes` | half-open: the probes' results. Closed: the length of the dropped row |
//! | `failing_since` | since when calls have been failing ([`failing`]) |
//! | `optional` | the limit of half-open, and the start of the ramp ([`optional_times`]) |
//!
//! Times are written *before* the word that makes them count: a thread that sees an open circuit
//! sees the end of its open time.

mod drops;
mod failing;
mod optional_times;
mod stamp;
#[cfg(all(test, not(recourse_loom)))]
mod tests;
mod trickle;

use failing::{FailingSince, Since};
use optional_times::OptionalTimes;
use stamp::Stamp;
use trickle::Claim;

use super::{
    refused::Refused,
    rule::{self, Admission, Asking, Ending, Over, Phase, Probing, Rules, Undecided, Word},
    state::{Mode, State},
    window::{Counts, Window},
};
use crate::sync::{AtomicU64, Ordering};

/// Generations are counted modulo 2^31.
pub(crate) const GENERATION_MASK: u32 = (1 << 31) - 1;

/// Failures in a row are counted up to this.
pub(crate) const MAX_FAILURES_IN_A_ROW: u32 = (1 << 20) - 1;

/// An open time that is longer, 8.9 years, never ends.
pub(crate) const LONGEST: u64 = (1 << 48) - 2;

// Bits of the word. A phase without any is closed, a mode without any is automatic.
const FAILURES_IN_A_ROW: u64 = MAX_FAILURES_IN_A_ROW as u64;
const RAMPING: u64 = 1 << 20;
const ANSWERED: u64 = 1 << 21;
const PHASE: u64 = 0b11 << 22;
const OPEN: u64 = 1 << 22;
const MODE: u64 = 0b111 << 24;

/// The state of one circuit, in atomics. Times are microseconds since the circuit's epoch.
#[derive(Debug)]
pub(crate) struct Cell {
    word: AtomicU64,
    open_until: Stamp,
    /// Half-open: until when the probes have a lease. Closed: when the row of dropped calls began. No thread that leaves the
    /// closed state writes it, unlike `open_until`: two writers of different generations would overwrite each other.
    lease_until: Stamp,
    failing_since: FailingSince,
    optional: OptionalTimes,
    probes: AtomicU64,
}

/// What a cell goes by. Times are in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Going<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) probing: &'a Probing,
    pub(crate) lease: u64,
    /// 0 for no ramp.
    pub(crate) ramp: u64,
    /// For how long every call must have been dropped for dropped calls to count as failures.
    pub(crate) silence: u64,
    pub(crate) now: &'a dyn Fn() -> u64,
    /// Whether a rule or the open time needs the time at which a row of failures began.
    pub(crate) times_rows: bool,
    /// For how long the failure asks to open, if the open time goes by that.
    pub(crate) asked_for: Option<u64>,
    /// For how long to open, given the word that opens it, the counts, and for how long calls have
    /// been failing.
    pub(crate) open_for: &'a dyn Fn(Word, Counts, u64) -> u64,
}

/// A change of state, and what led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) word: Word,
    pub(crate) counts: Counts,
    /// For how long the circuit is open, in microseconds, if it has opened. `u64::MAX`: until it is
    /// closed by hand.
    pub(crate) open_for: u64,
}

/// The times as they were before the word was read.
#[derive(Debug, Clone, Copy)]
struct Before {
    open: u64,
    lease: u64,
    limit: u64,
    ramp: u64,
    failing: u64,
}

/// What belongs to the next word and must be written before it.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    /// For how long it opens.
    open_for: u64,
    /// When the times began, if that was earlier than now.
    began: Option<u64>,
    /// Since when calls have been failing: of a word that opens the circuit, or that begins a row
    /// of failures.
    failing: Option<Since>,
    /// For how long the next probe is admitted alone.
    lease: u64,
}

/// Where a call is counted when it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counting<'a> {
    /// No rule has a window.
    Nowhere,
    In(&'a Window),
    /// It is in there already.
    Before(&'a Window),
}

/// What became of an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Counted, or nothing to count; the state stays.
    Stays,
    /// The call's generation is over; nothing changed.
    Late,
    /// This ending changed the state.
    Became(Transition),
    /// It would have, if the mode let it.
    WouldOpen(Counts),
}

impl Cell {
    pub(crate) fn new() -> Self {
        let phase = Phase::Closed { failures_in_a_row: 0, ramping: false };
        let word = Word { generation: 0, mode: Mode::Auto, streak: 0, phase, answered: false };
        Self {
            word: AtomicU64::new(pack(word)),
            open_until: Stamp::new(),
            lease_until: Stamp::new(),
            failing_since: FailingSince::new(),
            optional: OptionalTimes::new(),
            probes: AtomicU64::new(0),
        }
    }

    pub(crate) fn load(&self) -> Word {
        unpack(self.read())
    }

    /// The generation of a circuit that is closed and admits every call: all that a call needs to know, mostly.
    #[inline]
    pub(crate) fn plainly_closed(&self) -> Option<u32> {
        let word = self.read();
        (word & (PHASE | RAMPING) == 0).then_some(generation_of(word))
    }

    /// Whether it is closed.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.read() & PHASE == 0
    }

    /// Whether it is closed, of this generation, and the last call was neither a failure nor dropped: one more success changes
    /// nothing.
    #[inline]
    pub(crate) fn has_no_failure(&self, generation: u32) -> bool {
        let word = self.read();
        generation_of(word) == generation && word & (PHASE | FAILURES_IN_A_ROW | ANSWERED) == ANSWERED
    }

    /// Whether nobody steers it.
    #[inline]
    pub(crate) fn is_automatic(&self) -> bool {
        self.read() & MODE == 0
    }

    // Acquire: who sees a word sees the times that were written before it.
    #[inline]
    fn read(&self) -> u64 {
        self.word.load(Ordering::Acquire)
    }

    /// Asks for a way in, and says which generation lets it in. The clock is only read when the circuit isn't just closed. `chance`
    /// is asked whether a call is among the share that is admitted while the circuit ramps up. `changed` is told each
    /// transition that this call made, and what the probes before it had come to.
    pub(crate) fn admit(
        &self,
        going: Going<'_>,
        asking: Asking,
        chance: impl FnOnce(f64) -> bool,
        mut changed: impl FnMut(Transition),
    ) -> Result<u32, Refused> {
        if let Some(generation) = self.plainly_closed() {
            return Ok(generation);
        }
        let now = (going.now)();
        let mut claim = None;
        loop {
            // Read before the word: times that were changed since can't be taken for those of this word's time.
            let before = self.times(going, Comes::Admission);
            let word = self.load();
            let mut over = self.over(word, now, (going.probing, going.ramp));
            over.timer |= claim.is_some_and(|claim: Claim| claim.holds(word));
            match rule::admit(going.probing, word, over, asking) {
                Admission::Admit => return Ok(word.generation),
                Admission::Ramp => {
                    let since = self.ramp_began_at(word).unwrap_or(now);
                    let share = now.saturating_sub(since) as f64 / going.ramp.max(1) as f64;
                    let refused = Refused::new(word.state(), u64::MAX, now);
                    return if chance(share) { Ok(word.generation) } else { Err(refused) };
                }
                Admission::Reject => {
                    let refused = Refused::new(word.state(), self.admits_at(going.probing, word, now, asking), now);
                    // A time may have been missing because it is there for a word that came since.
                    if self.load() == word {
                        return Err(refused);
                    }
                }
                Admission::Probe(next) => {
                    let times = self.admitting(before, word, next, going);
                    claim = Claim::of(word).filter(|_| going.probing.trickles());
                    if self.step(before, word, next, going, times) {
                        if next.generation != word.generation && word.phase == Phase::Open {
                            changed(Transition { word: next, counts: Counts::default(), open_for: 0 });
                        }
                        return Ok(next.generation);
                    }
                }
                Admission::Move(next) => {
                    if let Some(transition) = self.step_aside(before, word, next, going) {
                        changed(transition);
                    }
                }
            }
        }
    }

    /// Ends a call of `generation`.
    pub(crate) fn end(
        &self,
        going: Going<'_>,
        counting: Counting<'_>,
        generation: u32,
        (mut ending, slow): (Ending, Option<bool>),
    ) -> Ended {
        let word = self.load();
        if word.generation != generation {
            return Ended::Late;
        }
        if word.mode == Mode::Disabled {
            return Ended::Stays;
        }
        let is_slow = slow == Some(true);
        if matches!(ending, Ending::Neither | Ending::Dropped) && is_slow {
            ending = Ending::Slow;
        }
        let failed = match ending {
            Ending::Success => Some(false),
            Ending::Failure => Some(true),
            Ending::Slow | Ending::Neutral | Ending::Dropped | Ending::Neither => None,
        };
        let counts = match (word.phase, counting) {
            _ if failed.is_none() && ending != Ending::Slow => Some(Counts::default()),
            (Phase::HalfOpen { .. }, _) => record_probe(&self.probes, generation, ending, is_slow),
            (_, Counting::In(window)) => window.record(generation, failed, slow, going.now),
            (_, Counting::Before(window)) => Some(window.counts(generation, going.now)),
            (_, Counting::Nowhere) => Some(Counts::default()),
        };
        let Some(mut counts) = counts else { return Ended::Late };
        if matches!(word.phase, Phase::HalfOpen { .. })
            && going.probing.trickles()
            && is_slow
            && going.rules.slow.is_some()
        {
            // A slow success doesn't close the circuit.
            ending = Ending::Slow;
        }
        if ending == Ending::Neutral {
            drops::forget_probes(&self.probes, generation);
        }
        let mut is_counted = false;
        loop {
            let before = self.times(going, Comes::End);
            let row_before = self.lease_until.read();
            let word = self.load();
            if word.generation != generation {
                return Ended::Late;
            }
            if ending == Ending::Dropped {
                match self.drop_in_a_row(row_before, word, going, &mut is_counted) {
                    Some(row) => counts = row,
                    None => continue,
                }
            } else if let Phase::HalfOpen { .. } = word.phase {
                // Of two probes that end at once, the one that comes last here sees the results of both.
                counts = self.probe_counts(generation);
            }
            if let (Phase::Closed { failures_in_a_row, .. }, true) = (word.phase, ending != Ending::Dropped) {
                counts.in_a_row = rule::row(failures_in_a_row, ending);
            }
            let row = self.row(before, word, ending, going);
            let next = rule::end(going.rules, going.probing, word, ending, (counts, row.lasted));
            if next == word {
                return Ended::Stays;
            }
            let times = match next.phase {
                Phase::Open => self.opening(before, word, next, going, (counts, row.since, None)),
                _ => Times { failing: row.since.filter(|_| row.begins), ..Times::default() },
            };
            if self.step(before, word, next, going, times) {
                let open_for = times.open_for;
                return match next {
                    next if next.generation != generation => Ended::Became(Transition { word: next, counts, open_for }),
                    next if next.streak != word.streak => Ended::WouldOpen(counts),
                    _ => Ended::Stays,
                };
            }
        }
    }

    /// Counts a dropped call, once. Returns the row of dropped calls as failures, or no calls while the row is too short to go by.
    /// `None` if the word must be read again.
    fn drop_in_a_row(&self, before: u64, word: Word, going: Going<'_>, is_counted: &mut bool) -> Option<Counts> {
        let (generation, state, now) = (word.generation, word.state(), going.now);
        let row = || drops::of(&self.probes, generation, state);
        let calls = match word.phase {
            Phase::Open => 0,
            // Another call has ended since the last dropped one, or this is the first: a row begins.
            Phase::Closed { .. } if word.answered || row() == 0 => {
                if !self.lease_until.extend(before, generation, now()) {
                    return None;
                }
                drops::begin(&self.probes, generation);
                *is_counted = true;
                1
            }
            _ if !std::mem::replace(is_counted, true) => drops::add(&self.probes, generation, state),
            _ => row(),
        };
        // A burst of cancellations says nothing of the service, also not in a circuit that has just begun.
        let lasts = || {
            let since = self.lease_until.of(generation);
            since.is_some_and(|since| now().saturating_sub(since) >= going.silence)
        };
        let calls = if state == State::Closed && !lasts() { 0 } else { calls };
        Some(Counts { calls, failures: calls, in_a_row: calls, ..Counts::default() })
    }

    /// The refusal of a circuit that is open, and whose time isn't over: what [`peek`](Self::peek) says too, with fewer words.
    #[inline]
    pub(crate) fn peek_open(&self, now: impl FnOnce() -> u64) -> Option<Refused> {
        let word = self.read();
        if word & (PHASE | MODE) != OPEN {
            return None;
        }
        let until = self.open_until.of(generation_of(word))?;
        let now = now();
        (now < until).then(|| Refused::new(State::Open, until, now))
    }

    /// What would be said to a request that wants in now, by chance or not.
    pub(crate) fn peek(&self, probing: &Probing, now: impl FnOnce() -> u64) -> Result<(), Refused> {
        if self.is_closed() {
            return Ok(());
        }
        let now = now();
        loop {
            let word = self.load();
            let refused = match rule::admit(probing, word, self.over(word, now, (probing, 0)), Asking::Request) {
                Admission::Reject => {
                    Refused::new(word.state(), self.admits_at(probing, word, now, Asking::Request), now)
                }
                Admission::Move(next) if next.phase == Phase::Open => Refused::new(next.state(), u64::MAX, now),
                _ => return Ok(()),
            };
            // As in `admit`.
            if self.load() == word {
                return Err(refused);
            }
        }
    }

    /// Looks whether the circuit's own time is over, and moves it on if so: to this word, after probes that came to this.
    pub(crate) fn look(&self, going: Going<'_>) -> Option<Transition> {
        let before = self.times(going, Comes::Look);
        let word = self.load();
        if let Phase::Closed { ramping: false, .. } = word.phase {
            return None;
        }
        let next = rule::look(going.probing, word, self.over(word, (going.now)(), (going.probing, going.ramp)))?;
        self.step_aside(before, word, next, going)
    }

    /// Makes the word another one, whatever it is. Before, and after.
    pub(crate) fn change(&self, next: impl Fn(Word) -> Word) -> (Word, Word) {
        loop {
            let word = self.load();
            let next = next(word);
            if next == word || self.replace(word, next) {
                return (word, next);
            }
        }
    }

    /// Counts a success that nobody had a permit for. Before, and after.
    pub(crate) fn succeed(&self, going: Going<'_>) -> (Word, Word) {
        loop {
            let before = self.times(going, Comes::Look);
            let word = self.load();
            let next = word.succeeded();
            if next == word || self.step(before, word, next, going, Times::default()) {
                return (word, next);
            }
        }
    }

    /// Makes the word another one, whatever it is. If that is open: for so long, of a circuit that
    /// has been failing for so long. Before, and after.
    pub(crate) fn restore(
        &self,
        going: Going<'_>,
        next: impl Fn(Word) -> Word,
        (open_for, failing_for): (u64, u64),
    ) -> (Word, Word) {
        // What is restored as closed has been so for long.
        let going = Going { ramp: 0, ..going };
        loop {
            let before = self.times(going, Comes::End);
            let word = self.load();
            let next = next(word);
            let failing = Some(Since::before((going.now)(), failing_for)).filter(|_| next.state() != State::Closed);
            if self.step(before, word, next, going, Times { open_for, failing, ..Times::default() }) {
                return (word, next);
            }
        }
    }

    /// Makes a closed circuit count anew. If it ramps up, it goes on with that.
    pub(crate) fn renew(&self) {
        loop {
            let before = self.optional.ramp_since();
            let word = self.load();
            let next = word.renewed();
            let since = self.ramp_began_at(word).filter(|_| matches!(next.phase, Phase::Closed { ramping: true, .. }));
            let written = since.is_none_or(|since| self.optional.extend_ramp_since(before, next.generation, since));
            if next == word || written && self.replace(word, next) {
                return;
            }
        }
    }

    /// From one word to the next because the circuit's own time is over. `None` unless that was a
    /// transition, and this thread made it.
    fn step_aside(&self, before: Before, word: Word, next: Word, going: Going<'_>) -> Option<Transition> {
        let counts = self.probe_counts(word.generation);
        // The time in half-open was over at its limit, whenever that is noticed.
        let began = self.half_open_limit(word).filter(|_| matches!(word.phase, Phase::HalfOpen { .. }));
        let times = match next.phase {
            Phase::Open => self.opening(before, word, next, going, (counts, None, began)),
            _ => Times { began, ..Times::default() },
        };
        let stepped = self.step(before, word, next, going, times);
        let open_for = times.open_for;
        (stepped && next.generation != word.generation).then_some(Transition { word: next, counts, open_for })
    }

    /// The times of a word that opens the circuit. `row`: when the row of failures began that opens
    /// it.
    fn opening(
        &self,
        before: Before,
        word: Word,
        next: Word,
        going: Going<'_>,
        (counts, row, began): (Counts, Option<Since>, Option<u64>),
    ) -> Times {
        let now = began.unwrap_or_else(|| (going.now)());
        let failing = row.or_else(|| self.carried_on(before, word)).unwrap_or(Since::at(now));
        let open_for = (going.open_for)(next, counts, failing.elapsed(now));
        let open_for = match self.interval_end(word, going) {
            Some(end) if began.is_none() && open_for <= LONGEST => going.asked_for.unwrap_or(end.saturating_sub(now)),
            _ => open_for,
        };
        Times { open_for, began: Some(now), failing: Some(failing), lease: 0 }
    }

    /// From one word to the next, with the times that belong to it. Whether no other thread was
    /// faster.
    fn step(&self, before: Before, word: Word, mut next: Word, going: Going<'_>, times: Times) -> bool {
        let after = |time: u64| times.began.unwrap_or_else(|| (going.now)()).saturating_add(time);
        let is_new = next.generation != word.generation;
        let failing = |since: Since| self.failing_since.extend(before.failing, next.generation, since);
        if !times.failing.is_none_or(failing) {
            return false;
        }
        let written = match next.phase {
            Phase::Open => {
                let until = if times.open_for > LONGEST { u64::MAX } else { after(times.open_for) };
                self.open_until.extend(before.open, next.generation, until)
            }
            Phase::HalfOpen { in_flight, .. } => {
                let is_first = match word.phase {
                    Phase::HalfOpen { admitted, counted, .. } => is_new || admitted == 0 && counted == 0,
                    _ => true,
                };
                let limit = match going.probing.limit {
                    // The first probe begins it, and a new round goes on with the time of the old one.
                    Some((limit, _)) if is_first && in_flight > 0 => {
                        let until = self.half_open_limit(word).filter(|_| word.phase != Phase::Open);
                        Some(until.unwrap_or_else(|| after(limit)))
                    }
                    _ => None,
                };
                let extend = |until| self.optional.extend_half_open_until(before.limit, next.generation, until);
                if !limit.is_none_or(extend) {
                    return false;
                }
                let ends = matches!(word.phase, Phase::HalfOpen { in_flight: had, .. } if had >= in_flight && !is_new);
                ends || in_flight == 0 || self.lease_until.extend(before.lease, next.generation, after(times.lease))
            }
            Phase::Closed { .. } if is_new && going.ramp > 0 && word.mode == Mode::Auto => {
                next = next.ramping();
                self.optional.extend_ramp_since(before.ramp, next.generation, after(0))
            }
            Phase::Closed { .. } => true,
        };
        written && self.replace(word, next)
    }

    /// The times that may be written by what comes next, as they are before the word is read.
    fn times(&self, going: Going<'_>, comes: Comes) -> Before {
        let limited = going.probing.limit.is_some();
        let opens = comes == Comes::End || limited;
        let read = |wanted: bool, stamp: &dyn Fn() -> u64| if wanted { stamp() } else { 0 };
        Before {
            open: read(opens, &|| self.open_until.read()),
            lease: read(comes == Comes::Admission, &|| self.lease_until.read()),
            limit: read(limited, &|| self.optional.half_open_until()),
            ramp: read(going.ramp > 0, &|| self.optional.ramp_since()),
            failing: read(opens || going.probing.trickles(), &|| self.failing_since.read()),
        }
    }

    fn over(&self, word: Word, now: u64, (probing, ramp): (&Probing, u64)) -> Over {
        let limited = probing.limit.is_some();
        let is_over = |until: Option<u64>| until.is_some_and(|until| until <= now);
        let in_half_open = matches!(word.phase, Phase::HalfOpen { .. });
        let timer = match word.phase {
            // Its length is that of today's settings: they may have been exchanged since it began.
            Phase::Closed { ramping: true, .. } => {
                self.ramp_began_at(word).is_none_or(|since| since.saturating_add(ramp) <= now)
            }
            _ => is_over(self.moves_on_at(word)),
        };
        let limit = limited && in_half_open && is_over(self.half_open_limit(word));
        Over { timer, limit }
    }

    /// When somebody who is rejected now may be admitted; `u64::MAX` if that can't be known.
    fn admits_at(&self, probing: &Probing, word: Word, now: u64, asking: Asking) -> u64 {
        let barred = probing.own && asking == Asking::Request;
        let by_time = match word.phase {
            Phase::Open if word.mode == Mode::ForcedOpen => None,
            Phase::HalfOpen { .. } if barred => None,
            _ => self.moves_on_at(word),
        };
        let undecided = match (word.phase, probing.limit) {
            (Phase::HalfOpen { .. }, Some((_, Undecided::Close))) => self.half_open_limit(word),
            _ => None,
        };
        // A time that is over already has let nobody in: it waits for a probe of the user's own.
        [by_time, undecided].into_iter().flatten().filter(|&at| at > now).min().unwrap_or(u64::MAX)
    }

    /// When the ramp began. Who makes the circuit count anew goes on with the same time, and may lose the word to a call that
    /// ends just then: so it doesn't matter which of the two generations it is written for.
    fn ramp_began_at(&self, word: Word) -> Option<u64> {
        let since = self.optional.ramp_since();
        Stamp::time(since, word.generation).or_else(|| Stamp::time(since, word.next_generation()))
    }

    /// Until when a circuit may be half-open. The next round goes on with the same time, so it doesn't matter which of the
    /// two has written it.
    fn half_open_limit(&self, word: Word) -> Option<u64> {
        let limit = self.optional.half_open_until();
        Stamp::time(limit, word.generation).or_else(|| Stamp::time(limit, word.next_generation()))
    }

    /// Begins to work for another circuit, whose time begins at 0, and says with which generation. The times of the one before,
    /// counted from another beginning, would come up again after as many generations as their tags can tell apart.
    pub(crate) fn begin(&self) -> u32 {
        for stamp in [&self.open_until, &self.lease_until] {
            stamp.clear();
        }
        self.failing_since.clear();
        self.optional.clear();
        let generation = self.load().generation;
        forget_what_comes_round(&self.probes, generation);
        generation
    }

    /// When an open or half-open circuit moves on by itself; `None` while closed.
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

    /// Until when a circuit that isn't closed rejects requests, as far as its own time decides; `u64::MAX` if it doesn't. Half-open, the
    /// time of a probe that is on its way: its lease. `to_come`: for so long after the open time, only probes of the user's own are let in.
    #[cfg(feature = "keyed")]
    pub(crate) fn rejects_until(&self, word: Word, to_come: u64) -> u64 {
        let open_until = match word.phase {
            Phase::Closed { .. } => return 0,
            Phase::Open => self.open_until.of(word.generation).unwrap_or(u64::MAX),
            // The generation before was open, unless another round of probes was.
            Phase::HalfOpen { .. } if to_come > 0 => self.open_until.of(word.former_generation()).unwrap_or(0),
            Phase::HalfOpen { .. } => 0,
        };
        let probed_until = self.lease_until.of(word.generation).unwrap_or(0);
        open_until.saturating_add(to_come).max(probed_until)
    }

    /// What this generation's probes came back with.
    pub(crate) fn probe_counts(&self, generation: u32) -> Counts {
        unpack_probes(self.probes.load(Ordering::Acquire), generation).unwrap_or_default()
    }

    // AcqRel: publishes the times written before, and sees those of whoever made the word that is replaced.
    fn replace(&self, word: Word, next: Word) -> bool {
        self.word.compare_exchange(pack(word), pack(next), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What comes next, and so which times may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comes {
    Admission,
    End,
    Look,
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
        // Probes that trickle may be more than fit.
        counts.calls = (counts.calls + 1).min(0xFF);
        counts.failures = (counts.failures + u32::from(ending == Ending::Failure)).min(0xFF);
        counts.slow = (counts.slow + u32::from(slow)).min(0xFF);
        let next = u64::from(generation) << 33
            | u64::from(counts.slow) << 16
            | u64::from(counts.failures) << 8
            | u64::from(counts.calls);
        match probes.compare_exchange(current, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return unpack_probes(next, generation),
            Err(changed) => current = changed,
        }
    }
}

fn unpack_probes(probes: u64, generation: u32) -> Option<Counts> {
    let byte = |shift: u32| (probes >> shift) as u32 & 0xFF;
    let counts = Counts { calls: byte(0), failures: byte(8), timed: byte(0), slow: byte(16), in_a_row: 0 };
    ((probes >> 33) as u32 == generation).then_some(counts)
}

/// Of a word whose upper 31 bits are a generation: takes it for one of `generation`, with nothing in it, if it looks later. For memory
/// that nobody of a later one can have written: then it is of more than 2^30 generations ago. Whether it was.
// Relaxed: the circuit that begins is published by its tenant.
pub(crate) fn forget_what_comes_round(word: &AtomicU64, generation: u32) -> bool {
    let is_of_long_ago = is_later((word.load(Ordering::Relaxed) >> 33) as u32, generation);
    if is_of_long_ago {
        word.store(u64::from(generation) << 33, Ordering::Relaxed);
    }
    is_of_long_ago
}

/// Whether `this` generation began after `that` one, modulo 2^31.
pub(crate) fn is_later(this: u32, that: u32) -> bool {
    let ahead = this.wrapping_sub(that) & GENERATION_MASK;
    ahead != 0 && ahead <= GENERATION_MASK / 2
}

fn pack(word: Word) -> u64 {
    let (phase, rest) = match word.phase {
        Phase::Closed { failures_in_a_row, ramping } => {
            let answered = if word.answered { ANSWERED } else { 0 };
            (0, answered | u64::from(ramping) << 20 | u64::from(failures_in_a_row.min(MAX_FAILURES_IN_A_ROW)))
        }
        Phase::Open => (1, 0),
        Phase::HalfOpen { in_flight, counted, admitted } => {
            (2, u64::from(in_flight) << 14 | u64::from(counted) << 6 | u64::from(admitted & 0x3F))
        }
    };
    let mode = match word.mode {
        Mode::Auto => 0,
        Mode::ForcedOpen => 1,
        Mode::ForcedClosed => 2,
        Mode::MetricsOnly => 3,
        Mode::Disabled => 4,
    };
    u64::from(word.generation) << 33 | u64::from(word.streak) << 27 | mode << 24 | phase << 22 | rest
}

#[inline]
fn generation_of(word: u64) -> u32 {
    (word >> 33) as u32
}

fn unpack(word: u64) -> Word {
    let byte = |shift: u32| (word >> shift) as u8;
    let phase = match word >> 22 & 0b11 {
        0 => Phase::Closed { failures_in_a_row: (word & FAILURES_IN_A_ROW) as u32, ramping: word & RAMPING != 0 },
        1 => Phase::Open,
        _ => Phase::HalfOpen { in_flight: byte(14), counted: byte(6), admitted: byte(0) & 0x3F },
    };
    let mode = match word >> 24 & 0b111 {
        0 => Mode::Auto,
        1 => Mode::ForcedOpen,
        2 => Mode::ForcedClosed,
        3 => Mode::MetricsOnly,
        _ => Mode::Disabled,
    };
    let answered = word & PHASE == 0 && word & ANSWERED != 0;
    Word { generation: generation_of(word), mode, streak: (word >> 27 & 0x3F) as u8, phase, answered }
}
