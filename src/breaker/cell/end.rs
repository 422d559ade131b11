use super::{
    cancelled_row,
    context::{Counting, Ended, Going, Transition},
    probe_counts::record_probe,
    state_cell::Cell,
    step::{Comes, Times},
};
use crate::breaker::{
    state::Mode,
    transition::{self, Ending, Phase},
    window::Counts,
};

impl Cell {
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
            cancelled_row::forget_probes(&self.probes, generation);
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
                counts.in_a_row = transition::row(failures_in_a_row, ending);
            }
            let row = self.row(before, word, ending, going);
            let next = transition::end(going.rules, going.probing, word, ending, (counts, row.lasted));
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
}
