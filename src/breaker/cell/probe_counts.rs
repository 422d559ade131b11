//! The results of the probes of one generation.

use super::state_cell::StateCell;
use crate::{
    breaker::{generation::is_later, transition::CallResult, window::Counts},
    sync::{AtomicU64, Ordering},
};

impl StateCell {
    /// Returns the results of the probes of `generation`.
    pub(crate) fn probe_counts(&self, generation: u32) -> Counts {
        unpack_probes(self.probes.load(Ordering::Acquire), generation).unwrap_or_default()
    }
}

/// Adds the result of a probe to those of its generation. Returns `None` if a later generation has
/// begun.
pub(super) fn record_probe(probes: &AtomicU64, generation: u32, result: CallResult, slow: bool) -> Option<Counts> {
    let mut current = probes.load(Ordering::Acquire);
    loop {
        let mut counts = match unpack_probes(current, generation) {
            Some(counts) => counts,
            None if is_later((current >> 33) as u32, generation) => return None,
            None => Counts::default(),
        };
        // There may be more trickling probes than 8 bits can count, so the counts saturate.
        counts.calls = (counts.calls + 1).min(0xFF);
        counts.failures = (counts.failures + u32::from(result == CallResult::Failure)).min(0xFF);
        counts.slow = (counts.slow + u32::from(slow)).min(0xFF);
        let next = u64::from(generation) << 33
            | u64::from(counts.slow) << 16
            | u64::from(counts.failures) << 8
            | u64::from(counts.calls);
        match probes.compare_exchange(current, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return unpack_probes(next, generation),
            Err(changed) => current = changed,
        }
    }
}

pub(super) fn unpack_probes(probes: u64, generation: u32) -> Option<Counts> {
    let byte = |shift: u32| (probes >> shift) as u32 & 0xFF;
    let counts = Counts { calls: byte(0), failures: byte(8), timed: byte(0), slow: byte(16), in_a_row: 0 };
    ((probes >> 33) as u32 == generation).then_some(counts)
}
