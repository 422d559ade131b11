//! Several threads that use one bucket. Afterwards, the tokens add up.

use std::{sync::Barrier, thread, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tower_recourse::{
    FailureKind,
    retry::{Budget, CostBucket, TokenBucket, budget::Token},
    time::ManualClock,
};

const THREADS: u64 = 4;
const STEPS: u64 = 5_000;

/// What all threads did.
#[derive(Debug, Default, Clone, Copy)]
struct Done {
    deposits: u64,
    granted: u64,
    refused: u64,
    given_back: u64,
    /// Successes without a token, like those of first attempts.
    first: u64,
    /// The value of the tokens that successes returned.
    refunded: u64,
}

/// Runs the threads, each with steps from its own seed.
fn run_threads(budget: &impl Budget, meanwhile: impl Fn(u64) + Sync) -> Done {
    let start = Barrier::new(THREADS as usize);
    let work = |seed| {
        let mut random = StdRng::seed_from_u64(seed);
        let mut done = Done::default();
        let mut mine: Vec<Token> = Vec::new();
        start.wait();
        for step in 0..STEPS {
            match random.random_range(0..10) {
                0..=3 => {
                    budget.deposit();
                    done.deposits += 1;
                }
                4..=7 => match budget.withdraw(FailureKind::Transient) {
                    Some(token) => {
                        done.granted += 1;
                        mine.push(token);
                    }
                    None => done.refused += 1,
                },
                8 => {
                    if let Some(token) = mine.pop() {
                        budget.refund(token);
                        done.given_back += 1;
                    }
                }
                _ => match mine.pop() {
                    Some(token) if random.random() => {
                        budget.on_success(Some(token));
                        done.refunded = done.refunded.saturating_add(token.value());
                    }
                    kept => {
                        mine.extend(kept);
                        budget.on_success(None);
                        done.first += 1;
                    }
                },
            }
            meanwhile(step);
        }
        done
    };
    let all: Vec<Done> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || work(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    all.into_iter().fold(Done::default(), |sum, done| Done {
        deposits: sum.deposits + done.deposits,
        granted: sum.granted + done.granted,
        refused: sum.refused + done.refused,
        given_back: sum.given_back + done.given_back,
        first: sum.first + done.first,
        refunded: sum.refunded.saturating_add(done.refunded),
    })
}

fn assert_counted(budget: &impl Budget, done: Done) {
    let stats = budget.stats();
    assert_eq!((stats.granted, stats.refused), (done.granted - done.given_back, done.refused), "{done:?}");
}

#[test]
fn threads_neither_lose_nor_double_tokens() {
    let bucket =
        TokenBucket::retry_ratio(0.6).unwrap().min_per_second(7).clock(ManualClock::new()).capacity(u32::MAX).unwrap();
    let done = run_threads(&bucket, |_| {});
    assert_counted(&bucket, done);
    // Each deposit is three fifths of a token. Tokens that were withdrawn and not refunded are
    // spent, even if the attempt succeeded.
    let kept = done.granted - done.given_back;
    assert_eq!(bucket.balance() + kept, done.deposits * 3 / 5 + 7, "{done:?}");
}

#[test]
fn a_small_bucket_never_grants_more_than_was_deposited() {
    for capacity in [1, 2, 10] {
        let bucket = TokenBucket::retry_ratio(0.6)
            .unwrap()
            .min_per_second(7)
            .clock(ManualClock::new())
            .capacity(capacity)
            .unwrap();
        let done = run_threads(&bucket, |_| assert!(bucket.balance() <= u64::from(capacity) + 7));
        assert_counted(&bucket, done);
        assert!(done.granted - done.given_back <= done.deposits * 3 / 5 + 7, "{done:?}");
    }
}

#[test]
fn expiring_deposits_are_never_granted_twice() {
    for capacity in [1, 10, 1_000] {
        let clock = ManualClock::new();
        let bucket =
            TokenBucket::retry_ratio(0.6).unwrap().min_per_second(0).clock(clock.clone()).capacity(capacity).unwrap();
        let bucket = bucket.ttl(Duration::from_secs(1)).unwrap();
        let done = run_threads(&bucket, |step| {
            if step % 50 == 0 {
                clock.advance(Duration::from_millis(step % 300));
            }
            assert!(bucket.balance() <= capacity.into());
        });
        assert_counted(&bucket, done);
        assert!(done.granted - done.given_back <= done.deposits * 3 / 5, "{done:?}");
        clock.advance(Duration::from_secs(1));
        assert_eq!(bucket.balance(), 0, "all deposits have expired, and no capacity is lost:");
        (0..10_000).for_each(|_| bucket.deposit());
        assert_eq!(bucket.balance(), u64::from(capacity));
    }
}

#[test]
fn threads_neither_lose_nor_double_deposits_with_a_ttl() {
    let bucket =
        TokenBucket::retry_ratio(0.6).unwrap().min_per_second(7).clock(ManualClock::new()).capacity(u32::MAX).unwrap();
    let bucket = bucket.ttl(Duration::from_secs(1)).unwrap();
    let done = run_threads(&bucket, |_| {});
    let kept = done.granted - done.given_back;
    assert_eq!(bucket.balance() + kept, done.deposits * 3 / 5 + 7, "{done:?}");
}

#[test]
fn costs_add_up_on_several_threads() {
    // After these withdrawals the bucket is never full again, so no refund is lost.
    let bucket = CostBucket::capacity(u32::MAX).unwrap();
    for _ in 0..1_000_000 {
        let _ = bucket.withdraw(FailureKind::TimedOut);
    }
    let before = u64::from(bucket.tokens());
    let done = run_threads(&bucket, |_| {});
    let spent = 5 * (done.granted - done.given_back);
    assert_eq!(u64::from(bucket.tokens()), before - spent + done.refunded + done.first, "{done:?}");
}
