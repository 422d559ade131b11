//! Finagle, `RetryBudgetTest`: the balance of a budget while time stands still. Budgets from
//! `ageing` have a time to live, as in Finagle; budgets from `lasting` have none. Finagle's invalid
//! reserve of -1 has no counterpart, because our reserve is a `u32`.

use std::time::Duration;

use tower_recourse::{
    FailureKind,
    retry::{Budget, TokenBucket},
    time::ManualClock,
};

const DEPOSITS: u32 = 10_000;

/// Time to live in seconds, reserve per second, share.
fn ageing(ttl: u64, reserve: u32, share: f64) -> TokenBucket {
    lasting(reserve, share).ttl(Duration::from_secs(ttl)).unwrap()
}

fn lasting(reserve: u32, share: f64) -> TokenBucket {
    TokenBucket::retry_ratio(share).unwrap().min_per_second(reserve).clock(ManualClock::new())
}

/// Withdraws until nothing is left, and returns the number of tokens.
fn withdraw_all(budget: &impl Budget) -> u32 {
    std::iter::from_fn(|| budget.withdraw(FailureKind::Transient)).count() as u32
}

/// Makes 10,000 deposits, and withdraws all tokens after each. Returns the number of tokens.
fn withdrawn(budget: &impl Budget) -> u32 {
    (0..DEPOSITS).fold(0, |withdrawn, _| {
        budget.deposit();
        withdrawn + withdraw_all(budget)
    })
}

#[test]
fn a_share_of_ten_thousand_deposits() {
    for (share, given) in [(0.1, 1_000_u32), (0.5, 5_000), (0.25, 2_500), (0.75, 7_500), (0.99, 9_900), (2.0, 20_000)] {
        for bucket in [ageing(10, 0, share), lasting(0, share)] {
            let withdrawn = withdrawn(&bucket);
            assert!(given.abs_diff(withdrawn) <= 1, "share {share}: {withdrawn} instead of {given} of {bucket:?}");
        }
    }
}

#[test]
fn the_reserve_alone_and_with_a_share() {
    for (name, bucket, given) in [
        ("(1 s, 10/s, 0)", ageing(1, 10, 0.0), 10_u32),
        ("(2 s, 5/s, 0)", ageing(2, 5, 0.0), 10),
        ("(1 s, 10/s, .1)", ageing(1, 10, 0.1), 1_010),
        // Without a time to live, the reserve is the amount of one second.
        ("(none, 10/s, 0)", lasting(10, 0.0), 10),
        ("(none, 5/s, 0)", lasting(5, 0.0), 5),
        ("(none, 10/s, .1)", lasting(10, 0.1), 1_010),
    ] {
        let withdrawn = withdrawn(&bucket);
        assert!(given.abs_diff(withdrawn) <= 1, "{name}: {withdrawn} instead of {given}");
        assert_eq!(bucket.balance(), 0, "{name}: nothing is left");
    }
}

#[test]
fn the_balance_is_capped_whatever_a_deposit_is_worth() {
    for bucket in [ageing(1, 0, 1_000.0), lasting(0, 1_000.0)] {
        let full = bucket.capacity(1).unwrap();
        full.deposit();
        full.deposit();
        assert_eq!(full.balance(), 1, "share 1000, capacity 1");
        assert_eq!(withdraw_all(&full), 1, "share 1000, capacity 1");
    }
}

#[test]
fn a_reserve_too_large_for_the_clock_still_counts() {
    let bucket = lasting(u32::MAX, 0.0);
    assert_eq!(bucket.balance(), 1_000_000_000, "one per nanosecond");
    assert!(bucket.withdraw(FailureKind::Transient).is_some());
    assert_eq!(bucket.balance(), 999_999_999, "one per nanosecond");
}

#[test]
fn invalid_shares() {
    for share in [-1.0, f64::NAN, f64::INFINITY, 1_000.1] {
        let refused = TokenBucket::retry_ratio(share).unwrap_err();
        assert_eq!((refused.field(), refused.value()), ("retry_ratio", &*format!("{share:?}")));
    }
}

#[test]
fn invalid_times_to_live() {
    for ttl in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(61), Duration::MAX] {
        let refused = TokenBucket::default().ttl(ttl).unwrap_err();
        assert_eq!((refused.field(), refused.value()), ("ttl", &*format!("{ttl:?}")));
    }
    for ttl in [1, 60] {
        assert!(TokenBucket::default().ttl(Duration::from_secs(ttl)).is_ok(), "{ttl} s");
    }
}
