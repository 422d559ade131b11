//! Probes: how many are sent, and what they decide.

use tower_recourse::State;

use crate::settings::{Probing, Settings};

#[derive(Default)]
pub(super) struct HalfOpen {
    pub(super) on_their_way: u32,
    pub(super) results: Vec<Probe>,
    /// Or the end of the interval that the newest probe began.
    pub(super) lease_until: u64,
    pub(super) has_sent: bool,
    /// In a row.
    pub(super) dropped: u32,
    /// When it moves on undecided, if there was such a limit when this round's first probe began.
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
        !self.is_given_up(probing, now) && !self.has_room(probing)
    }

    /// "When the lease of the newest probe is over, and probes have still not come back." Or settings were exchanged, and enough
    /// have come back for the new ones.
    pub(super) fn is_given_up(&self, probing: &Probing, now: u64) -> bool {
        if probing.trickle {
            // "If 255 probes are on their way, the next begins a new round."
            return self.on_their_way == 255 && !self.rejects(probing, now);
        }
        if self.on_their_way > 0 { self.lease_until <= now } else { self.results.len() >= probing.needed as usize }
    }

    pub(super) fn begin_again(&mut self, probing: &Probing, now: u64) {
        // "The limit of the whole time": a new round goes on with it.
        let limit_until = probing.within.map(|(time, _)| self.limit_until.unwrap_or(now + time));
        *self = Self { limit_until, has_sent: true, ..Self::default() };
    }

    /// `interval`: for how long it is admitted alone, if probes trickle.
    pub(super) fn send(&mut self, probing: &Probing, now: u64, interval: u64) {
        // "How long after its first probe."
        if !self.has_sent {
            self.limit_until = probing.within.map(|(time, _)| now + time);
        }
        self.has_sent = true;
        self.on_their_way += 1;
        self.lease_until = self.lease_until.max(now + if probing.trickle { interval } else { probing.lease });
    }

    /// Where it goes now that its time is over, if it is, and since when it should have.
    pub(super) fn undecided(&self, probing: &Probing, now: u64) -> Option<(State, u64)> {
        let (_, closes) = probing.within?;
        let goes = if closes { State::Closed } else { State::Open };
        self.limit_until.filter(|until| *until <= now).map(|until| (goes, until))
    }

    /// Until when it rejects, if no probe comes back.
    pub(super) fn until(&self, probing: &Probing) -> u64 {
        let closes = matches!(probing.within, Some((_, true)));
        self.limit_until.filter(|_| closes).map_or(self.lease_until, |limit| limit.min(self.lease_until))
    }

    pub(super) fn decision(&self, settings: &Settings) -> Option<State> {
        let results = self.results.len();
        let failed = self.results.iter().filter(|probe| probe.failed).count();
        // "Where a rule for slow calls stands, a slow probe is as bad as a failed one; with `share_of`, slow ones reopen the circuit
        // from that rule's own share on."
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

    /// "It never is more than are still needed to decide."
    fn has_room(&self, probing: &Probing) -> bool {
        let all = if probing.failing.is_some() { probing.needed } else { 1 };
        self.on_their_way < probing.at_a_time.unwrap_or(all)
            && self.on_their_way + (self.results.len() as u32) < probing.needed
    }
}

fn is_share(thousandths: u32, part: usize, whole: usize) -> bool {
    part > 0 && part * 1_000 >= thousandths as usize * whole
}
