use std::{fmt, time::Duration};

use super::state::State;

/// A call isn't in: the state that the circuit was in, and in how many microseconds it may admit again. One word, as it goes through what is
/// made of every rejection, and is copied there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(u64);

impl Refused {
    const WAIT_BITS: u32 = 62;
    /// A wait that can't be known. One that is longer than that, 146,000 years, can't either.
    const UNKNOWN: u64 = (1 << Self::WAIT_BITS) - 1;

    /// By a circuit in this state, which admits again at a time, or at `u64::MAX` if that can't be known.
    #[inline]
    pub(crate) fn new(state: State, until: u64, now: u64) -> Self {
        let wait = if until < u64::MAX { until.saturating_sub(now) } else { u64::MAX };
        Self((state as u64) << Self::WAIT_BITS | wait.min(Self::UNKNOWN))
    }

    /// The state that the circuit was in.
    pub(crate) fn state(self) -> State {
        match self.0 >> Self::WAIT_BITS {
            state if state == State::Closed as u64 => State::Closed,
            state if state == State::Open as u64 => State::Open,
            _ => State::HalfOpen,
        }
    }

    /// In how many microseconds it may admit again, if that is known.
    pub(crate) fn wait(self) -> Option<u64> {
        let wait = self.0 & Self::UNKNOWN;
        (wait < Self::UNKNOWN).then_some(wait)
    }

    /// The same, as everybody gets it.
    pub(crate) fn retry_in(self) -> Option<Duration> {
        self.wait().map(Duration::from_micros)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("state", &self.state()).field("wait", &self.wait()).finish()
    }
}
