//! Admission of calls.

use super::{
    context::{Transition, TransitionContext},
    packed_word::{MODE, OPEN, PHASE, generation_of},
    state_cell::StateCell,
    step::Operation,
    trickle::IntervalClaim,
};
use crate::breaker::{
    rejection::PackedRejection,
    state::{Mode, State},
    transition::{self, AdmissionDecision, AdmissionKind, HalfOpenTimeout, Phase, ProbePolicy, StateWord},
    window::Counts,
};

impl StateCell {
    /// Decides whether a call is admitted. Returns the generation that admits it. Reads the clock
    /// only if the circuit isn't closed, or is in slow start. In slow start, `chance` gets the
    /// share of calls to admit, and returns whether to admit this one. `changed` receives each
    /// transition that this call makes.
    pub(crate) fn admit(
        &self,
        context: TransitionContext<'_>,
        kind: AdmissionKind,
        chance: impl FnOnce(f64) -> bool,
        mut changed: impl FnMut(Transition),
    ) -> Result<u32, PackedRejection> {
        if let Some(generation) = self.generation_if_admitting_all() {
            return Ok(generation);
        }
        let now = (context.now)();
        let mut claim = None;
        loop {
            // Read before the word, so that `Stamp::extend` notices a thread that writes a stamp
            // afterwards.
            let before = self.read_stamps(context, Operation::Admission);
            let word = self.load();
            let mut elapsed = self.elapsed_timers(word, now, context.probes, context.slow_start);
            elapsed.timer |= claim.is_some_and(|claim: IntervalClaim| claim.holds(word));
            match transition::decide_admission(context.probes, word, elapsed, kind) {
                AdmissionDecision::Admit => return Ok(word.generation),
                AdmissionDecision::AdmitByChance => {
                    let since = self.slow_start_began_at(word).unwrap_or(now);
                    let share = now.saturating_sub(since) as f64 / context.slow_start.max(1) as f64;
                    let packed = PackedRejection::new(word.state(), u64::MAX, now);
                    return if chance(share) { Ok(word.generation) } else { Err(packed) };
                }
                AdmissionDecision::Reject => {
                    let packed = PackedRejection::new(
                        word.state(),
                        self.next_admission_at(context.probes, word, now, kind),
                        now,
                    );
                    // A stamp may have been missing because another thread had already written it
                    // for a later word.
                    if self.load() == word {
                        return Err(packed);
                    }
                }
                AdmissionDecision::Probe(next) => {
                    let times = self.probe_times(before, word, next, context);
                    claim = IntervalClaim::of(word).filter(|_| context.probes.trickles());
                    let failing_since = self.failing_since_at(word, times);
                    if self.try_step(before, word, next, context, times) {
                        if next.generation != word.generation && word.phase == Phase::Open {
                            let counts = Counts::default();
                            let from = word.state();
                            changed(Transition { from, word: next, counts, open_for: 0, failing_since });
                        }
                        return Ok(next.generation);
                    }
                }
                AdmissionDecision::Advance(next) => {
                    if let Some(transition) = self.step_by_time(before, word, next, context) {
                        changed(transition);
                    }
                }
            }
        }
    }

    /// Returns the rejection of an open circuit whose open time isn't over. This is the common case
    /// of [`peek`](Self::peek), without the settings.
    #[inline]
    pub(crate) fn peek_open(&self, now: impl FnOnce() -> u64) -> Option<PackedRejection> {
        let word = self.read();
        if word & (PHASE | MODE) != OPEN {
            return None;
        }
        let until = self.open_until.of(generation_of(word))?;
        let now = now();
        (now < until).then(|| PackedRejection::new(State::Open, until, now))
    }

    /// Returns the rejection that a request would get now as `Err`. Returns `Ok` in slow start,
    /// where admission is random.
    pub(crate) fn peek(&self, probes: &ProbePolicy, now: impl FnOnce() -> u64) -> Result<(), PackedRejection> {
        if self.is_closed() {
            return Ok(());
        }
        let now = now();
        loop {
            let word = self.load();
            let packed = match transition::decide_admission(
                probes,
                word,
                self.elapsed_timers(word, now, probes, 0),
                AdmissionKind::Request,
            ) {
                AdmissionDecision::Reject => PackedRejection::new(
                    word.state(),
                    self.next_admission_at(probes, word, now, AdmissionKind::Request),
                    now,
                ),
                AdmissionDecision::Advance(next) if next.phase == Phase::Open => {
                    PackedRejection::new(next.state(), u64::MAX, now)
                }
                _ => return Ok(()),
            };
            // As in `admit`: if the word has changed, a stamp may have been missing.
            if self.load() == word {
                return Err(packed);
            }
        }
    }

    /// When a call that is rejected now may be admitted; `u64::MAX` if that is unknown.
    fn next_admission_at(&self, probes: &ProbePolicy, word: StateWord, now: u64, kind: AdmissionKind) -> u64 {
        let barred = probes.external_only && kind == AdmissionKind::Request;
        let by_time = match word.phase {
            Phase::Open if word.mode == Mode::ForcedOpen => None,
            Phase::HalfOpen { .. } if barred => None,
            _ => self.timer_ends_at(word),
        };
        let undecided = match (word.phase, probes.limit) {
            (Phase::HalfOpen { .. }, Some((_, HalfOpenTimeout::Close))) => self.half_open_ends_at(word),
            _ => None,
        };
        // A timer that is over isn't a reason to retry: it hasn't admitted this call, because the
        // circuit waits for a health probe of the user.
        [by_time, undecided].into_iter().flatten().filter(|&at| at > now).min().unwrap_or(u64::MAX)
    }
}
