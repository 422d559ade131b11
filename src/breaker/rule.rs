//! The breaker's rules, pure: (word, what happened, counts) → the next word. No atomics, no clock, no I/O.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use super::{
    open_rule::Rule,
    state::{Mode, State},
    window::Counts,
};
use crate::Ratio;

/// When a closed circuit opens. Several rules can stand together; the first that says so opens.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) consecutive: Option<Consecutive>,
    pub(crate) failing: Option<Share>,
    pub(crate) slow: Option<Share>,
    pub(crate) custom: Option<Custom>,
}

/// So many failures in a row, of which the first ended at least so many microseconds ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Consecutive {
    pub(crate) failures: u32,
    pub(crate) lasting: u64,
}

/// A rule of the user's own, over what the window holds once there are enough calls in it.
#[derive(Clone)]
pub(crate) struct Custom {
    pub(crate) rule: Arc<dyn Rule>,
    pub(crate) minimum: u32,
}

/// A share of the calls in a window, once there are enough of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    pub(crate) at_least: Ratio,
    pub(crate) minimum: u32,
}

/// How a half-open circuit is tried, and what closes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Probing {
    /// At most this many at a time.
    pub(crate) at_a_time: u8,
    pub(crate) verdict: ProbeVerdict,
    /// After how many microseconds a half-open circuit moves on undecided, and where to.
    pub(crate) limit: Option<(u64, Undecided)>,
    /// Requests aren't probes: only whoever asks as one is let in.
    pub(crate) own: bool,
}

/// Where a circuit goes that was half-open for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Undecided {
    /// It opens again.
    Open,
    /// It closes.
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ProbeVerdict {
    /// So many successes close it; one failure reopens it.
    Successes(u8),
    /// After so many results, the shares decide.
    Share { of: u8, failing: Ratio },
    /// The first success closes it. Probes are admitted by time alone, one per interval.
    Trickle,
}

/// What the state word says. A generation is what a permit belongs to: every transition begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) generation: u32,
    pub(crate) mode: Mode,
    /// Openings without a closing in between; stays at the largest that fits.
    pub(crate) streak: u8,
    pub(crate) phase: Phase,
    /// Closed: since the last call that was dropped, or since it closed, another one has ended.
    pub(crate) answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed {
        failures_in_a_row: u32,
        /// It has just closed, and admits a growing share.
        ramping: bool,
    },
    Open,
    HalfOpen {
        in_flight: u8,
        /// Probes that ended with a success or a failure.
        counted: u8,
        /// Probes admitted: 0 before the first, and from 1 to 63 again and again. Makes two words
        /// differ that would otherwise be alike, although a probe ended and another began in
        /// between.
        admitted: u8,
    },
}

/// What a call's end says to the circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    Failure,
    /// Neither, but it had taken too long when it was dropped.
    Slow,
    /// Answered, and judged neutral.
    Neutral,
    /// Dropped, where that is a failure as long as every call is.
    Dropped,
    /// Neither: the call wasn't made, or it was dropped where that says nothing.
    Neither,
}

/// Who wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    Request,
    /// A probe of the user's own.
    Probe,
}

/// What of a circuit's own time is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Over {
    /// Open: the open time. Half-open: the lease of the newest probe. Closed: the ramp.
    pub(crate) timer: bool,
    /// Half-open: the limit of the whole time in it.
    pub(crate) limit: bool,
}

/// What the circuit answers to a call that wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Closed: in, and nothing changes.
    Admit,
    /// Closed not long ago: in by chance.
    Ramp,
    /// In, as a probe, if the word can be made this one.
    Probe(Word),
    /// Ask again when the word is this one: the circuit's own time was over.
    Move(Word),
    /// Not now.
    Reject,
}

