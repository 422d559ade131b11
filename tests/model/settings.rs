//! Settings as plain numbers, any of them.

use std::time::Duration;

use proptest::{option, prelude::*, sample::select};
use tower_recourse::{
    BreakerConfig, Ratio,
    breaker::{OpenFor, OpenRule, Probes, Window},
    time::ManualClock,
};

const SECOND: u64 = 1_000_000;
const DAY: u64 = 24 * 3_600 * SECOND;

/// All times are microseconds, all shares thousandths.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) consecutive: Option<u32>,
    pub(crate) failing: Option<Share>,
    pub(crate) slow: Option<(u64, Share)>,
    pub(crate) open_for: u64,
    pub(crate) growth: Growth,
    pub(crate) longest: Option<u64>,
    pub(crate) needed: u32,
    /// Which share of the probes reopens it; one failure, if none.
    pub(crate) probes_failing: Option<u32>,
    pub(crate) at_a_time: Option<u32>,
    pub(crate) lease: u64,
    pub(crate) count_calls: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) thousandths: u32,
    pub(crate) calls: u32,
    pub(crate) minimum: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Growth {
    None,
    Factor(u32),
    Stepwise,
}

/// As the table of `BreakerConfig` has them.
impl Default for Settings {
    fn default() -> Self {
        Self {
            consecutive: Some(5),
            failing: None,
            slow: None,
            open_for: 30 * SECOND,
            growth: Growth::None,
            longest: None,
            needed: 1,
            probes_failing: None,
            at_a_time: None,
            lease: 30 * SECOND,
            count_calls: false,
        }
    }
}

impl Settings {
    pub(crate) fn config(&self, clock: &ManualClock) -> BreakerConfig {
        let window = |share: Share| Window::count(share.calls).unwrap().minimum(share.minimum).unwrap();
        let mut rules = Vec::new();
        rules.extend(self.consecutive.map(|failures| OpenRule::consecutive(failures).unwrap()));
        rules.extend(
            self.failing.map(|share| OpenRule::Ratio { failing: ratio(share.thousandths), window: window(share) }),
        );
        rules.extend(self.slow.map(|(longer_than, share)| OpenRule::Slow {
            longer_than: Duration::from_micros(longer_than),
            share: ratio(share.thousandths),
            window: window(share),
        }));
        let base = Duration::from_micros(self.open_for);
        let mut open_for = match self.growth {
            Growth::None => OpenFor::fixed(base),
            Growth::Factor(factor) => OpenFor::growing(base).factor(factor.into()).unwrap(),
            Growth::Stepwise => OpenFor::stepwise(base),
        };
        if let Some(longest) = self.longest {
            open_for = open_for.max(Duration::from_micros(longest));
        }
        let mut probes = match self.probes_failing {
            None => Probes::successes(self.needed).unwrap(),
            Some(failing) => Probes::share_of(self.needed, ratio(failing)).unwrap(),
        };
        if let Some(at_a_time) = self.at_a_time {
            probes = probes.at_a_time(at_a_time).unwrap();
        }
        let (first, others) = rules.split_first().expect("a circuit that never opens is not worth a model");
        let config = BreakerConfig::default().open_when(first.clone());
        let config = others.iter().fold(config, |config, rule| config.or_when(rule.clone()));
        let config = config.open_for(open_for).probes(probes.lease(Duration::from_micros(self.lease)).unwrap());
        let config = if self.count_calls { config.count_calls() } else { config };
        config.clock(clock.clone()).unobserved()
    }
}

fn ratio(thousandths: u32) -> Ratio {
    Ratio::new(f64::from(thousandths) / 1_000.0).unwrap()
}

pub(crate) fn any_settings() -> impl Strategy<Value = Settings> {
    let rules = (option::of(1..=5_u32), option::of(any_share()), option::of((any_time(), any_share())));
    let opening = (any_time(), any_growth(), option::of(any_time()));
    let needed = prop_oneof![9 => 1..=5_u32, 1 => Just(255)];
    let at_a_time = prop_oneof![9 => 1..=4_u32, 1 => Just(255)];
    let probing = (needed, option::of(0..=1_000_u32), option::of(at_a_time), any_time());
    (rules, opening, probing, any::<bool>()).prop_map(|(rules, opening, probing, count_calls)| {
        let (consecutive, failing, slow) = rules;
        let (open_for, growth, longest) = opening;
        let (needed, probes_failing, at_a_time, lease) = probing;
        let consecutive = if failing.is_none() && slow.is_none() { consecutive.or(Some(2)) } else { consecutive };
        Settings {
            consecutive,
            failing,
            slow,
            open_for,
            growth,
            longest,
            needed,
            probes_failing,
            at_a_time,
            lease: lease.max(1_000),
            count_calls,
        }
    })
}

/// Windows of a few calls, and of more than a word of marks.
fn any_share() -> impl Strategy<Value = Share> {
    let calls = prop_oneof![4 => 1..=6_u32, 1 => 30..=70_u32];
    let thousandths = prop_oneof![4 => select(vec![0, 1, 250, 333, 500, 667, 1_000]), 1 => 0..=1_000_u32];
    (calls, 0..1_000_u32, thousandths).prop_map(|(calls, minimum, thousandths)| {
        let minimum = 1 + minimum % calls;
        Share { thousandths, calls, minimum }
    })
}

fn any_growth() -> impl Strategy<Value = Growth> {
    prop_oneof![Just(Growth::None), (1..=3_u32).prop_map(Growth::Factor), Just(Growth::Stepwise)]
}

fn any_time() -> impl Strategy<Value = u64> {
    select(vec![0, 1, 2, 1_000, SECOND, 5 * SECOND, 30 * SECOND, 60 * DAY])
}
