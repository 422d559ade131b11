use std::time::Duration;

use crate::{
    Invalid, Ratio,
    breaker::transition::{CloseCondition, ProbePolicy, Undecided},
};

/// How a half-open circuit is tried, and what closes it.
///
/// A probe has a lease. The first call that asks when the lease of the newest probe is over, and probes have still not come
/// back, begins a new round: their slots are free, what the round has brought so far is forgotten, and what they bring when
/// they come after all is ignored. So a lost probe can't keep a circuit half-open for ever.
///
/// Where an [`OpenRule::Slow`](super::OpenRule::Slow) stands, a slow probe is as bad as a failed one; with
/// [`share_of`](Self::share_of), slow ones reopen the circuit from that rule's own share on.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Ratio, breaker::Probes};
///
/// // Three successes close it, two at a time; a failure reopens it.
/// let careful = Probes::successes(3)?.at_a_time(2)?.lease(Duration::from_secs(5))?;
/// // Ten results, of which fewer than half may have failed.
/// let tolerant = Probes::share_of(10, Ratio::HALF)?;
/// # let _ = (careful, tolerant);
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probes {
    probes: ProbePolicy,
    lease: Duration,
}

impl Probes {
    const LEASE: Duration = Duration::from_secs(30);

    /// One probe; its success closes the circuit, its failure reopens it.
    pub const fn one() -> Self {
        Self { probes: ProbePolicy::new(1, CloseCondition::Successes(1)), lease: Self::LEASE }
    }

    /// So many successes close the circuit; one failure reopens it. One probe at a time, unless set.
    ///
    /// # Errors
    ///
    /// If `needed` isn't within 1..=255.
    pub fn successes(needed: u32) -> Result<Self, Invalid> {
        let needed = small("successes", needed)?;
        Ok(Self { probes: ProbePolicy::new(1, CloseCondition::Successes(needed)), ..Self::one() })
    }

    /// After so many results the share of failures decides: `failing` or more reopens the circuit. All of them may be
    /// on their way at a time, unless set.
    ///
    /// # Errors
    ///
    /// If `results` isn't within 1..=255.
    pub fn share_of(results: u32, failing: Ratio) -> Result<Self, Invalid> {
        let of = small("results", results)?;
        Ok(Self { probes: ProbePolicy::new(of, CloseCondition::FailureRate { of, failing }), ..Self::one() })
    }

    /// One probe per interval, even while earlier ones haven't come back; the first success closes
    /// the circuit.
    ///
    /// An interval is an open time ([`OpenFor`](super::OpenFor)). It begins when a probe is
    /// admitted, and ends by time alone: a probe that comes back, or is dropped, doesn't let the
    /// next one in earlier. With one exclusive probe at a time, a probe that hangs with the
    /// upstream keeps the circuit from closing after the upstream has recovered; here the next
    /// probe finds out.
    ///
    /// - The success of any probe closes the circuit.
    /// - The failure of the only probe on its way opens it again, until the end of the interval
    ///   that the newest probe began; or for as long as the failure
    ///   [asks](super::OpenFor::as_asked).
    /// - A failure while other probes are on their way only counts.
    /// - Each interval after the first counts as one more
    ///   [opening in a row](super::Opening::in_a_row), so that growing open times grow.
    ///
    /// If 255 probes are on their way, the next begins a new round, and the results of the earlier
    /// ones are ignored. If the open time never ends, an interval is a [lease](Self::lease).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::breaker::{OpenFor, OpenRule, Probes};
    /// use tower_recourse::{BreakerConfig, Circuit, State, time::ManualClock};
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let config = BreakerConfig::default()
    ///     .open_when(OpenRule::consecutive(1)?)
    ///     .open_for(OpenFor::fixed(second))
    ///     .probes(Probes::trickle())
    ///     .clock(clock.clone());
    /// let circuit = Circuit::new(config);
    /// circuit.admit()?.failure();
    ///
    /// clock.advance(second);
    /// let hangs = circuit.admit()?;
    /// assert!(circuit.admit().is_err(), "one probe per interval");
    /// clock.advance(second);
    /// circuit.admit()?.success();
    /// assert_eq!(circuit.state(), State::Closed);
    /// # drop(hangs);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn trickle() -> Self {
        Self { probes: ProbePolicy::new(u8::MAX, CloseCondition::Trickle), lease: Self::LEASE }
    }

    /// How many probes may be on their way at a time. It never is more than are still needed to decide.
    ///
    /// # Errors
    ///
    /// If `probes` isn't within 1..=255, or the probes [trickle](Self::trickle).
    pub fn at_a_time(mut self, probes: u32) -> Result<Self, Invalid> {
        if self.probes.trickles() {
            return Err(Invalid::new("at_a_time", probes, "left out for probes that trickle"));
        }
        self.probes.max_concurrent = small("at_a_time", probes)?;
        Ok(self)
    }

    /// After which time a probe that has not come back loses its slot. 30 s unless set. Probes that
    /// [trickle](Self::trickle) have no slots; for them, it is only the time after which
    /// [`Circuit::keep_probing`](crate::Circuit::keep_probing) drops a probe.
    ///
    /// # Errors
    ///
    /// If it is shorter than 1 ms: a probe would have lost its slot as soon as it has it.
    pub fn lease(mut self, lease: Duration) -> Result<Self, Invalid> {
        if lease < Duration::from_millis(1) {
            return Err(Invalid::new("lease", lease, "at least 1 ms"));
        }
        self.lease = lease;
        Ok(self)
    }

    /// How long after its first probe a half-open circuit moves on undecided, and where to. The next call, or look at the circuit,
    /// notices that; what begins then (the open time, or the ramp) began when this time was over. Without this limit, the circuit stays
    /// half-open until enough probes have been made.
    ///
    /// # Errors
    ///
    /// If it is shorter than 1 ms: it would be over before there is a probe.
    pub fn within(mut self, time: Duration, undecided: Undecided) -> Result<Self, Invalid> {
        if time < Duration::from_millis(1) {
            return Err(Invalid::new("within", time, "at least 1 ms"));
        }
        self.probes.limit = Some((u64::try_from(time.as_micros()).unwrap_or(u64::MAX), undecided));
        Ok(self)
    }

    /// Users' requests aren't probes: they are rejected until a probe of one's own has closed the circuit. See
    /// [`Circuit::probe`](crate::Circuit::probe) and [`Circuit::keep_probing`](crate::Circuit::keep_probing).
    pub const fn of_ones_own(mut self) -> Self {
        self.probes.external_only = true;
        self
    }

    pub(crate) fn parts(&self) -> (ProbePolicy, Duration) {
        (self.probes, self.lease)
    }
}

/// 8 bits of the state word each.
fn small(field: &'static str, value: u32) -> Result<u8, Invalid> {
    match u8::try_from(value) {
        Ok(small @ 1..) => Ok(small),
        _ => Err(Invalid::new(field, value, "within 1..=255")),
    }
}