pub(crate) fn admit(probing: &Probing, word: Word, over: Over, asking: Asking) -> Admission {
    if let Some(next) = by_itself(probing, word, over) {
        return Admission::Move(next);
    }
    let barred = probing.own && asking == Asking::Request;
    match word.phase {
        Phase::Closed { ramping: true, .. } => Admission::Ramp,
        Phase::Closed { .. } => Admission::Admit,
        Phase::Open if word.mode == Mode::ForcedOpen || barred => Admission::Reject,
        Phase::HalfOpen { .. } if barred => Admission::Reject,
        Phase::HalfOpen { in_flight, counted, admitted } if probing.trickles() => {
            match (over.timer || admitted == 0, in_flight.checked_add(1)) {
                (false, _) => Admission::Reject,
                (true, Some(in_flight)) => {
                    let word = if admitted == 0 { word } else { word.opened_once_more() };
                    let admitted = one_more(admitted);
                    Admission::Probe(Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word })
                }
                // No more can be counted. Those on their way have no say in the new round.
                (true, None) => Admission::Probe(word.opened_once_more().new_round()),
            }
        }
        // The open time is over: the first probe. Or probes are on their way, but have had their time: a new round, in
        // which they have no say.
        Phase::Open | Phase::HalfOpen { in_flight: 1.., .. } if over.timer => Admission::Probe(word.new_round()),
        // Settings were exchanged, and the new ones need no more results than there are: nobody is on the way who would
        // decide.
        Phase::HalfOpen { in_flight: 0, counted, .. } if counted >= probing.needed() => {
            Admission::Probe(word.new_round())
        }
        Phase::HalfOpen { in_flight, counted, admitted } if probing.has_room(in_flight, counted) => {
            let admitted = one_more(admitted);
            Admission::Probe(Word { phase: Phase::HalfOpen { in_flight: in_flight + 1, counted, admitted }, ..word })
        }
        Phase::Open | Phase::HalfOpen { .. } => Admission::Reject,
    }
}

/// The admitted probes after one more. 0 is left for a circuit that hasn't admitted any yet.
fn one_more(admitted: u8) -> u8 {
    if admitted >= Word::MAX_ADMITTED { 1 } else { admitted + 1 }
}

/// Where a circuit goes although nobody was admitted and nobody ended.
fn by_itself(probing: &Probing, word: Word, over: Over) -> Option<Word> {
    match (word.phase, probing.limit) {
        (Phase::HalfOpen { .. }, Some((_, Undecided::Open))) if over.limit => Some(word.open()),
        (Phase::HalfOpen { .. }, Some((_, Undecided::Close))) if over.limit => Some(word.closed()),
        (Phase::Closed { failures_in_a_row, ramping: true }, _) if over.timer => {
            Some(Word { phase: Phase::Closed { failures_in_a_row, ramping: false }, ..word })
        }
        _ => None,
    }
}

/// What a look at the circuit changes, without a call: its open time, or its time in half-open, may be over.
pub(crate) fn look(probing: &Probing, word: Word, over: Over) -> Option<Word> {
    match word.phase {
        Phase::Open if over.timer && word.mode == Mode::Auto => Some(word.half_open()),
        _ => by_itself(probing, word, over),
    }
}

/// The word after a call of its own generation ended. `counts`: of the window while closed, of the
/// probes while half-open, this ending included. `lasted`: for how many microseconds the row of
/// failures, or of dropped calls, has lasted.
pub(crate) fn end(
    rules: &Rules,
    probing: &Probing,
    word: Word,
    ending: Ending,
    (counts, lasted): (Counts, u64),
) -> Word {
    match word.phase {
        Phase::Closed { failures_in_a_row, ramping } => {
            if ending == Ending::Neither {
                return word;
            }
            let failures_in_a_row = row(failures_in_a_row, ending);
            let answered = ending != Ending::Dropped && (word.answered || ending != Ending::Slow);
            let stays = Word { phase: Phase::Closed { failures_in_a_row, ramping }, answered, ..word };
            let opens = match ending {
                Ending::Neutral => false,
                // As if these were all the calls that there are.
                Ending::Dropped => counts.calls >= ALL_DROPPED && rules.open((counts.in_a_row, lasted), counts),
                _ => rules.open((failures_in_a_row, lasted), counts),
            };
            match word.mode {
                Mode::Auto if opens => word.open(),
                // Told once a generation: the streak, which a closed circuit has no use for, remembers it.
                Mode::MetricsOnly if opens => Word { streak: 1, ..stays },
                _ => stays,
            }
        }
        Phase::HalfOpen { in_flight, counted, admitted } => {
            let in_flight = in_flight.saturating_sub(1);
            let all_dropped = counts.calls >= ALL_DROPPED.max(probing.needed().into());
            if probing.trickles() {
                let (failed, is_result) = match ending {
                    Ending::Success => return word.closed(),
                    Ending::Failure | Ending::Slow => (true, 1),
                    Ending::Dropped => (all_dropped, 0),
                    Ending::Neutral | Ending::Neither => (false, 0),
                };
                let counted = counted.saturating_add(is_result);
                return match in_flight {
                    0 if failed => word.open(),
                    _ => Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word },
                };
            }
            match ending {
                Ending::Dropped if all_dropped => return word.open(),
                Ending::Dropped | Ending::Neutral | Ending::Neither => {
                    return Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word };
                }
                Ending::Success | Ending::Failure | Ending::Slow => {}
            }
            let counted = counted.saturating_add(1);
            match probing.decide(rules, counted, counts) {
                Some(State::Open) => word.open(),
                Some(_) => word.closed(),
                None => Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word },
            }
        }
        // No permit belongs to an open generation.
        Phase::Open => word,
    }
}

