//! Settings as plain numbers, and the config that they make.

use std::{sync::Arc, time::Duration};

use tower_recourse::{
    BreakerConfig, Ratio,
    breaker::{
        AdaptiveThrottle, CancelledCalls, HalfOpenTimeout, OpenContext, OpenDuration, Probes, ThrottledCalls, TripRule,
        Window, WindowStats,
    },
    observe::Observer,
    time::ManualClock,
};

pub(crate) const SECOND: u64 = 1_000_000;

/// Times are in microseconds, shares in thousandths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) throttle: Option<Throttling>,
    pub(crate) dropped: Dropping,
    /// Whether throttled calls count as failures; otherwise they are neutral.
    pub(crate) throttled_fail: bool,
    pub(crate) open_for: u64,
    pub(crate) growth: Growth,
    pub(crate) longest: Option<u64>,
    /// The longest delay that a failure may request.
    pub(crate) honor_retry_after: Option<u64>,
    pub(crate) probes: Probing,
    /// 0 disables slow start.
    pub(crate) ramp: u64,
    pub(crate) count_all_calls: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) consecutive: Option<u32>,
    /// How long consecutive failures must have lasted before they open the circuit.
    pub(crate) lasting: u64,
    /// The window of `failing` and `custom`.
    pub(crate) window: Option<Over>,
    pub(crate) failing: Option<u32>,
    /// The minimum number of consecutive failures, and of failures in the window.
    pub(crate) custom: Option<(u32, u32)>,
    /// The time after which a call is slow, the share, and the window.
    pub(crate) slow: Option<(u64, u32, Over)>,
}

