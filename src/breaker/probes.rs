use std::time::Duration;

use super::rule::{ProbeVerdict, Probing};
use crate::{Invalid, Ratio};

/// How a half-open circuit is tried, and what closes it.
///
/// A probe has a lease: one that has not come back when the lease of the newest probe is over has lost its slot, and a new
/// round of probes begins. So a lost probe can't keep a circuit half-open for ever; what it brings when it comes after
/// all is ignored.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Ratio, breaker::Probes};
///
/// // Three successes close it, two at a time; a failure reopens it.
/// let careful = Probes::successes(3)?.at_a_time(2)?.lease(Duration::from_secs(5));
/// // Ten results, of which fewer than half may have failed.
/// let tolerant = Probes::share_of(10, Ratio::HALF)?;
/// # let _ = (careful, tolerant);
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probes {
    probing: Probing,
    lease: Duration,
}

impl Probes {
    const LEASE: Duration = Duration::from_secs(30);

    /// One probe; its success closes the circuit, its failure reopens it.
    pub const fn one() -> Self {
        Self { probing: Probing { at_a_time: 1, verdict: ProbeVerdict::Successes(1) }, lease: Self::LEASE }
    }

    /// So many successes close the circuit; one failure reopens it. One probe at a time, unless set.
    ///
    /// # Errors
    ///
    /// If `needed` isn't within 1..=255.
    pub fn successes(needed: u32) -> Result<Self, Invalid> {
        let needed = small("successes", needed)?;
        Ok(Self { probing: Probing { at_a_time: 1, verdict: ProbeVerdict::Successes(needed) }, ..Self::one() })
    }

    /// After so many results the share of failures decides: `failing` or more reopens the circuit. All of them may be
    /// on their way at a time, unless set.
    ///
    /// # Errors
    ///
    /// If `results` isn't within 1..=255.
    pub fn share_of(results: u32, failing: Ratio) -> Result<Self, Invalid> {
        let of = small("results", results)?;
        Ok(Self { probing: Probing { at_a_time: of, verdict: ProbeVerdict::Share { of, failing } }, ..Self::one() })
    }

    /// How many probes may be on their way at a time.
    ///
    /// # Errors
    ///
    /// If `probes` isn't within 1..=255.
    pub fn at_a_time(mut self, probes: u32) -> Result<Self, Invalid> {
        self.probing.at_a_time = small("at_a_time", probes)?;
        Ok(self)
    }

    /// After which time a probe that has not come back loses its slot. 30 s unless set.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    pub(crate) fn parts(&self) -> (Probing, Duration) {
        (self.probing, self.lease)
    }
}

/// 8 bits of the state word each.
fn small(field: &'static str, value: u32) -> Result<u8, Invalid> {
    match u8::try_from(value) {
        Ok(small @ 1..) => Ok(small),
        _ => Err(Invalid::new(field, value, "within 1..=255")),
    }
}