/// Fewer dropped calls than this don't count as "all calls are dropped".
const ALL_DROPPED: u32 = 3;

/// The failures in a row after one more call.
pub(crate) fn row(failures_in_a_row: u32, ending: Ending) -> u32 {
    match ending {
        Ending::Success => 0,
        Ending::Failure => failures_in_a_row.saturating_add(1),
        Ending::Slow | Ending::Neutral | Ending::Dropped | Ending::Neither => failures_in_a_row,
    }
}

impl Rules {
    fn open(&self, (failures_in_a_row, lasted): (u32, u64), counts: Counts) -> bool {
        self.consecutive.is_some_and(|rule| failures_in_a_row >= rule.failures && lasted >= rule.lasting)
            || self.failing.is_some_and(|share| share.is_reached_by(counts.failures, counts.calls))
            || self.slow.is_some_and(|share| share.is_reached_by(counts.slow, counts.timed))
            || self.custom.as_ref().is_some_and(|custom| custom.opens(failures_in_a_row, counts))
    }
}

impl Custom {
    fn opens(&self, failures_in_a_row: u32, counts: Counts) -> bool {
        counts.calls >= self.minimum && self.rule.opens(failures_in_a_row, &counts.into())
    }
}

/// Two rules are the same if they are one: what they say can't be compared.
impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rule, &other.rule) && self.minimum == other.minimum
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule of one's own")
    }
}

impl Share {
    /// With fewer than this it can't be reached, however many calls there are.
    pub(crate) fn least(self) -> u32 {
        self.at_least.least_of(self.minimum)
    }

    fn is_reached_by(self, part: u32, whole: u32) -> bool {
        whole >= self.minimum && self.at_least.is_reached_by(part, whole)
    }
}

impl Probing {
    pub(crate) const fn new(at_a_time: u8, verdict: ProbeVerdict) -> Self {
        Self { at_a_time, verdict, limit: None, own: false }
    }

    /// How many results decide.
    pub(crate) fn needed(&self) -> u8 {
        match self.verdict {
            ProbeVerdict::Successes(needed) | ProbeVerdict::Share { of: needed, .. } => needed,
            ProbeVerdict::Trickle => 1,
        }
    }

    /// Whether one probe is admitted per interval, however many are on their way.
    pub(crate) fn trickles(&self) -> bool {
        self.verdict == ProbeVerdict::Trickle
    }

    /// A probe that can't matter any more isn't sent: those in flight may be enough to decide.
    fn has_room(&self, in_flight: u8, counted: u8) -> bool {
        in_flight < self.at_a_time && u16::from(in_flight) + u16::from(counted) < u16::from(self.needed())
    }

