//! The candidates: settings of retry and breaker.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Ratio, RetryConfig,
    breaker::{AdaptiveThrottle, OpenDuration, Probes, TripRule, Window, WindowStats},
    retry::{RejectionWait, TokenBucket},
};

use crate::{
    model::{trickle, wait_out},
    stack::{Breaker, Guard, LimitedBy, Parts, Retry},
};

pub struct Candidate {
    pub name: &'static str,
    pub parts: Parts,
    /// Whether it runs all scenarios.
    pub is_central: bool,
    /// Whether the tables show its results in detail.
    pub is_detailed: bool,
}

/// The client without retry and breaker, to which all others are compared.
pub const BARE: &str = "bare client";
/// The presets.
pub const B: &str = "preset B";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn all() -> Vec<Candidate> {
    vec![
        Candidate::new(BARE, Guard::Nothing).without_retry().central(),
        Candidate::new("retry alone", Guard::Nothing).central(),
        Candidate::new("retry alone, no budget", Guard::Nothing).retry(|retry| retry.without_budget()),
        Candidate::new("retry alone, bucket empty at the start", Guard::Nothing)
            .retry(|retry| retry.budget(TokenBucket::retry_ratio(0.2).expect("a share")))
            .detailed(),
        breaker("50 % of 100 calls, 30 s", || rate(calls(100), 50), || OpenDuration::fixed(seconds(30))).detailed(),
        breaker("5 in a row, 30 s", || row(5), || OpenDuration::fixed(seconds(30))).detailed(),
        breaker("50 % of 10 s, 30 s", || rate(time(10), 50), || OpenDuration::fixed(seconds(30))).detailed(),
        breaker("50 % of 100 calls, 0.1–5 s", || rate(calls(100), 50), || doubling(5)),
        breaker("50 % of 10 s, 0.1–5 s", || rate(time(10), 50), || doubling(5)),
        breaker("90 % of 10 s, 0.1–5 s", || rate(time(10), 90), || doubling(5)).detailed(),
        breaker("5 in a row, 0.1–5 s", || row(5), || doubling(5)),
        breaker("5 in a row for 1 s, 0.1–5 s", || row_for(5, ms(1_000)), || doubling(5)),
        configured("5 in a row, 0.1–5 s, 10 probes", || {
            let probes = Probes::successes(10).expect("within 1..=255");
            BreakerConfig::http().open_when(row(5)).open_for(doubling(5)).probes(probes)
        }),
        configured("5 in a row, 0.1–5 s, ramp of 1 s", || {
            BreakerConfig::http().open_when(row(5)).open_for(doubling(5)).probes(Probes::one()).slow_start(seconds(1))
        }),
        configured("throttle over 10 s", || throttle(10)).detailed(),
        preset(B).central(),
        hand_written("B, hand-written", HAND_WRITTEN),
        hand_written(
            "B, hand-written, hints until the next probe",
            trickle::Settings { short_hints: false, ..HAND_WRITTEN },
        ),
        preset("B, no waiting out").retry(|retry| retry.wait_out_rejections(RejectionWait::NONE)).detailed(),
        preset("B, waits 1 s").retry(|retry| retry.wait_out_rejections(waiting(1_000, 2_000))).detailed(),
        preset("B without retry").without_retry(),
        preset("B, time limits in the client").limited_by_client().detailed(),
        preset("B, one probe at a time").breaker(|breaker| breaker.probes(Probes::one())).detailed(),
        preset("B, row of 300 ms").breaker(|breaker| breaker.open_when(lasting_row(5, 300))),
        preset("B, row of 1 s").breaker(|breaker| breaker.open_when(lasting_row(5, 1_000))),
        preset("B, row of 10").breaker(|breaker| breaker.open_when(lasting_row(10, 500))),
        preset("B, 5 %").breaker(|breaker| breaker.open_for(failing_time(5, 2_000))),
        preset("B, 12 %").breaker(|breaker| breaker.open_for(failing_time(12, 2_000))),
        preset("B, 20 %").breaker(|breaker| breaker.open_for(failing_time(20, 2_000))),
        preset("B, at most 1 s").breaker(|breaker| breaker.open_for(failing_time(10, 1_000))),
        preset("B, at most 10 s").breaker(|breaker| breaker.open_for(failing_time(10, 10_000))),
    ]
}

