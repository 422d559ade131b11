//! Probes: how many are admitted, and what their results decide.

use tower_recourse::State;

use crate::settings::{Probing, Settings};

#[derive(Default)]
pub(super) struct HalfOpen {
    pub(super) on_their_way: u32,
    pub(super) results: Vec<Probe>,
    /// The end of the newest probe's lease, or of the interval that it began.
    pub(super) lease_until: u64,
    pub(super) has_sent: bool,
    /// Consecutive dropped probes.
    pub(super) dropped: u32,
    /// The time at which the half-open state ends without a decision, if there was a limit when the
    /// first probe of this round began.
    limit_until: Option<u64>,
}

pub(super) struct Probe {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

impl HalfOpen {
    pub(super) fn rejects(&self, probing: &Probing, now: u64) -> bool {
        if probing.trickle {
            return self.has_sent && self.lease_until > now;
        }
        !self.is_abandoned(probing, now) && !self.has_room(probing)
    }

    /// Whether the next probe begins a new round: the lease of the newest probe has ended before
    /// enough probes returned, or a new config needs no more results than have returned.
    pub(super) fn is_abandoned(&self, probing: &Probing, now: u64) -> bool {
        if probing.trickle {
            // With 255 probes running, the next one begins a new round.
            return self.on_their_way == 255 && !self.rejects(probing, now);
        }
        if self.on_their_way > 0 { self.lease_until <= now } else { self.results.len() >= probing.needed as usize }
    }

    pub(super) fn begin_round(&mut self, probing: &Probing, now: u64) {
        // The limit applies to the whole half-open state, so a new round keeps it.
        let limit_until = probing.within.map(|(time, _)| self.limit_until.unwrap_or(now + time));
        *self = Self { limit_until, has_sent: true, ..Self::default() };
    }

    /// `interval`: how long the circuit admits no other probe. Only trickling probes use it.
    pub(super) fn send(&mut self, probing: &Probing, now: u64, interval: u64) {
        // The limit starts with the first probe.
        if !self.has_sent {
            self.limit_until = probing.within.map(|(time, _)| now + time);
        }
        self.has_sent = true;
        self.on_their_way += 1;
        self.lease_until = self.lease_until.max(now + if probing.trickle { interval } else { probing.lease });
    }

    /// The next state if the time limit has passed, and the time at which it passed.
    pub(super) fn undecided(&self, probing: &Probing, now: u64) -> Option<(State, u64)> {
        let (_, closes) = probing.within?;
        let goes = if closes { State::Closed } else { State::Open };
        self.limit_until.filter(|until| *until <= now).map(|until| (goes, until))
    }

    /// The time until which the circuit rejects if no probe returns.
    pub(super) fn until(&self, probing: &Probing) -> u64 {
        let closes = matches!(probing.within, Some((_, true)));
        self.limit_until.filter(|_| closes).map_or(self.lease_until, |limit| limit.min(self.lease_until))
    }

    pub(super) fn decision(&self, settings: &Settings) -> Option<State> {
        let results = self.results.len();
        let failed = self.results.iter().filter(|probe| probe.failed).count();
        // With a slow-call rule, a slow probe counts as a failed one. With a failure rate for
        // probes, slow ones reopen the circuit from the share of the slow-call rule on.
        let slow = self.results.iter().filter(|probe| probe.slow && settings.rules.slow.is_some()).count();
        if settings.probes.trickle {
            let newest = self.results.last().expect("a result");
            let bad = newest.failed || newest.slow && settings.rules.slow.is_some();
            return if !bad { Some(State::Closed) } else { (self.on_their_way == 0).then_some(State::Open) };
        }
        let all_back = results >= settings.probes.needed as usize;
        let bad = match settings.probes.failing {
            None => failed + slow > 0,
            Some(failing) => {
                let slow_share = settings.rules.slow.map_or(0, |(_, share, _)| share);
                all_back && (is_share(failing, failed, results) || is_share(slow_share, slow, results))
            }
        };
        match (bad, all_back) {
            (true, _) => Some(State::Open),
            (false, true) => Some(State::Closed),
            (false, false) => None,
        }
    }

    /// The number of running probes never exceeds the number of results still needed.
    fn has_room(&self, probing: &Probing) -> bool {
        let all = if probing.failing.is_some() { probing.needed } else { 1 };
        self.on_their_way < probing.max_concurrent.unwrap_or(all)
            && self.on_their_way + (self.results.len() as u32) < probing.needed
    }
}

fn is_share(thousandths: u32, part: usize, whole: usize) -> bool {
    part > 0 && part * 1_000 >= thousandths as usize * whole
}
