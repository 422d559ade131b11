//! Descriptions of configurations.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Circuit, Elapsed, Ratio, RetryConfig, Verdict,
    breaker::{
        AdaptiveThrottle, CancelledCalls, CircuitGroup, HalfOpenTimeout, OpenDuration, Probes, ThrottledCalls,
        TripRule, Window, WindowStats,
    },
    retry::{
        Backoff, CostBucket, Jitter, RejectedRetry, RejectionWait, RetryQuota, RetrySwitch, RetryThrottle, Timeouts,
        TokenBucket,
    },
    time::ManualClock,
};

use crate::secs;

#[test]
fn labels_are_described_if_there_are_any() {
    let retry = RetryConfig::default().label("team", "billing").label("region", "e\nu").describe();
    assert_eq!(retry.value("labels"), Some(r#"team="billing", region="e\nu""#));
    let circuit = Circuit::new(BreakerConfig::default().label("team", "billing"));
    assert_eq!(circuit.describe().value("labels"), Some(r#"team="billing""#));
    assert_eq!(RetryConfig::default().describe().value("labels"), None);
}

#[test]
fn every_setting_of_a_retry_is_described() {
    let quota = RetryQuota::new().max_per_key(3);
    let config = RetryConfig::default()
        .name("jobs")
        .retries(9)
        .idempotent()
        .backoff(Backoff::linear(secs(1), secs(2)))
        .throttled_backoff(Backoff::none())
        .max_retry_after(secs(60))
        .retry_after_jitter(Ratio::new(0.0).unwrap())
        .wait_out_rejections(RejectionWait::NONE)
        .on_rejected_retry(RejectedRetry::ReturnLastOutcome)
        .timeouts(Timeouts::attempt(secs(1)).total(secs(9)).on_timeout(|_: Elapsed| Err::<(), _>("late")))
        .budget(CostBucket::default())
        .without_deposits()
        .quota(&quota, |(): &()| "key")
        .switch(&RetrySwitch::on())
        .classify_errors(|_: &&str| Verdict::permanent())
        .report_requests()
        .without_observers()
        .seed(7);
    let expected = "\
name: jobs
retries: 9
idempotent: every request
backoff: linear: 1s + 2s up to 60s, no jitter
throttled_backoff: none
max_retry_after: 60s
retry_after_jitter: 0 %
wait_out_rejections: none
on_rejected_retry: return the last outcome
attempt_timeout: 1s
total_timeout: 9s
timeout_outcome: TimeoutWith
budget: CostBucket: capacity 500, costs 5 (transient), 5 (throttled), 10 (timed out), 1 per first success
deposits: no
quota: 3 retries per key, any number of in total, at most 10000 keys
switch: set
classifier: ErrorClassifierFn
replay: CloneRequest
report_requests: yes
observers: 0
seed: 7
";
    assert_eq!(config.describe().to_string(), expected);
}

#[test]
fn every_setting_of_a_breaker_is_described() {
    let window = Window::time(secs(60)).unwrap().minimum(20).unwrap();
    let probes = Probes::successes(3).unwrap().max_concurrent(2).unwrap().lease(secs(5)).unwrap();
    let config = BreakerConfig::default()
        .name("db")
        .open_when(TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(100).unwrap() })
        .or_when(TripRule::SlowCallRate { longer_than: secs(2), share: Ratio::percent(20).unwrap(), window })
        .or_when(TripRule::AdaptiveThrottle(AdaptiveThrottle::GOOGLE))
        .or_when(TripRule::custom(Window::count(50).unwrap(), |_: u32, _: &WindowStats| false))
        .open_for(OpenDuration::exponential(secs(1)).jitter(Ratio::percent(10).unwrap()).honor_retry_after(secs(60)))
        .probes(probes.max_half_open(secs(90), HalfOpenTimeout::Open).unwrap().external_only())
        .slow_start(secs(30))
        .on_cancelled(CancelledCalls::FailureAfter(secs(3)))
        .on_throttled(ThrottledCalls::Failure)
        .count_all_calls()
        .time_calls()
        .clock(ManualClock::new())
        .without_observers()
        .seed(7)
        .group(&CircuitGroup::max_open_share(Ratio::HALF));
    let settings = "\
name: db
consecutive_failures: none
failure_rate: 50 % of the last 50 calls, minimum 50
slow_call_rate: 20 % of the last 60s in 10 slots, minimum 20, slow after 2s
custom_rule: over the last 50 calls, minimum 50
adaptive_throttle: k = 2 over the last 120s in 10 slots
open_for: 1s × 2, at most 300s, jitter ±10 %, or as requested, at most 60s
probes: 3 successes close, at most 2 in flight, health probes only
probe_lease: 5s
max_half_open: 90s, then open
slow_start: 30s
on_cancelled: failure after 3s
on_throttled: failure
count_all_calls: yes
time_calls: yes
clock: manual
observers: 0
seed: 7
group: at most 50 % open
";
    assert_eq!(config.describe().to_string(), format!("{settings}classifier: ErrorClassifier\n"));
    assert_eq!(Circuit::new(config).describe().to_string(), settings);
}

#[test]
fn the_values_of_each_kind_are_described() {
    let retry = |config: RetryConfig, setting: &str| config.describe().value(setting).unwrap().to_owned();
    let backoff = |backoff| retry(RetryConfig::default().backoff(backoff), "backoff");
    let ms = Duration::from_millis;
    assert_eq!(backoff(Backoff::fixed(ms(50))), "fixed: 50ms, no jitter");
    assert_eq!(backoff(Backoff::exponential(ms(50)).max(ms(90))), "exponential: 50ms × 2 up to 90ms, full jitter");
    assert_eq!(backoff(Backoff::schedule([secs(1), secs(5)]).unwrap()), "schedule: [1s, 5s], no jitter");
    let decorrelated = Backoff::fixed(ms(1)).jitter(Jitter::Decorrelated);
    assert_eq!(backoff(decorrelated), "fixed: 1ms, decorrelated jitter");

    assert_eq!(retry(RetryConfig::default().without_budget(), "budget"), "none");
    let bucket = TokenBucket::retry_ratio(0.07).unwrap().ttl(secs(10)).unwrap();
    let described = "TokenBucket: 7 % of the requests + 10 per second, capacity 100, initial 0, ttl 10s";
    assert_eq!(retry(RetryConfig::default().budget(bucket), "budget"), described);
    let throttle = RetryThrottle::default();
    assert_eq!(retry(RetryConfig::default().budget(throttle), "budget"), "RetryThrottle: 10 tokens, ratio 0.1");

    let breaker = |config: BreakerConfig, setting: &str| config.describe().value(setting).unwrap().to_owned();
    let open_for = |time| breaker(BreakerConfig::default().open_for(time), "open_for");
    assert_eq!(open_for(OpenDuration::fixed(secs(5))), "5s");
    assert_eq!(open_for(OpenDuration::until_reset()), "until reset");
    assert_eq!(open_for(OpenDuration::linear(secs(5))), "5s × the openings in a row, at most 300s");
    assert_eq!(open_for(OpenDuration::from_fn(|_| secs(1))), "a function");
    let rate = Probes::failure_rate(10, Ratio::HALF).unwrap();
    let probes = breaker(BreakerConfig::default().probes(rate), "probes");
    assert_eq!(probes, "of 10 results, 50 % failures reopen, at most 10 in flight");
    let one = breaker(BreakerConfig::default().probes(Probes::one()), "probes");
    assert_eq!(one, "1 success closes, at most 1 in flight");
}

#[test]
fn a_running_circuit_describes_its_present_settings() {
    let circuit = Circuit::new(BreakerConfig::default().name("db"));
    circuit.reconfigure(BreakerConfig::default().open_for(OpenDuration::fixed(secs(7))).name("db"));
    assert_eq!(circuit.describe().value("open_for"), Some("7s"));
    assert_eq!(circuit.describe().value("no such setting"), None);
}
