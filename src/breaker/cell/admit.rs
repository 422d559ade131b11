use super::{
    context::{Going, Transition},
    packed_word::{MODE, OPEN, PHASE, generation_of},
    state_cell::Cell,
    step::Comes,
    trickle::Claim,
};
use crate::breaker::{
    rejection::Refused,
    state::{Mode, State},
    transition::{self, Admission, Asking, Phase, Probing, Undecided, Word},
    window::Counts,
};

impl Cell {
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
            match transition::admit(going.probing, word, over, asking) {
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
            let refused = match transition::admit(probing, word, self.over(word, now, (probing, 0)), Asking::Request) {
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
}
