use std::collections::HashMap;

use super::{Snapshot, Spent, key::cut};

/// What is allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) per_key: Option<u32>,
    pub(super) in_all: Option<u64>,
    pub(super) keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_key: None, in_all: None, keys: 10_000 }
    }
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Begins anew when everything is forgotten: entries from before then no longer count.
    edition: u64,
    in_all: u64,
    lines: HashMap<Box<str>, Line>,
    /// The number of the last entry: a clock that only goes on when there is something to tell.
    turn: u64,
}

#[derive(Debug)]
struct Line {
    retries: u32,
    /// The turn at which it was begun: tells it from an earlier line of the same key.
    begun: u64,
    last: u64,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    edition: u64,
    begun: u64,
}

impl Book {
    pub(super) fn enter(&mut self, limits: &Limits, key: &str) -> Result<Place, Spent> {
        if let Some(spent) = self.spent_in_all(limits).or_else(|| self.spent_by(limits, key)) {
            return Err(spent);
        }
        self.turn += 1;
        self.in_all = self.in_all.saturating_add(1);
        if !self.lines.contains_key(key) {
            self.make_room(limits.keys);
            self.lines.insert(key.into(), Line { retries: 0, begun: self.turn, last: self.turn });
        }
        let begun = self.lines.get_mut(key).map_or(self.turn, |line| {
            line.retries = line.retries.saturating_add(1);
            line.last = self.turn;
            line.begun
        });
        Ok(Place { edition: self.edition, begun })
    }

    /// Takes an entry back, unless what it was entered into has been forgotten.
    pub(super) fn strike(&mut self, key: &str, place: Place) {
        if place.edition != self.edition {
            return;
        }
        self.in_all = self.in_all.saturating_sub(1);
        if let Some(line) = self.lines.get_mut(key).filter(|line| line.begun == place.begun) {
            line.retries = line.retries.saturating_sub(1);
            if line.retries == 0 {
                self.lines.remove(key);
            }
        }
    }

    pub(super) fn spent_in_all(&self, limits: &Limits) -> Option<Spent> {
        limits.in_all.filter(|&limit| self.in_all >= limit).map(|limit| Spent::InAll { limit })
    }

    pub(super) fn spent_by(&self, limits: &Limits, key: &str) -> Option<Spent> {
        limits.per_key.filter(|&limit| self.retries_of(key) >= limit).map(|limit| Spent::Key { limit })
    }

    pub(super) fn retries_of(&self, key: &str) -> u32 {
        self.lines.get(key).map_or(0, |line| line.retries)
    }

    pub(super) fn in_all(&self) -> u64 {
        self.in_all
    }

    pub(super) fn known_keys(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn forget(&mut self, key: &str) {
        self.lines.remove(key);
    }

    pub(super) fn reset(&mut self) {
        *self = Self { edition: self.edition + 1, ..Self::default() };
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_unstable_by_key(|(_, line)| line.last);
        let keys = lines.into_iter().map(|(key, line)| (String::from(&**key), line.retries)).collect();
        Snapshot { in_all: self.in_all, keys }
    }

    pub(super) fn restore(&mut self, limits: &Limits, snapshot: Snapshot) {
        self.reset();
        self.in_all = snapshot.in_all;
        for (key, retries) in snapshot.keys.into_iter().filter(|&(_, retries)| retries > 0) {
            self.turn += 1;
            // Keys that are one when they are cut are added up.
            let earlier = self.lines.remove(cut(&key)).map_or(0, |line| line.retries);
            let line = Line { retries: retries.saturating_add(earlier), begun: self.turn, last: self.turn };
            self.lines.insert(cut(&key).into(), line);
        }
        // All at once, and last: of a key that comes twice, the later time counts.
        let too_many = self.lines.len().saturating_sub(limits.keys);
        if too_many > 0 {
            self.let_go(too_many);
        }
    }

    /// Leaves room for one more. Those whose last retry is longest ago leave, several at once, so that not every new key looks
    /// through all.
    fn make_room(&mut self, keys: usize) {
        if self.lines.len() < keys {
            return;
        }
        self.let_go((self.lines.len() - keys + 1).max(keys / 8));
    }

    /// The so many whose last retry is longest ago leave: at least 1, and at most all.
    fn let_go(&mut self, leaving: usize) {
        let mut lasts: Vec<u64> = self.lines.values().map(|line| line.last).collect();
        let (_, &mut last_to_leave, _) = lasts.select_nth_unstable(leaving - 1);
        self.lines.retain(|_, line| line.last > last_to_leave);
    }
}
