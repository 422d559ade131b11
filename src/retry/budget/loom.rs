//! Loom models of concurrent access to one budget: no token is issued twice, and none is lost.
//!
//! They run the real buckets on loom's atomics, with a clock that is set by hand.

use ::loom::thread;
use std::sync::Arc;

use super::{Budget, CostBucket, RetryThrottle, Token, TokenBucket, level::Level, reserve::Reserve, slices::Slices};
use crate::{FailureKind::Transient, sync::check, time::ManualClock};

/// Runs two functions on one value concurrently.
fn both<T, A, B>(shared: T, one: fn(&T) -> A, other: fn(&T) -> B) -> (Arc<T>, A, B)
where
    T: Send + Sync + 'static,
    A: Send + 'static,
{
    let shared = Arc::new(shared);
    let there = Arc::clone(&shared);
    let one = thread::spawn(move || one(&there));
    let other = other(&shared);
    (Arc::clone(&shared), one.join().unwrap(), other)
}

/// Runs three functions on one value concurrently.
fn all<T, A, B, C>(shared: T, one: fn(&T) -> A, another: fn(&T) -> B, third: fn(&T) -> C) -> (Arc<T>, A, B, C)
where
    T: Send + Sync + 'static,
    A: Send + 'static,
    B: Send + 'static,
{
    let shared = Arc::new(shared);
    let (here, there) = (Arc::clone(&shared), Arc::clone(&shared));
    let one = thread::spawn(move || one(&here));
    let another = thread::spawn(move || another(&there));
    let third = third(&shared);
    (Arc::clone(&shared), one.join().unwrap(), another.join().unwrap(), third)
}

/// A bucket with `count` tokens and no reserve.
fn tokens(count: u32, capacity: u32) -> TokenBucket {
    let bucket =
        TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0).capacity(capacity).unwrap().clock(ManualClock::new());
    (0..count).for_each(|_| bucket.deposit());
    bucket
}

fn withdraw(budget: &impl Budget) -> Option<Token> {
    budget.withdraw(Transient)
}

#[test]
fn one_token_is_granted_once() {
    check(None, || {
        let (bucket, one, other) = both(tokens(1, 2), withdraw, withdraw);
        assert!(one.is_some() != other.is_some());
        let stats = bucket.stats();
        assert_eq!((stats.balance, stats.granted, stats.refused), (0, 1, 1));
    });
}

#[test]
fn two_tokens_are_granted_to_two_of_three_threads() {
    check(Some(3), || {
        let (bucket, one, two, three) = all(tokens(2, 2), withdraw, withdraw, withdraw);
        assert_eq!([one, two, three].into_iter().flatten().count(), 2);
        assert_eq!((bucket.stats().granted, bucket.stats().refused), (2, 1));
    });
}

#[test]
fn concurrent_deposits_all_count_up_to_the_capacity() {
    check(None, || {
        let (bucket, (), ()) = both(tokens(1, 3), Budget::deposit, Budget::deposit);
        assert_eq!(bucket.balance(), 3, "room for both");
    });
    check(None, || {
        let (bucket, (), ()) = both(tokens(1, 2), Budget::deposit, Budget::deposit);
        assert_eq!(bucket.balance(), 2, "room for one");
    });
}

#[test]
fn a_concurrent_refund_is_neither_lost_nor_doubled() {
    check(Some(3), || {
        let bucket = tokens(1, 2);
        let give_back = |bucket: &TokenBucket| {
            let token = withdraw(bucket)?;
            bucket.refund(token);
            Some(())
        };
        let (bucket, _, taken, ()) = all(bucket, give_back, withdraw, Budget::deposit);
        assert_eq!(bucket.balance() + u64::from(taken.is_some()), 2, "the initial token and the deposit");
        assert_eq!(bucket.stats().granted, u64::from(taken.is_some()));
    });
}

#[test]
fn the_reserve_is_granted_once_and_a_refund_is_granted_again() {
    check(None, || {
        let second = std::time::Duration::from_secs(1);
        let take = |reserve: &Reserve| reserve.take(0);
        let (reserve, one, other) = both(Reserve::new(1, second), take, take);
        assert!(one != other);
        let (reserve, (), _) = both(Arc::into_inner(reserve).unwrap(), Reserve::give_back, take);
        assert!(reserve.left(0) <= 1);
    });
}

#[test]
fn a_level_stays_between_zero_and_its_capacity() {
    check(None, || {
        let put = |level: &Level| level.put(2);
        let (level, one, other) = both(Level::with(0, 3), put, put);
        assert_eq!((level.amount(), one + other), (3, 3));
    });
    check(None, || {
        let (level, (), taken) = both(Level::full(3), |level| level.drain(2), |level| level.take(2));
        assert_eq!(level.amount(), if taken { 0 } else { 1 });
    });
}

