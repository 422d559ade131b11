use std::{cell::Cell, fmt, ops::RangeInclusive, time::Duration};

use crate::breaker::state::State;

/// The range of the random waits (hints) that a half-open circuit returns, in microseconds.
///
/// A probe takes about as long as a call, so the circuit may close long before the lease of the
/// probe is over. If a caller waited until the end of the lease, it would be served much later than
/// necessary. With these waits, a caller retries at most 20 times per second, and callers that were
/// rejected at the same moment return spread over 100 ms.
const HINTS: RangeInclusive<u64> = 50_000..=150_000;

/// A packed rejection: the state of the circuit, and the microseconds until it may admit a call. It
/// fits into one word, because the rejection path copies it several times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedRejection(u64);

impl PackedRejection {
    const WAIT_BITS: u32 = 62;
    /// An unknown wait. A wait of more than 146,000 years counts as unknown.
    const UNKNOWN: u64 = (1 << Self::WAIT_BITS) - 1;

    /// `until`: when the circuit may admit a call, or `u64::MAX` if that is unknown. A half-open
    /// circuit returns a random hint instead, if that is shorter.
    #[inline]
    pub(crate) fn new(state: State, until: u64, now: u64) -> Self {
        let wait = if until < u64::MAX { until.saturating_sub(now) } else { u64::MAX };
        let wait = if state == State::HalfOpen { wait.min(hint(now)) } else { wait };
        Self((state as u64) << Self::WAIT_BITS | wait.min(Self::UNKNOWN))
    }

    /// The state of the circuit at the rejection.
    pub(crate) fn state(self) -> State {
        match self.0 >> Self::WAIT_BITS {
            state if state == State::Closed as u64 => State::Closed,
            state if state == State::Open as u64 => State::Open,
            _ => State::HalfOpen,
        }
    }

    /// The microseconds until the circuit may admit a call, if known.
    pub(crate) fn wait(self) -> Option<u64> {
        let wait = self.0 & Self::UNKNOWN;
        (wait < Self::UNKNOWN).then_some(wait)
    }

    /// The same as a duration.
    pub(crate) fn retry_in(self) -> Option<Duration> {
        self.wait().map(Duration::from_micros)
    }
}

/// Returns one of [`HINTS`]. The result differs between callers in the same microsecond. Computing
/// it writes no memory that threads share.
#[cold]
fn hint(now: u64) -> u64 {
    thread_local!(static TURN: Cell<u64> = const { Cell::new(0) });
    let turn = TURN.with(|turn| {
        turn.set(turn.get().wrapping_add(1));
        // The address distinguishes threads.
        turn.get() ^ (std::ptr::from_ref(turn).addr() as u64) << 20
    });
    let spread = HINTS.end() - HINTS.start() + 1;
    HINTS.start() + mix(now ^ turn.rotate_left(40)) % spread
}

/// The finaliser of SplitMix64: inputs that differ in one bit have unrelated results.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

impl fmt::Debug for PackedRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedRejection").field("state", &self.state()).field("wait", &self.wait()).finish()
    }
}
