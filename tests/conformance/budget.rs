//! Finagle, `RetryBudgetTest`: what a budget gives while time stands still.
//!
//! Theirs forgets deposits after a time to live, ours keeps up to a capacity; the rows that let time pass have no
//! counterpart here. Nor have a reserve of -1 (a `u32` can't be) and a time to live of 0 or 61 s.

use tower_recourse::{
    FailureKind,
    retry::{Budget, TokenBucket},
    time::ManualClock,
};

const DEPOSITS: u32 = 10_000;

fn bucket(share: f64, reserve: u32) -> TokenBucket {
    TokenBucket::share(share).unwrap().reserve(reserve).clock(ManualClock::new())
}

/// Takes until there is no more, and says how much it was.
fn withdraw_all(budget: &impl Budget) -> u32 {
    std::iter::from_fn(|| budget.withdraw(FailureKind::Transient)).count() as u32
}

#[test]
fn a_share_of_ten_thousand_deposits() {
    for (share, given) in [(0.1, 1_000_u32), (0.5, 5_000), (0.25, 2_500), (0.75, 7_500), (0.99, 9_900), (2.0, 20_000)] {
        let bucket = bucket(share, 0);
        let mut withdrawn = 0;
        for _ in 0..DEPOSITS {
            bucket.deposit();
            withdrawn += withdraw_all(&bucket);
        }
        assert!(given.abs_diff(withdrawn) <= 1, "share {share}: {withdrawn} instead of {given}");
    }
}

#[test]
fn the_reserve_alone() {
    let bucket = bucket(0.0, 10);
    for _ in 0..DEPOSITS {
        bucket.deposit();
    }
    assert_eq!(bucket.balance(), 10, "(1 s, 10/s, 0)");
    assert_eq!(withdraw_all(&bucket), 10, "(1 s, 10/s, 0)");
    assert_eq!(bucket.balance(), 0, "(1 s, 10/s, 0)");
}

/// Theirs keeps reserve × time to live, so 2 s of 5 a second are 10. Our reserve holds one second's worth.
#[test]
fn two_seconds_of_reserve_are_one_here() {
    assert_eq!(withdraw_all(&bucket(0.0, 5)), 5, "(2 s, 5/s, 0)");
}

#[test]
fn share_and_reserve_add_up() {
    let bucket = bucket(0.1, 10);
    let mut withdrawn = 0;
    for _ in 0..DEPOSITS {
        bucket.deposit();
        withdrawn += withdraw_all(&bucket);
    }
    assert!(withdrawn.abs_diff(1_010) <= 1, "(1 s, 10/s, .1): {withdrawn} instead of 1010");
}

#[test]
fn what_is_kept_is_the_capacity_whatever_a_deposit_is_worth() {
    let full = bucket(1_000.0, 0).capacity(1).unwrap();
    full.deposit();
    full.deposit();
    assert_eq!(full.balance(), 1, "share 1000, capacity 1");
    assert_eq!(withdraw_all(&full), 1, "share 1000, capacity 1");
}

#[test]
fn a_reserve_too_large_for_the_clock_is_still_counted() {
    let bucket = bucket(0.0, u32::MAX);
    assert_eq!(bucket.balance(), 1_000_000_000, "one a nanosecond");
    assert!(bucket.withdraw(FailureKind::Transient).is_some());
    assert_eq!(bucket.balance(), 999_999_999, "one a nanosecond");
}

#[test]
fn invalid_shares() {
    for share in [-1.0, f64::NAN, f64::INFINITY, 1_000.1] {
        assert!(TokenBucket::share(share).is_err(), "share {share}");
    }
}