/// The AWS rules: successes refill while a retry withdraws.
#[test]
fn concurrent_costs_and_successes_add_up() {
    check(Some(3), || {
        let bucket = CostBucket::capacity(6).unwrap();
        let paid = withdraw(&bucket);
        assert_eq!((paid.map(Token::value), bucket.tokens()), (Some(5), 1));
        let refund = |bucket: &CostBucket| bucket.on_success(Some(Token::new(5)));
        let (bucket, (), (), retry) = all(bucket, refund, |bucket| bucket.on_success(None), withdraw);
        // Full at 6: the success at the first attempt may find no room.
        let left = bucket.tokens();
        if retry.is_some() { assert!((1..=2).contains(&left), "{left}") } else { assert_eq!(left, 6) }
    });
}

/// The gRPC rules: concurrent failures all count.
#[test]
fn concurrent_failures_stop_retries() {
    check(None, || {
        let fail = |throttle: &RetryThrottle| {
            throttle.on_failure(Transient);
            withdraw(throttle)
        };
        let (throttle, one, other) = both(RetryThrottle::max_tokens(4).unwrap(), fail, fail);
        assert_eq!(throttle.tokens(), 2.0);
        assert!(!(one.is_some() && other.is_some()), "the second withdrawal finds the throttle at half");
        assert_eq!(withdraw(&*throttle), None);
    });
}

fn aged(ring: u8, capacity: u32, deposits: u64) -> Slices {
    let slices = Slices::new(ring, capacity);
    slices.put(deposits, 5);
    slices
}

#[test]
fn one_token_of_a_slice_is_granted_once() {
    check(Some(4), || {
        let take = |slices: &Slices| slices.take(6);
        let (slices, one, other) = both(aged(2, 4, 1), take, take);
        assert!((one == Some(5)) != (other == Some(5)));
        assert_eq!(slices.amount(6), 0);
    });
}

#[test]
fn slices_hold_the_deposits_up_to_the_capacity() {
    check(Some(4), || {
        let (slices, (), ()) = both(aged(2, 4, 1), |slices| slices.put(1, 5), |slices| slices.put(1, 6));
        assert_eq!(slices.amount(6), 3);
    });
    check(Some(4), || {
        let (slices, (), ()) = both(aged(2, 2, 1), |slices| slices.put(1, 5), |slices| slices.put(1, 6));
        assert_eq!(slices.amount(6), 2);
        assert_eq!(std::iter::from_fn(|| slices.take(6)).count(), 2);
    });
}

#[test]
fn a_reused_slice_frees_its_room() {
    check(Some(4), || {
        let put = |slices: &Slices| slices.put(1, 7);
        let (slices, (), ()) = both(aged(2, 2, 2), put, put);
        // The token of slice 5 has expired, whichever thread finds that. The room that one thread
        // takes for its deposit may be lost if the other takes the same slice over.
        let held = slices.amount(7);
        assert!((1..=2).contains(&held), "{held}");
        assert_eq!(std::iter::from_fn(|| slices.take(7)).count() as u64, held);
        slices.put(9, 7);
        assert_eq!(slices.amount(7), 2, "no room is lost permanently");
    });
}

#[test]
fn a_refund_to_an_expiring_slice_is_lost_and_takes_no_room() {
    check(Some(4), || {
        let slices = aged(1, 1, 1);
        assert_eq!(slices.take(5), Some(5));
        let (slices, (), ()) = both(slices, |slices| slices.give_back(5, 5), |slices| slices.put(1, 6));
        slices.put(1, 6);
        assert_eq!((slices.amount(6), slices.take(6), slices.take(6)), (1, Some(6), None));
    });
    check(Some(4), || {
        let slices = aged(1, 2, 1);
        assert_eq!(slices.take(5), Some(5));
        // There is room for both tokens: the refund and the deposit may meet in one slice.
        let (slices, (), ()) = both(slices, |slices| slices.give_back(5, 5), |slices| slices.put(1, 6));
        assert_eq!((slices.amount(6), slices.take(6), slices.take(6)), (1, Some(6), None));
    });
}

#[test]
fn a_deposit_during_a_restore_is_kept_if_it_comes_after() {
    check(Some(4), || {
        let restore = |slices: &Slices| slices.hold([(4, 1)], 5);
        let (slices, (), ()) = both(aged(2, 4, 2), restore, |slices| slices.put(1, 5));
        let held = slices.amount(5);
        assert!((1..=2).contains(&held), "the restored token, and a later deposit: {held}");
        assert_eq!(std::iter::from_fn(|| slices.take(5)).count() as u64, held);
        assert_eq!(slices.amount(5), 0);
    });
}

#[test]
fn a_renewal_and_a_withdrawal_share_the_tokens() {
    check(Some(4), || {
        let (slices, (), taken) = both(aged(2, 2, 2), |slices| slices.put(1, 6), |slices| slices.take(6));
        let left = std::iter::from_fn(|| slices.take(6)).count();
        assert!(left + usize::from(taken.is_some()) <= 3, "two tokens, and one for the room that was freed");
        assert_eq!(slices.amount(6), 0, "`held` equals the tokens in the ring");
    });
}
