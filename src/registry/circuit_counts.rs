//! The counts of a circuit that never decrease.

/// The counts of a circuit since it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CircuitCounts {
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    pub(crate) neutral: u64,
    pub(crate) cancelled: u64,
    pub(crate) rejections: u64,
    /// By the former and then by the new state, each in the order of `State`.
    pub(crate) transitions: [u64; 9],
}

impl CircuitCounts {
    /// The number of counts.
    pub(super) const LEN: usize = 14;
    /// The indexes in [`array`](Self::array) of the calls with an outcome, and the outcomes.
    pub(super) const OUTCOMES: [(usize, &'static str); 4] =
        [(0, "success"), (1, "failure"), (2, "neutral"), (3, "cancelled")];
    pub(super) const REJECTIONS: usize = 4;
    /// The index of the first transition.
    pub(super) const TRANSITIONS: usize = 5;

    pub(super) fn array(&self) -> [u64; Self::LEN] {
        let Self { successes, failures, neutral, cancelled, rejections, transitions } = *self;
        let mut array = [0; Self::LEN];
        array[..Self::TRANSITIONS].copy_from_slice(&[successes, failures, neutral, cancelled, rejections]);
        array[Self::TRANSITIONS..].copy_from_slice(&transitions);
        array
    }

    pub(super) fn has_transitions(&self) -> bool {
        self.transitions.iter().any(|&count| count > 0)
    }
}