/// A window and its minimum number of calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Over {
    pub(crate) span: Span,
    pub(crate) minimum: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Span {
    Calls(u32),
    Time { time: u64, slices: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Throttling {
    /// How many calls are allowed per 1,000 accepted calls. The throttle rejects part of those
    /// above.
    pub(crate) k: u32,
    pub(crate) over: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dropping {
    FailureIfAll,
    Neutral,
    Failure,
    FailureAfter(u64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Growth {
    None,
    Factor(u32),
    Stepwise,
    UntilReset,
    /// This many thousandths of the time for which calls have been failing.
    OfFailingTime(u32),
    /// One second longer with each opening in a row, one minute longer if over half of the calls
    /// failed, plus a quarter of the failing time.
    ByFunction,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Probing {
    /// One probe per interval, and the first success closes the circuit. Of the other fields, only
    /// the lease and the limit apply then.
    pub(crate) trickle: bool,
    pub(crate) needed: u32,
    /// The share of failed probes that reopens the circuit. If `None`, one failure reopens it.
    pub(crate) failing: Option<u32>,
    pub(crate) max_concurrent: Option<u32>,
    pub(crate) lease: u64,
    /// The limit of the half-open time, and whether the circuit closes after it.
    pub(crate) within: Option<(u64, bool)>,
}

/// Opens for 30 s after five consecutive failures. One probe.
impl Default for Settings {
    fn default() -> Self {
        let probes = Probing {
            trickle: false,
            needed: 1,
            failing: None,
            max_concurrent: None,
            lease: 30 * SECOND,
            within: None,
        };
        Self {
            rules: Rules { consecutive: Some(5), ..Rules::default() },
            throttle: None,
            dropped: Dropping::FailureIfAll,
            throttled_fail: false,
            open_for: 30 * SECOND,
            growth: Growth::None,
            longest: None,
            honor_retry_after: None,
            probes,
            ramp: 0,
            count_all_calls: false,
        }
    }
}

impl Settings {
    pub(crate) fn config(&self, clock: &ManualClock, observer: impl Observer) -> BreakerConfig {
        let rules = self.open_rules();
        let (first, others) = rules.split_first().expect("a circuit that never opens needs no model");
        let config = BreakerConfig::default().open_when(first.clone());
        let config = others.iter().fold(config, |config, rule| config.or_when(rule.clone()));
        let config = config.open_for(self.open_time()).probes(self.probes.probes()).slow_start(time(self.ramp));
        let config = config.on_cancelled(match self.dropped {
            Dropping::FailureIfAll => CancelledCalls::FailureIfAll,
            Dropping::Neutral => CancelledCalls::Neutral,
            Dropping::Failure => CancelledCalls::Failure,
            Dropping::FailureAfter(limit) => CancelledCalls::FailureAfter(time(limit)),
        });
        let throttled = if self.throttled_fail { ThrottledCalls::Failure } else { ThrottledCalls::Neutral };
        let config = config.on_throttled(throttled);
        let config = if self.count_all_calls { config.count_all_calls() } else { config };
        config.clock(clock.clone()).without_observers().observe(observer)
    }

    /// `other` with the windows of `self`.
    pub(crate) fn tuned_like(&self, mut other: Self) -> Self {
        let Rules { window, failing, custom, slow, .. } = self.rules;
        let of_failures = window.map(|window| match (other.rules.failing, other.rules.custom) {
            (None, None) => (window, failing, custom),
            (failing, custom) => (Over { minimum: 1, ..window }, failing, custom),
        });
        let (share, longer_than) = other.rules.slow.map_or((1, 0), |(longer_than, share, _)| (share, longer_than));
        other.rules = Rules {
            consecutive: other.rules.consecutive.or(self.rules.consecutive),
            lasting: other.rules.lasting,
            window,
            failing: of_failures.and_then(|(_, failing, _)| failing),
            custom: of_failures.and_then(|(.., custom)| custom),
            slow: slow.map(|(.., over)| (longer_than, share, over)),
        };
        if let Some((window, ..)) = of_failures {
            other.rules.window = Some(window);
        }
        let k = other.throttle.map_or(2_000, |throttle| throttle.k);
        other.throttle = self.throttle.map(|throttle| Throttling { k, ..throttle });
        // Slow start and throttle are never combined.
        other.ramp = if other.throttle.is_some() { 0 } else { other.ramp };
        other
    }

    /// Whether a setting depends on how long consecutive failures have lasted.
    pub(crate) fn needs_row_times(&self) -> bool {
        let by_growth = matches!(self.growth, Growth::OfFailingTime(_) | Growth::ByFunction);
        by_growth || self.rules.consecutive.is_some() && self.rules.lasting > 0
    }

    fn open_rules(&self) -> Vec<TripRule> {
        let Rules { consecutive, lasting, window, failing, custom, slow } = self.rules;
        let mut rules = Vec::new();
        rules.extend(
            consecutive.map(|failures| TripRule::consecutive(failures).unwrap().lasting(time(lasting)).unwrap()),
        );
        if let Some(window) = window.map(Over::window) {
            rules.extend(failing.map(|failing| TripRule::FailureRate { failing: ratio(failing), window }));
            rules.extend(custom.map(|(in_a_row, failures)| {
                let rule = move |row: u32, held: &WindowStats| row >= in_a_row && held.failures >= failures;
                TripRule::Custom { rule: Arc::new(rule), window }
            }));
        }
        rules.extend(slow.map(|(longer_than, share, over)| TripRule::SlowCallRate {
            longer_than: time(longer_than),
            share: ratio(share),
            window: over.window(),
        }));
        rules.extend(self.throttle.map(|Throttling { k, over }| {
            let throttle = AdaptiveThrottle::GOOGLE.k(f64::from(k) / 1_000.0).unwrap();
            TripRule::AdaptiveThrottle(throttle.over(time(over)).unwrap())
        }));
        rules
    }

    fn open_time(&self) -> OpenDuration {
        let base = time(self.open_for);
        let by = move |opening: OpenContext| {
            let minutes = u32::from(opening.failing > Some(0.5));
            base + time(SECOND) * opening.in_a_row + time(60 * SECOND) * minutes + opening.failing_for / 4
        };
        let mut open_for = match self.growth {
            Growth::None => OpenDuration::fixed(base),
            Growth::Factor(factor) => OpenDuration::exponential(base).factor(factor.into()).unwrap(),
            Growth::Stepwise => OpenDuration::linear(base),
            Growth::UntilReset => OpenDuration::until_reset(),
            Growth::OfFailingTime(share) => {
                let longest = time(self.longest.unwrap_or(2 * SECOND));
                let open_for = OpenDuration::share_of_failing_time(ratio(share));
                let open_for = if self.longest.is_some() { open_for.max(longest) } else { open_for };
                open_for.min(base.min(longest)).unwrap()
            }
            Growth::ByFunction => OpenDuration::from_fn(by),
        };
        if let Some(longest) = self.longest {
            open_for = open_for.max(time(longest));
        }
        if let Some(at_most) = self.honor_retry_after {
            open_for = open_for.honor_retry_after(time(at_most));
        }
        open_for
    }
}

impl Over {
    fn window(self) -> Window {
        let window = match self.span {
            Span::Calls(calls) => Window::count(calls),
            Span::Time { time: all, slices } => Window::time(time(all)).unwrap().slices(slices),
        };
        window.unwrap().minimum(self.minimum).unwrap()
    }
}

impl Probing {
    fn probes(self) -> Probes {
        let mut probes = match self.failing {
            _ if self.trickle => Probes::trickle(),
            None => Probes::successes(self.needed).unwrap(),
            Some(failing) => Probes::failure_rate(self.needed, ratio(failing)).unwrap(),
        };
        if let Some(max_concurrent) = self.max_concurrent.filter(|_| !self.trickle) {
            probes = probes.max_concurrent(max_concurrent).unwrap();
        }
        if let Some((limit, closes)) = self.within {
            let undecided = if closes { HalfOpenTimeout::Close } else { HalfOpenTimeout::Open };
            probes = probes.max_half_open(time(limit), undecided).unwrap();
        }
        probes.lease(time(self.lease)).unwrap()
    }
}

fn time(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

pub(crate) fn ratio(thousandths: u32) -> Ratio {
    Ratio::new(f64::from(thousandths) / 1_000.0).unwrap()
}
