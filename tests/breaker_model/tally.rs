//! The model of a window: a list of all calls, and the counts of those that are in the window.

use crate::settings::{Over, Span};
/// For each call: when it ended, and whether it is marked. What is marked depends on the tally: the
/// failed calls, the slow calls, or the accepted requests.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<(u64, bool)>);

/// The counts in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Held {
    pub(crate) calls: u32,
    pub(crate) marked: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, now: u64, mark: bool) {
        self.0.push((now, mark));
    }

    pub(crate) fn held(&self, span: Option<Span>, now: u64) -> Held {
        match span {
            None => Held::default(),
            Some(Span::Calls(calls)) => Held::of(self.0.iter().rev().take(calls as usize)),
            // Calls leave the window one slice at a time. Slices begin at the creation of the
            // circuit.
            Some(Span::Time { time, slices }) => {
                let slice = time / u64::from(slices);
                Held::of(self.0.iter().filter(|(at, _)| now / slice - at / slice < slices.into()))
            }
        }
    }
}

impl Held {
    fn of<'a>(calls: impl Iterator<Item = &'a (u64, bool)>) -> Self {
        calls.fold(Self::default(), |held, (_, mark)| Self {
            calls: held.calls + 1,
            marked: held.marked + u32::from(*mark),
        })
    }

    /// Whether the window has its minimum number of calls.
    pub(crate) fn is_enough(self, over: Over) -> bool {
        self.calls >= over.minimum
    }

    /// Whether the marked calls are at least this share of the calls. False if no call is marked.
    pub(crate) fn is_share(self, thousandths: u32) -> bool {
        self.marked > 0 && self.marked * 1_000 >= thousandths * self.calls
    }
}
