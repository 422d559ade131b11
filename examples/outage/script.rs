//! The script that all five clients live through, and every number that shapes it.

use std::{ops::Range, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Requests a second that callers want answered, whatever becomes of them: the load is open-loop.
///
/// It is low on purpose. Two cores play both sides without being the bottleneck, and the sockets that are open at once
/// stay under the 256 files that some systems allow a process.
pub(crate) const DEMAND: f64 = 115.0;

/// The upstream: so many workers, each busy for so long with a job. Together at most 200 answers a second.
pub(crate) const WORKERS: usize = 8;
/// How long one worker takes for one job, good or bad.
pub(crate) const WORK: Duration = Duration::from_millis(40);
/// Jobs that may wait for a worker; the next one is turned away with a 503.
///
/// A full queue is 400 ms of work, longer than anyone waits for an answer: that is the trap. Once it is full of jobs whose
/// callers have left, and as long as more come in than the workers can do, every answer is too late.
pub(crate) const QUEUE: usize = 80;

/// How long a client waits for one attempt.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(250);
/// Attempts a request may take, of the clients that retry.
pub(crate) const ATTEMPTS: u32 = 4;
/// Full jitter draws each wait between nothing and this, doubled at every retry.
pub(crate) const BACKOFF: Duration = Duration::from_millis(50);
/// The budget: retries as a share of the requests …
pub(crate) const BUDGET_SHARE: f64 = 0.2;
/// … and so many a second on top, so that a quiet client may retry too.
pub(crate) const BUDGET_PER_SECOND: u32 = 10;
/// The breaker opens when this share of its window failed …
pub(crate) const BREAKER_SHARE: f64 = 0.5;
/// … the window being so many attempts …
pub(crate) const BREAKER_WINDOW: u32 = 100;
/// … of which so many must have been seen …
pub(crate) const BREAKER_MINIMUM: u32 = 20;
/// … and lets one probe through after this time.
pub(crate) const BREAKER_OPEN: Duration = Duration::from_millis(300);

/// Share of the jobs that fail, at full cost, while the upstream errs.
pub(crate) const ERROR_SHARE: f64 = 0.3;

/// The phases and their shares of a client's time.
pub(crate) const PHASES: [(Phase, f64); 4] =
    [(Phase::Healthy, 0.18), (Phase::Errors, 0.17), (Phase::Dead, 0.20), (Phase::Back, 0.45)];

/// What the upstream is going through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Every job succeeds.
    Healthy,
    /// Some jobs fail, see [`ERROR_SHARE`].
    Errors,
    /// Workers hang: what they took, and take, ends as a failure when the phase does.
    Dead,
    /// The cause is gone: as healthy as at the start, but for what is in the queue.
    Back,
}

impl Phase {
    /// As the terminal and the page call it.
    pub(crate) fn name(self) -> String {
        match self {
            Phase::Healthy => "healthy".to_owned(),
            Phase::Errors => format!("{:.0} % errors", 100.0 * ERROR_SHARE),
            Phase::Dead => "dead".to_owned(),
            Phase::Back => "back again".to_owned(),
        }
    }
}

/// One playing of the script: the same for every client of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    /// How long one client is watched; the phases are shares of it.
    pub(crate) length: Duration,
    /// Seeds the arrivals, the draws of errors, and the jitter.
    pub(crate) seed: u64,
}

impl Script {
    /// Each phase with the time that it spans.
    pub(crate) fn phases(&self) -> [(Phase, Range<Duration>); 4] {
        let mut end = Duration::ZERO;
        PHASES.map(|(phase, share)| {
            let start = end;
            end += self.length.mul_f64(share);
            (phase, start..end)
        })
    }

    /// The phase at this time; the last one has no end, so that late requests find a healthy upstream.
    pub(crate) fn phase_at(&self, time: Duration) -> Phase {
        let phases = self.phases();
        phases.into_iter().find(|(_, span)| time < span.end).map_or(Phase::Back, |(phase, _)| phase)
    }

    /// When the cause is gone.
    pub(crate) fn outage_end(&self) -> Duration {
        self.phases().into_iter().find(|(phase, _)| *phase == Phase::Dead).map_or(self.length, |(_, span)| span.end)
    }

    /// When requests arrive, for as long as anyone asks: a Poisson process, so the gaps are exponential.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Duration> + use<> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut time = 0.0;
        std::iter::repeat_with(move || {
            time -= (1.0 - random.random::<f64>()).ln() / DEMAND;
            Duration::from_secs_f64(time)
        })
    }

    /// Which jobs fail while the upstream errs: the n-th job of that phase meets the same fate whoever sent it.
    pub(crate) fn errors(&self) -> impl FnMut() -> bool + Send + 'static {
        // Not the stream of the arrivals: a short gap must not mean a failure.
        let mut random = StdRng::seed_from_u64(self.seed ^ 0x000b_adc0_ffee);
        move || random.random_bool(ERROR_SHARE)
    }
}