impl Candidate {
    fn new(name: &'static str, breaker: Guard) -> Self {
        let retry = Box::new(RetryConfig::http);
        let parts = Parts { retry: Some(retry), breaker, limits: LimitedBy::Retry };
        Self { name, parts, is_central: false, is_detailed: false }
    }

    /// Whether it differs from preset B in one number.
    pub fn is_variant(&self) -> bool {
        self.name.starts_with("B, ")
    }

    fn central(self) -> Self {
        Self { is_central: true, ..self.detailed() }
    }

    fn detailed(self) -> Self {
        Self { is_detailed: true, ..self }
    }

    fn retry(mut self, change: fn(Retry) -> Retry) -> Self {
        self.parts.retry = Some(Box::new(move || change(RetryConfig::http())));
        self
    }

    fn breaker(mut self, change: fn(Breaker) -> Breaker) -> Self {
        self.parts.breaker = Guard::Breaker(Box::new(move || change(BreakerConfig::http())));
        self
    }

    fn limited_by_client(mut self) -> Self {
        self.parts.limits = LimitedBy::Client;
        self
    }

    fn without_retry(mut self) -> Self {
        self.parts.retry = None;
        self
    }
}

fn configured(name: &'static str, config: fn() -> Breaker) -> Candidate {
    Candidate::new(name, Guard::Breaker(Box::new(config)))
}

fn breaker(name: &'static str, rule: fn() -> TripRule, open_for: fn() -> OpenDuration) -> Candidate {
    let config = move || BreakerConfig::http().open_when(rule()).open_for(open_for()).probes(Probes::one());
    Candidate::new(name, Guard::Breaker(Box::new(config)))
}

fn row(failures: u32) -> TripRule {
    TripRule::consecutive(failures).expect("a row")
}

/// Opens after `failures` failures in a row, if no call of the last `time` succeeded.
fn row_for(failures: u32, time: Duration) -> TripRule {
    let window = Window::time(time).and_then(|window| window.minimum(1)).expect("a window");
    TripRule::custom(window, move |row: u32, window: &WindowStats| row >= failures && window.failures == window.calls)
}

fn rate(window: Window, percent: u32) -> TripRule {
    TripRule::FailureRate { failing: share(percent), window: window.minimum(20).expect("a minimum") }
}

fn calls(count: u32) -> Window {
    Window::count(count).expect("a window")
}

fn time(secs: u64) -> Window {
    Window::time(seconds(secs)).expect("a window")
}

fn share(percent: u32) -> Ratio {
    Ratio::percent(percent).expect("a share")
}

/// 100 ms, and twice as long with each opening in a row, up to a longest time; jitter of 20 %.
fn doubling(longest: u64) -> OpenDuration {
    OpenDuration::exponential(ms(100)).max(seconds(longest)).jitter(share(20))
}

fn throttle(over: u64) -> Breaker {
    let throttle = AdaptiveThrottle::GOOGLE.over(seconds(over)).expect("a window");
    BreakerConfig::http().open_when(TripRule::AdaptiveThrottle(throttle))
}

/// The crate's presets.
fn preset(name: &'static str) -> Candidate {
    Candidate::new(name, Guard::Breaker(Box::new(BreakerConfig::http)))
}

fn hand_written(name: &'static str, breaker: trickle::Settings) -> Candidate {
    let candidate = Candidate::new(name, Guard::Model(breaker, WAIT_OUT));
    candidate.retry(|retry| retry.wait_out_rejections(RejectionWait::NONE)).detailed()
}

fn lasting_row(failures: u32, millis: u64) -> TripRule {
    row(failures).lasting(ms(millis)).expect("a row that lasts")
}

fn failing_time(percent: u32, longest: u64) -> OpenDuration {
    OpenDuration::share_of_failing_time(share(percent)).max(ms(longest)).jitter(share(20))
}

fn waiting(longest: u64, within: u64) -> RejectionWait {
    RejectionWait::new(ms(longest), ms(within)).expect("a short wait")
}

/// The settings of preset B for the hand-written parts.
const HAND_WRITTEN: trickle::Settings = trickle::Settings {
    failures: 5,
    lasting: ms(500),
    share: 0.1,
    min: ms(100),
    max: ms(2_000),
    jitter: 0.2,
    short_hints: true,
};
const WAIT_OUT: wait_out::Settings = wait_out::Settings { longest: ms(250), window: ms(300) };
