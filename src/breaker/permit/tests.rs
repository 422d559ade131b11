//! Tests of the fast path. They are unit tests, because the public API shows the same results with
//! and without it.

use std::{sync::Arc, time::Duration};

use super::{outcome::PermitOutcome, permit::Permit};
use crate::{
    BreakerConfig, Ratio,
    breaker::{State, TripRule, Window, core::Tenant, window::FastRecord},
};

fn tenant(config: BreakerConfig) -> Arc<Tenant> {
    Tenant::new(config.without_observers().settings, None)
}

fn call(tenant: &Tenant) -> Permit {
    Permit::plain(tenant.core, generation(tenant))
}

fn generation(tenant: &Tenant) -> u32 {
    tenant.core.cell.load().generation
}

fn ignores_success(tenant: &Tenant) -> bool {
    let generation = generation(tenant);
    let window = tenant.core.window();
    tenant.core.cell.success_changes_nothing(generation)
        && window.as_deref().is_none_or(|window| window.ignores_success(generation))
}

#[test]
fn a_success_after_a_success_writes_nothing() {
    let tenant = tenant(BreakerConfig::default());
    assert!(!ignores_success(&tenant));
    call(&tenant).success();
    assert!(ignores_success(&tenant), "after the first success");
    call(&tenant).failure();
    assert!(!ignores_success(&tenant));
    call(&tenant).success();
    assert!(ignores_success(&tenant));
    let of_another = tenant.core.record_success(generation(&tenant) + 1);
    assert_eq!(of_another, FastRecord::NotRecorded, "a stale call is recorded on the slow path");
}

#[test]
fn a_success_in_a_full_window_without_failures_writes_nothing() {
    let window = Window::count(3).unwrap().minimum(3).unwrap();
    let tenant = tenant(BreakerConfig::default().open_when(TripRule::FailureRate { failing: Ratio::HALF, window }));
    for _ in 0..3 {
        assert!(!ignores_success(&tenant));
        call(&tenant).success();
    }
    assert!(ignores_success(&tenant));
    call(&tenant).failure();
    for _ in 0..3 {
        assert!(!ignores_success(&tenant));
        call(&tenant).success();
    }
    assert!(ignores_success(&tenant));
}

/// A failure is recorded while the fast path records a success.
#[test]
fn a_recorded_success_is_evaluated_and_not_counted_twice() {
    let rule = |calls| {
        let window = Window::count(4).unwrap().minimum(calls).unwrap();
        BreakerConfig::default().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
    };
    for (minimum, opens) in [(2, true), (3, false)] {
        let tenant = tenant(rule(minimum));
        let (generation, window) = (generation(&tenant), tenant.core.window().unwrap());
        let before = [true, false].map(|failed| window.record(generation, Some(failed), None, || 0).unwrap().calls);
        assert_eq!(before, [1, 2]);
        let mut permit = call(&tenant);
        permit.ended = true;
        permit.record(PermitOutcome::Success, true, &|| None);
        assert_eq!(
            tenant.core.cell.load().state() == State::Open,
            opens,
            "one of two calls failed; the minimum is {minimum}"
        );
        if !opens {
            assert_eq!(window.counts(generation, || 0).calls, 2);
        }
    }
}

/// The inline check returns `false` for all other windows.
#[test]
fn only_an_original_count_window_is_checked_inline() {
    let calls = |calls| Window::count(calls).unwrap();
    let half = |window| TripRule::FailureRate { failing: Ratio::HALF, window };
    let slow = TripRule::SlowCallRate { longer_than: Duration::from_secs(1), share: Ratio::HALF, window: calls(7) };
    let config = |rule| BreakerConfig::default().open_when(rule).without_observers();
    let is_seen = |config: BreakerConfig| Tenant::new(config.settings, None).core.flags().has_only_count_window();
    assert!(is_seen(config(half(calls(7)))));
    assert!(!is_seen(BreakerConfig::default()));
    assert!(!is_seen(config(half(Window::time(Duration::from_secs(7)).unwrap()))));
    assert!(!is_seen(config(half(calls(7))).or_when(slow)));
    let tenant = tenant(config(half(calls(7))));
    tenant.reconfigure(config(half(calls(9))).settings);
    assert!(!tenant.core.flags().has_only_count_window());
}

/// A reconfiguration stores the settings first, and the flags after them.
#[test]
fn settings_read_before_their_flags_count_the_whole_call() {
    let tenant = tenant(BreakerConfig::default());
    tenant.settings.store(BreakerConfig::default().without_observers().count_all_calls().settings);
    let settings = tenant.settings.load();
    Permit::with_bookkeeping(&tenant, &settings, generation(&tenant)).success();
    assert_eq!((tenant.totals.admitted.get(), tenant.totals.successes.get()), (1, 1));
}