    /// Where to go after `counted` results, if that can be said. Slow probes count like failures if there is a rule
    /// for slow calls.
    fn decide(&self, rules: &Rules, counted: u8, counts: Counts) -> Option<State> {
        let slow = if rules.slow.is_some() { counts.slow } else { 0 };
        match self.verdict {
            ProbeVerdict::Successes(_) if counts.failures > 0 || slow > 0 => Some(State::Open),
            ProbeVerdict::Successes(needed) => (counted >= needed).then_some(State::Closed),
            ProbeVerdict::Share { of, .. } if counted < of => None,
            // `end` decides without the counts.
            ProbeVerdict::Trickle => None,
            ProbeVerdict::Share { failing, .. } => {
                let too_slow = rules.slow.is_some_and(|share| share.at_least.is_reached_by(slow, counts.timed));
                let bad = failing.is_reached_by(counts.failures, counts.calls) || too_slow;
                Some(if bad { State::Open } else { State::Closed })
            }
        }
    }
}

impl Word {
    /// The largest streak that fits into the word.
    pub(crate) const MAX_STREAK: u8 = 63;

    /// After this, admitted probes are counted from 1 again.
    pub(crate) const MAX_ADMITTED: u8 = 63;

    /// One more interval without a success, which counts like an opening.
    pub(crate) fn opened_once_more(self) -> Self {
        Self { streak: (self.streak + 1).min(Self::MAX_STREAK), ..self }
    }

    /// The same circuit in a new generation.
    pub(crate) fn then(self, phase: Phase) -> Self {
        Self { generation: self.next_generation(), phase, answered: false, ..self }
    }

    pub(crate) fn next_generation(self) -> u32 {
        self.generation.wrapping_add(1) & super::cell::GENERATION_MASK
    }

    #[cfg(feature = "keyed")]
    pub(crate) fn former_generation(self) -> u32 {
        self.generation.wrapping_sub(1) & super::cell::GENERATION_MASK
    }

    pub(crate) fn open(self) -> Self {
        self.opened_once_more().then(Phase::Open)
    }

    pub(crate) fn half_open(self) -> Self {
        self.then(Phase::HalfOpen { in_flight: 0, counted: 0, admitted: 0 })
    }

    /// Half-open, with its first probe.
    fn new_round(self) -> Self {
        self.then(Phase::HalfOpen { in_flight: 1, counted: 0, admitted: 1 })
    }

    pub(crate) fn closed(self) -> Self {
        Self { streak: 0, ..self.then(Phase::Closed { failures_in_a_row: 0, ramping: false }) }
    }

    /// Closed, whatever it was: what a reset makes of it. A circuit that is forced open stays so.
    pub(crate) fn reset(self) -> Self {
        self.in_mode(self.mode)
    }

    /// What a success makes of it that nobody had a permit for.
    pub(crate) fn succeeded(self) -> Self {
        match (self.phase, self.mode) {
            (Phase::Closed { ramping, .. }, _) => {
                Self { phase: Phase::Closed { failures_in_a_row: 0, ramping }, answered: true, ..self }
            }
            (_, Mode::Auto) => self.closed(),
            _ => self,
        }
    }

    /// Closed, and admitting a growing share at first.
    pub(crate) fn ramping(self) -> Self {
        match self.phase {
            Phase::Closed { failures_in_a_row, .. } => {
                Self { phase: Phase::Closed { failures_in_a_row, ramping: true }, ..self }
            }
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// Closed once more, with nothing counted; anything else stays what it is, and so does a ramp.
    pub(crate) fn renewed(self) -> Self {
        match self.phase {
            Phase::Closed { ramping, .. } => {
                Self { streak: 0, ..self.then(Phase::Closed { failures_in_a_row: 0, ramping }) }
            }
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// Closed, and it wasn't told yet that it would have opened; anything else stays what it is.
    pub(crate) fn untold(self) -> Self {
        match self.phase {
            Phase::Closed { .. } => Self { streak: 0, ..self },
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// A new beginning in a mode.
    pub(crate) fn in_mode(self, mode: Mode) -> Self {
        // Nothing is counted while it is disabled: no call has anything to write there.
        let closed = Self { mode, answered: mode == Mode::Disabled, ..self.closed() };
        if mode == Mode::ForcedOpen { Self { phase: Phase::Open, ..closed } } else { closed }
    }

    /// Closed, and every call is admitted.
    pub(crate) fn is_plainly_closed(self) -> bool {
        matches!(self.phase, Phase::Closed { ramping: false, .. })
    }

    pub(crate) fn state(self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }
}
