//! The scripts that all clients live through, and every number that shapes them.

use std::{fmt, ops::Range, str::FromStr, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Requests per second that callers want answered. The load is open-loop: it doesn't depend on the
/// answers.
///
/// The rate is low on purpose. Two cores run both sides without being the bottleneck, and the
/// sockets that are open at once stay below the 256 files that some systems allow per process.
pub(crate) const DEMAND: f64 = 115.0;

/// The upstream has this many workers, each busy for [`WORK`] with a job: together at most 200
/// answers per second.
pub(crate) const WORKERS: usize = 8;
/// How long one worker takes for one job, good or bad.
pub(crate) const WORK: Duration = Duration::from_millis(40);
/// Jobs that may wait for a worker; the upstream answers the next one with 503.
///
/// A full queue is 400 ms of work, longer than any caller waits for an answer. Once it is full of
/// jobs whose callers have left, and as long as more jobs come than the workers can do, every
/// answer is too late.
pub(crate) const QUEUE: usize = 80;

/// How long a client waits for one attempt.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(250);
/// Attempts that a request may take, for the clients whose retries are set here.
pub(crate) const ATTEMPTS: u32 = 4;
/// Full jitter draws each wait between zero and this, doubled at every retry.
pub(crate) const BACKOFF: Duration = Duration::from_millis(50);
/// The budget: retries as a share of the requests …
pub(crate) const BUDGET_SHARE: f64 = 0.2;
/// … and so many per second on top, so that a client with few requests may retry too.
pub(crate) const BUDGET_PER_SECOND: u32 = 10;
/// With this many tokens at the start, the budget is that of the presets.
pub(crate) const BUDGET_AT_START: u32 = 100;
/// A breaker as most libraries configure it by default: it opens after so many failures in a row …
pub(crate) const LONG_BREAKER_FAILURES: u32 = 5;
/// … for this time.
pub(crate) const LONG_BREAKER_OPEN: Duration = Duration::from_secs(30);

/// Share of the jobs that fail, at full cost, in the phase of errors.
pub(crate) const ERROR_SHARE: f64 = 0.3;
/// How long the upstream is dead in a blip.
pub(crate) const BLIP: Duration = Duration::from_millis(80);
/// Share of the requests that the dead one of two backends gets, and fails at once.
pub(crate) const DEAD_BACKEND_SHARE: f64 = 0.5;

/// What the upstream is going through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Every job succeeds.
    Healthy,
    /// Some jobs fail, see [`ERROR_SHARE`].
    Errors,
    /// Workers hang: the jobs that they have, and get, end as failures when the phase ends.
    Dead,
    /// One of two backends is dead: its share of the requests fails at once, see
    /// [`DEAD_BACKEND_SHARE`]. The other backend has all the workers.
    HalfDead,
    /// The cause is gone: as healthy as at the start, except for the queue's content.
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
            Phase::Back => "back again".to_owned(),
        }
    }

    /// Whether it is a fault of the upstream.
    pub(crate) fn is_fault(self) -> bool {
        !matches!(self, Phase::Healthy | Phase::Back)
    }
}

/// What happens to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plot {
    /// It errs, dies, and comes back.
    Outage,
    /// It is dead for [`BLIP`].
    Blip,
    /// One of its two backends is dead for half of the time.
    HalfDead,
}

impl Plot {
    pub(crate) const ALL: [Plot; 3] = [Plot::Outage, Plot::Blip, Plot::HalfDead];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Plot::Outage => "outage",
            Plot::Blip => "blip",
            Plot::HalfDead => "half-dead",
        }
    }

    /// What `--help` says about it.
    pub(crate) fn summary(self) -> String {
        match self {
            Plot::Outage => format!("{:.0} % errors, then dead for a fifth of the time", 100.0 * ERROR_SHARE),
            Plot::Blip => format!("dead for {} ms", BLIP.as_millis()),
            Plot::HalfDead => "one of two backends dead for half of the time".to_owned(),
        }
    }

    /// The phases in order, each with when it ends. The last one never ends.
    fn ends(self, length: Duration) -> Vec<(Phase, Duration)> {
        let at = |share| length.mul_f64(share);
        match self {
            Plot::Outage => {
                vec![
                    (Phase::Healthy, at(0.18)),
                    (Phase::Errors, at(0.35)),
                    (Phase::Dead, at(0.55)),
                    (Phase::Back, length),
                ]
            }
            Plot::Blip => {
                vec![(Phase::Healthy, at(0.30)), (Phase::Dead, at(0.30) + BLIP), (Phase::Back, length)]
            }
            Plot::HalfDead => {
                vec![(Phase::Healthy, at(0.20)), (Phase::HalfDead, at(0.70)), (Phase::Back, length)]
            }
        }
    }
}

impl FromStr for Plot {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|plot| plot.name() == name).ok_or(())
    }
}

impl fmt::Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One run of a script: the same for every client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) plot: Plot,
    /// How long one client is observed.
    pub(crate) length: Duration,
    /// Seeds the arrivals, the draws of errors, and the jitter.
    pub(crate) seed: u64,
}

impl Script {
    /// Each phase with the time that it spans.
    pub(crate) fn phases(&self) -> Vec<(Phase, Range<Duration>)> {
        let mut start = Duration::ZERO;
        let spans = self.plot.ends(self.length).into_iter();
        spans.map(|(phase, end)| (phase, std::mem::replace(&mut start, end)..end)).collect()
    }

    /// The phase at this time. The last one has no end, so that late requests find a healthy
    /// upstream.
    pub(crate) fn phase_at(&self, time: Duration) -> Phase {
        let phases = self.phases();
        phases.into_iter().find(|(_, span)| time < span.end).map_or(Phase::Back, |(phase, _)| phase)
    }

    /// When the cause is gone.
    pub(crate) fn fault_end(&self) -> Duration {
        let mut faults = self.phases().into_iter().filter(|(phase, _)| phase.is_fault());
        faults.next_back().map_or(self.length, |(_, span)| span.end)
    }

    /// When requests arrive: a Poisson process, so the gaps are exponential. It doesn't end.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Duration> + use<> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut time = 0.0;
        std::iter::repeat_with(move || {
            time -= (1.0 - random.random::<f64>()).ln() / DEMAND;
            Duration::from_secs_f64(time)
        })
    }

    /// Draws whether a job fails, given the share that does: the n-th draw is the same for every
    /// client.
    pub(crate) fn errors(&self) -> impl FnMut(f64) -> bool + Send + 'static {
        // Another stream than that of the arrivals: a short gap must not mean a failure.
        let mut random = StdRng::seed_from_u64(self.seed ^ 0x000b_adc0_ffee);
        move |share| random.random_bool(share)
    }
}
