//! The token buckets against plain models of them: after any sequence of steps, a bucket and its
//! model hold the same number of tokens.
//!
//! `PROPTEST_CASES=100000 cargo test --release --test budget_model` runs more cases.

mod plain;
mod threads;

use std::{sync::Arc, time::Duration};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, FileFailurePersistence},
};
use tower_recourse::{
    FailureKind,
    retry::{Budget, BudgetStats, CostBucket, RetryThrottle, TokenBucket, budget::Token},
    time::ManualClock,
};

use plain::{Costs, Lasting, Plain, Ring, Throttle};

const KINDS: [FailureKind; 3] = [FailureKind::Transient, FailureKind::Throttled, FailureKind::TimedOut];

#[derive(Debug, Clone)]
enum Step {
    Deposit {
        times: u32,
    },
    Withdraw(FailureKind),
    /// Gives back a token that was withdrawn.
    GiveBack(Index),
    /// Reports a success, with the token that paid for it, if any.
    Succeed(Option<Index>),
    Fail,
    Wait(Duration),
}

fn any_step() -> impl Strategy<Value = Step> {
    let kind = select(&KINDS[..]);
    prop_oneof![
        3 => (1_u32..40).prop_map(|times| Step::Deposit { times }),
        4 => kind.prop_map(Step::Withdraw),
        2 => any::<Index>().prop_map(Step::GiveBack),
        2 => proptest::option::of(any::<Index>()).prop_map(Step::Succeed),
        1 => Just(Step::Fail),
        3 => any_wait().prop_map(Step::Wait),
    ]
}

/// Waits within slices of 100 ms and more, across them, and to their exact borders. Also waits of
/// years.
fn any_wait() -> impl Strategy<Value = Duration> {
    let ms = Duration::from_millis;
    prop_oneof![
        (0_u64..1_000).prop_map(ms),
        (0_u64..30).prop_map(move |slices| ms(100 * slices)),
        (1_u64..30).prop_map(move |slices| ms(100 * slices) - Duration::from_nanos(1)),
        (0_u64..100_000).prop_map(ms),
        (1_u64..4_000).prop_map(|days| Duration::from_secs(days * 86_400)),
    ]
}

/// A budget and its model, driven with the same steps.
struct Pair<B, P> {
    budget: B,
    plain: P,
    clock: ManualClock,
    /// Withdrawn tokens: the budget's and the model's.
    out: Vec<(Token, u64)>,
    granted: u64,
    refused: u64,
}

impl<B: Budget, P: Plain> Pair<B, P> {
    fn new(budget: B, plain: P, clock: ManualClock) -> Self {
        Self { budget, plain, clock, out: Vec::new(), granted: 0, refused: 0 }
    }

    fn run(mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        for step in steps {
            self.pick(&step)?;
            let stats = self.budget.stats();
            prop_assert_eq!(stats.balance, self.plain.balance(), "balance after {:?}", step);
            prop_assert_eq!(stats.granted, self.granted, "granted after {:?}", step);
            prop_assert_eq!(stats.refused, self.refused, "refused after {:?}", step);
        }
        Ok(())
    }

    fn pick(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Deposit { times } => (0..*times).for_each(|_| {
                self.budget.deposit();
                self.plain.deposit();
            }),
            Step::Withdraw(kind) => match (self.budget.withdraw(*kind), self.plain.withdraw(*kind)) {
                (Some(token), Some(plain)) => {
                    self.out.push((token, plain));
                    self.granted += 1;
                }
                (None, None) => self.refused += 1,
                (budget, plain) => prop_assert!(false, "the budget: {budget:?}, the model: {plain:?}"),
            },
            Step::GiveBack(which) => {
                if let Some((token, plain)) = self.withdrawn_token(which) {
                    self.budget.refund(token);
                    self.plain.give_back(plain);
                    self.granted -= 1;
                }
            }
            Step::Succeed(which) => {
                let paid = which.as_ref().and_then(|which| self.withdrawn_token(which));
                self.budget.on_success(paid.map(|(token, _)| token));
                self.plain.succeeded(paid.map(|(_, plain)| plain));
            }
            Step::Fail => {
                self.budget.on_failure(FailureKind::Transient);
                self.plain.failed();
            }
            Step::Wait(time) => {
                self.clock.advance(*time);
                self.plain.wait(*time);
            }
        }
        Ok(())
    }

    fn withdrawn_token(&mut self, which: &Index) -> Option<(Token, u64)> {
        (!self.out.is_empty()).then(|| self.out.swap_remove(which.index(self.out.len())))
    }
}

/// A retry ratio twice: in millionths for the model, which is exact, and as the number for the
/// bucket.
fn any_share() -> impl Strategy<Value = (u64, f64)> {
    select(vec![
        (0, 0.0),
        (1, 0.000_001),
        (100_000, 0.1),
        (600_000, 0.6),
        (990_000, 0.99),
        (2_500_000, 2.5),
        (1_000_000_000, 1000.0),
    ])
}

