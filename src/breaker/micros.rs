//! Durations as microseconds, the unit of all times in a circuit.

use std::time::Duration;

pub(crate) fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}
