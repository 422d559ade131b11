use std::time::Duration;

use crate::{
    InvalidConfig, Ratio,
    breaker::transition::{CloseCondition, HalfOpenTimeout, ProbePolicy},
};

/// How a half-open circuit is probed, and what closes it.
///
/// A probe takes a slot while it is in flight, and has a lease: the time for which it keeps the
/// slot. If the lease of the newest probe in flight is over, the next call starts a new round: all
/// slots are free again, the results of the former round are forgotten, and late results of its
/// probes are ignored. So a lost probe can't keep a circuit half-open forever.
///
/// If there is a [`TripRule::SlowCallRate`](super::TripRule::SlowCallRate), a slow probe counts as
/// a failure. With [`failure_rate`](Self::failure_rate), slow probes reopen the circuit if their
/// share reaches the one of this rule.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Ratio, breaker::Probes};
///
/// // Three successes close it, two at a time; a failure reopens it.
/// let careful = Probes::successes(3)?.max_concurrent(2)?.lease(Duration::from_secs(5))?;
/// // Ten results, of which fewer than half may have failed.
/// let tolerant = Probes::failure_rate(10, Ratio::HALF)?;
/// # let _ = (careful, tolerant);
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probes {
    probes: ProbePolicy,
    lease: Duration,
}

impl Probes {
    const LEASE: Duration = Duration::from_secs(30);

    /// One probe decides: its success closes the circuit, its failure reopens it.
    pub const fn one() -> Self {
        Self { probes: ProbePolicy::new(1, CloseCondition::Successes(1)), lease: Self::LEASE }
    }

    /// `needed` successes close the circuit; one failure reopens it. One probe at a time unless
    /// [`max_concurrent`](Self::max_concurrent) is set.
    ///
    /// # Errors
    ///
    /// If `needed` isn't within 1..=255.
    pub fn successes(needed: u32) -> Result<Self, InvalidConfig> {
        let needed = small("successes", needed)?;
        Ok(Self { probes: ProbePolicy::new(1, CloseCondition::Successes(needed)), ..Self::one() })
    }

    /// After `results` results, the share of failures decides: the circuit reopens at `failing` or
    /// more, and otherwise closes. All of these probes may be in flight at a time unless
    /// [`max_concurrent`](Self::max_concurrent) is set.
    ///
    /// # Errors
    ///
    /// If `results` isn't within 1..=255.
    pub fn failure_rate(results: u32, failing: Ratio) -> Result<Self, InvalidConfig> {
        let of = small("results", results)?;
        Ok(Self { probes: ProbePolicy::new(of, CloseCondition::FailureRate { of, failing }), ..Self::one() })
    }

    /// One probe per interval, even while earlier ones are in flight. The first success closes the
    /// circuit.
    ///
    /// An interval is an open time ([`OpenDuration`](super::OpenDuration)). It begins when a probe
    /// is admitted, and ends by time alone: if a probe ends or is dropped, the next one isn't
    /// admitted earlier. With one probe at a time, a probe that hangs because the upstream hangs
    /// keeps the circuit from closing after the upstream has recovered. With trickling probes, the
    /// next probe closes it.
    ///
    /// - The success of any probe closes the circuit.
    /// - The failure of the only probe in flight opens the circuit again, until the end of the
    ///   newest probe's interval; or for as long as the failure
    ///   [requests](super::OpenDuration::honor_retry_after).
    /// - A failure while other probes are in flight is counted, and the circuit stays half-open.
    /// - Each interval after the first counts as one more [opening in a
    ///   row](super::OpenContext::in_a_row), so that growing open times grow.
    ///
    /// If 255 probes are in flight, the next one begins a new round, and the results of the earlier
    /// ones are ignored. If the open time never ends, an interval is a [lease](Self::lease).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::breaker::{OpenDuration, TripRule, Probes};
    /// use tower_recourse::{BreakerConfig, Circuit, State, time::ManualClock};
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let config = BreakerConfig::default()
    ///     .open_when(TripRule::consecutive(1)?)
    ///     .open_for(OpenDuration::fixed(second))
    ///     .probes(Probes::trickle())
    ///     .clock(clock.clone());
    /// let circuit = Circuit::new(config);
    /// circuit.try_acquire()?.failure();
    ///
    /// clock.advance(second);
    /// let hangs = circuit.try_acquire()?;
    /// assert!(circuit.try_acquire().is_err(), "one probe per interval");
    /// clock.advance(second);
    /// circuit.try_acquire()?.success();
    /// assert_eq!(circuit.state(), State::Closed);
    /// # drop(hangs);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn trickle() -> Self {
        Self { probes: ProbePolicy::new(u8::MAX, CloseCondition::Trickle), lease: Self::LEASE }
    }

    /// Sets how many probes may be in flight at a time. The circuit never admits more probes than
    /// it still needs to decide.
    ///
    /// # Errors
    ///
    /// If `probes` isn't within 1..=255, or if the probes [trickle](Self::trickle).
    pub fn max_concurrent(mut self, probes: u32) -> Result<Self, InvalidConfig> {
        if self.probes.trickles() {
            return Err(InvalidConfig::new("max_concurrent", probes, "left out if probes trickle"));
        }
        self.probes.max_concurrent = small("max_concurrent", probes)?;
        Ok(self)
    }

    /// Sets how long a probe in flight keeps its slot. The default is 30 s, so that a slow answer
    /// still counts. [Trickling](Self::trickle) probes have no slots; for them, the lease is the
    /// time after which [`Circuit::run_health_probe`](crate::Circuit::run_health_probe) drops a
    /// probe.
    ///
    /// # Errors
    ///
    /// If `lease` is shorter than 1 ms: a probe would lose its slot at once.
    pub fn lease(mut self, lease: Duration) -> Result<Self, InvalidConfig> {
        if lease < Duration::from_millis(1) {
            return Err(InvalidConfig::new("lease", lease, "at least 1 ms"));
        }
        self.lease = lease;
        Ok(self)
    }

    /// Sets the half-open timeout: how long the circuit may stay half-open, from the first probe
    /// on, and the state after that. The next call, or the next read of the circuit's state,
    /// notices that the time is over. The open time or the slow start is then measured from the end
    /// of this timeout. Without a limit, the circuit stays half-open until enough probes have
    /// ended.
    ///
    /// # Errors
    ///
    /// If `time` is shorter than 1 ms: it would be over before a probe could end.
    pub fn max_half_open(mut self, time: Duration, undecided: HalfOpenTimeout) -> Result<Self, InvalidConfig> {
        if time < Duration::from_millis(1) {
            return Err(InvalidConfig::new("max_half_open", time, "at least 1 ms"));
        }
        self.probes.limit = Some((u64::try_from(time.as_micros()).unwrap_or(u64::MAX), undecided));
        Ok(self)
    }

    /// Admits only your own health probes: the circuit rejects users' requests until one of these
    /// probes has closed it. See [`Circuit::probe`](crate::Circuit::probe) and
    /// [`Circuit::run_health_probe`](crate::Circuit::run_health_probe).
    pub const fn external_only(mut self) -> Self {
        self.probes.external_only = true;
        self
    }

    pub(crate) fn parts(&self) -> (ProbePolicy, Duration) {
        (self.probes, self.lease)
    }
}

/// Checks a number that is stored in 8 bits of the state word.
fn small(field: &'static str, value: u32) -> Result<u8, InvalidConfig> {
    match u8::try_from(value) {
        Ok(small @ 1..) => Ok(small),
        _ => Err(InvalidConfig::new(field, value, "within 1..=255")),
    }
}
