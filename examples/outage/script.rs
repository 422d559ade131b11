//! The scripts of faults, and all of their numbers.

use std::{fmt, ops::Range, str::FromStr, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Requests per second of the callers. The load is open-loop: it doesn't depend on the responses.
///
/// The rate is low, so that two cores can run both sides without being the bottleneck, and the
/// number of open sockets stays below the 256 files that some systems allow per process.
pub(crate) const DEMAND: f64 = 115.0;

/// The number of the upstream's workers. Each takes [`WORK`] per job, so together they serve at
/// most 200 requests per second.
pub(crate) const WORKERS: usize = 8;
/// The time that a worker takes for a job, successful or not.
pub(crate) const WORK: Duration = Duration::from_millis(40);
/// The number of jobs that may wait for a worker; the upstream answers further requests with 503.
///
/// A full queue is 400 ms of work, which is longer than a caller waits for an attempt. Once it is
/// full of jobs whose callers have given up, and while more jobs arrive than the workers can serve,
/// every response is too late.
pub(crate) const QUEUE: usize = 80;

/// How long a client waits for one attempt.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(250);
/// The maximum number of attempts per request, for the clients that don't use a preset.
pub(crate) const ATTEMPTS: u32 = 4;
/// The upper bound of the first wait. Full jitter draws each wait between zero and a bound that
/// doubles at every retry.
pub(crate) const BACKOFF: Duration = Duration::from_millis(50);
/// The budget's share of the requests that may be retries.
pub(crate) const BUDGET_SHARE: f64 = 0.2;
/// The budget's additional retries per second, so that a client with few requests may retry too.
pub(crate) const BUDGET_PER_SECOND: u32 = 10;
/// The budget's tokens at the start, as in the presets.
pub(crate) const BUDGET_AT_START: u32 = 100;
/// The failures in a row that open the breaker of the client with a 30 s breaker. Most libraries
/// have such a default.
pub(crate) const LONG_BREAKER_FAILURES: u32 = 5;
/// The open time of that breaker.
pub(crate) const LONG_BREAKER_OPEN: Duration = Duration::from_secs(30);

/// The share of the jobs that fail in the phase of errors. A failing job takes as long as a
/// successful one.
pub(crate) const ERROR_SHARE: f64 = 0.3;
/// How long the upstream is dead in a blip.
pub(crate) const BLIP: Duration = Duration::from_millis(80);
/// The share of the requests that go to the dead backend, where they fail at once.
pub(crate) const DEAD_BACKEND_SHARE: f64 = 0.5;

/// The state of the upstream during a part of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Every job succeeds.
    Healthy,
    /// Some jobs fail, see [`ERROR_SHARE`].
    Errors,
    /// Workers hang. Their jobs fail when the phase ends.
    Dead,
    /// One of two backends is dead: its share of the requests fails at once, see
    /// [`DEAD_BACKEND_SHARE`]. The other backend has all the workers.
    HalfDead,
    /// Every job succeeds again, but the queue may still be full.
    Back,
}

impl Phase {
    /// The name on the terminal and on the page.
    pub(crate) fn name(self) -> String {
        match self {
            Phase::Healthy => "healthy".to_owned(),
            Phase::Errors => format!("{:.0} % errors", 100.0 * ERROR_SHARE),
            Phase::Dead => "dead".to_owned(),
            Phase::HalfDead => "one of two backends dead".to_owned(),
            Phase::Back => "recovered".to_owned(),
        }
    }

    /// Whether the phase is a fault.
    pub(crate) fn is_fault(self) -> bool {
        !matches!(self, Phase::Healthy | Phase::Back)
    }
}

/// The sequence of phases of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// The upstream fails some jobs, then is dead, then recovers.
    Outage,
    /// The upstream is dead for [`BLIP`].
    Blip,
    /// One of two backends is dead for half of the time.
    HalfDead,
}

impl Scenario {
    pub(crate) const ALL: [Scenario; 3] = [Scenario::Outage, Scenario::Blip, Scenario::HalfDead];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Outage => "outage",
            Scenario::Blip => "blip",
            Scenario::HalfDead => "half-dead",
        }
    }

    /// The description in `--help`.
    pub(crate) fn summary(self) -> String {
        match self {
            Scenario::Outage => format!("{:.0} % errors, then dead for a fifth of the time", 100.0 * ERROR_SHARE),
            Scenario::Blip => format!("dead for {} ms", BLIP.as_millis()),
            Scenario::HalfDead => "one of two backends dead for half of the time".to_owned(),
        }
    }

    /// The phases in order, each with its end.
    fn ends(self, length: Duration) -> Vec<(Phase, Duration)> {
        let at = |share| length.mul_f64(share);
        match self {
            Scenario::Outage => {
                vec![
                    (Phase::Healthy, at(0.18)),
                    (Phase::Errors, at(0.35)),
                    (Phase::Dead, at(0.55)),
                    (Phase::Back, length),
                ]
            }
            Scenario::Blip => {
                vec![(Phase::Healthy, at(0.30)), (Phase::Dead, at(0.30) + BLIP), (Phase::Back, length)]
            }
            Scenario::HalfDead => {
                vec![(Phase::Healthy, at(0.20)), (Phase::HalfDead, at(0.70)), (Phase::Back, length)]
            }
        }
    }
}

impl FromStr for Scenario {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name).ok_or(())
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One run of a script, which is the same for every client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) scenario: Scenario,
    /// The observation time per client.
    pub(crate) length: Duration,
    /// Seeds the arrivals, the draws of errors, and the jitter.
    pub(crate) seed: u64,
}

impl Script {
    /// Each phase with its time span.
    pub(crate) fn phases(&self) -> Vec<(Phase, Range<Duration>)> {
        let mut start = Duration::ZERO;
        let spans = self.scenario.ends(self.length).into_iter();
        spans.map(|(phase, end)| (phase, std::mem::replace(&mut start, end)..end)).collect()
    }

    /// The phase at this time. After the end of the script it is [`Phase::Back`], so that late
    /// requests find a healthy upstream.
    pub(crate) fn phase_at(&self, time: Duration) -> Phase {
        let phases = self.phases();
        phases.into_iter().find(|(_, span)| time < span.end).map_or(Phase::Back, |(phase, _)| phase)
    }

    /// The end of the last fault.
    pub(crate) fn fault_end(&self) -> Duration {
        let mut faults = self.phases().into_iter().filter(|(phase, _)| phase.is_fault());
        faults.next_back().map_or(self.length, |(_, span)| span.end)
    }

    /// The arrival times of requests: an endless Poisson process with exponential gaps.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Duration> + use<> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut time = 0.0;
        std::iter::repeat_with(move || {
            time -= (1.0 - random.random::<f64>()).ln() / DEMAND;
            Duration::from_secs_f64(time)
        })
    }

    /// Returns a function that draws whether a job fails, given the share of failures. The n-th
    /// draw is the same for every client.
    pub(crate) fn errors(&self) -> impl FnMut(f64) -> bool + Send + 'static {
        // Uses another random stream than the arrivals, so that gaps and failures don't correlate.
        let mut random = StdRng::seed_from_u64(self.seed ^ 0x000b_adc0_ffee);
        move |share| random.random_bool(share)
    }
}