fn bucket(share: f64, capacity: u32, reserve: u32, clock: &ManualClock) -> TokenBucket {
    TokenBucket::retry_ratio(share).unwrap().capacity(capacity).unwrap().min_per_second(reserve).clock(clock.clone())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(any_step(), 1..80)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_token_bucket_equals_its_model(
        (millionths, share) in any_share(), capacity in 1_u32..30, reserve in 0_u32..20, steps in steps(),
    ) {
        let clock = ManualClock::new();
        let plain = Lasting::new(millionths, capacity, reserve);
        Pair::new(bucket(share, capacity, reserve, &clock), plain, clock).run(steps)?;
    }

    #[test]
    fn a_token_bucket_with_a_ttl_equals_its_model(
        (millionths, share) in any_share(), capacity in 1_u32..30, reserve in 0_u32..20, ttl in 1_u64..=60,
        steps in steps(),
    ) {
        let clock = ManualClock::new();
        let ttl = Duration::from_secs(ttl);
        let plain = Ring::new(millionths, capacity, reserve, ttl);
        Pair::new(bucket(share, capacity, reserve, &clock).ttl(ttl).unwrap(), plain, clock).run(steps)?;
    }

    #[test]
    fn a_cost_bucket_equals_its_model(
        capacity in 1_u32..60, costs in proptest::array::uniform3(1_u32..20), first in 0_u32..4, steps in steps(),
    ) {
        let bucket = KINDS.iter().zip(costs).fold(
            CostBucket::capacity(capacity).unwrap().first_success(first),
            |bucket, (kind, cost)| bucket.cost(*kind, cost).unwrap(),
        );
        Pair::new(bucket, Costs::new(capacity, costs, first), ManualClock::new()).run(steps)?;
    }

    #[test]
    fn a_throttle_equals_its_model(max in 1_u32..20, thousandths in 1_u32..3_000, steps in steps()) {
        let throttle = RetryThrottle::max_tokens(max).unwrap().ratio(f64::from(thousandths) / 1_000.0).unwrap();
        Pair::new(throttle, Throttle::new(max, thousandths), ManualClock::new()).run(steps)?;
    }
}

fn config() -> Config {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 1_000;
    }
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct("tests/budget_model/regressions.txt")));
    config
}

#[test]
fn a_share_is_exact() {
    for (share, deposits) in
        [(0.6, 5), (0.2, 5), (0.1, 10), (0.3, 10), (0.7, 10), (1e-3, 1_000), (1e-6, 1_000_000), (1e-7, 10_000_000)]
    {
        let bucket = bucket(share, 10, 0, &ManualClock::new());
        let tokens = (share * f64::from(deposits)).round() as u64;
        (1..deposits).for_each(|_| bucket.deposit());
        assert_eq!(bucket.balance(), tokens - 1, "{share}: one is missing");
        bucket.deposit();
        assert_eq!(bucket.balance(), tokens, "{share}");
    }
    for lost in [9.9e-10, f64::MIN_POSITIVE] {
        let refused = TokenBucket::retry_ratio(lost).unwrap_err();
        assert_eq!(refused.field(), "retry_ratio", "{lost} would have been 0");
    }
}

#[test]
fn settings_apply_to_a_fresh_bucket() {
    let used = || {
        let bucket = bucket(1.0, 10, 1, &ManualClock::new());
        (0..5).for_each(|_| bucket.deposit());
        while bucket.withdraw(FailureKind::Transient).is_some() {}
        bucket.deposit();
        bucket
    };
    let second = Duration::from_secs(1);
    for bucket in [
        used().min_per_second(1),
        used().capacity(5).unwrap(),
        used().ttl(second).unwrap(),
        used().clock(ManualClock::new()),
    ] {
        assert_eq!(bucket.stats(), BudgetStats::new(1, 0, 0), "its reserve: {bucket:?}");
    }
}

#[test]
fn invalid_settings_are_named() {
    let zero = TokenBucket::default().capacity(0).unwrap_err();
    assert_eq!(zero.to_string(), "`capacity` is 0, but must be at least 1");
    let zero = CostBucket::capacity(0).unwrap_err();
    assert_eq!(zero.to_string(), "`capacity` is 0, but must be at least 1");
    let free = CostBucket::default().cost(FailureKind::Transient, 0).unwrap_err();
    assert_eq!(free.to_string(), "`cost` is 0, but must be at least 1");
    for kind in [FailureKind::Permanent, FailureKind::Rejected] {
        assert_eq!(CostBucket::default().cost(kind, 1).unwrap_err().field(), "kind");
    }
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let clock = ManualClock::new();
    let bucket = bucket(1000.0, u32::MAX, u32::MAX, &clock);
    let ageing = self::bucket(1000.0, u32::MAX, u32::MAX, &clock).ttl(Duration::from_secs(60)).unwrap();
    for budget in [Arc::new(bucket) as Arc<dyn Budget>, Arc::new(ageing)] {
        let reserve = budget.balance();
        (0..10_000).for_each(|_| budget.deposit());
        assert_eq!(budget.balance(), reserve + 10_000_000);
        clock.advance(Duration::MAX);
        (0..100).for_each(|_| budget.deposit());
        assert!(budget.withdraw(FailureKind::Transient).is_some());
        assert!(budget.balance() >= reserve);
    }
    let full = CostBucket::capacity(u32::MAX).unwrap().first_success(u32::MAX);
    full.on_success(None);
    full.on_success(Some(Token::new(u64::MAX)));
    assert_eq!(full.tokens(), u32::MAX);
}

/// The slices of a full bucket hold equal parts, so the bucket loses only a tenth of its tokens
/// when a slice expires.
#[test]
fn a_full_bucket_loses_its_tokens_gradually() {
    let clock = ManualClock::new();
    let bucket = bucket(1.0, 100, 0, &clock).ttl(Duration::from_secs(10)).unwrap();
    let traffic = || (0..50).for_each(|_| bucket.deposit());
    for _ in 0..20 {
        traffic();
        traffic();
        clock.advance(Duration::from_secs(1));
    }
    let left: Vec<_> = std::iter::from_fn(|| {
        let balance = bucket.balance();
        clock.advance(Duration::from_secs(1));
        (balance > 0).then_some(balance)
    })
    .collect();
    assert_eq!(left, [90, 80, 70, 60, 50, 40, 30, 20, 10]);
}
