//! Calls from two threads, with the service cloned per thread and per call.

use ::failsafe::futures::CircuitBreaker as _;
use tower::{Layer, Service};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, RetryLayer};

use crate::{
    cases::retry::{RESILIENCE, TOWER_BUDGET},
    contender::{
        BARE, Case,
        Cloned::{self, PerCall, PerThread},
        Contender, OURS,
    },
    peers::{failsafe, ours, recloser, tower_resilience, tower_retry},
    upstream::{Healthy, Upstream, answer, at_once},
};

pub const RETRY: &str = "retry, default budget, two threads";
pub const BREAKER: &str = "breaker closed, two threads";
pub const BREAKER_COUNT: &str = "breaker closed, count window, two threads";
pub const STACK: &str = "all three stacked, two threads";

type Contenders = fn(usize, Cloned) -> Vec<Contender>;

pub fn cases() -> Vec<Case> {
    let two: [(_, Contenders); 4] = [(RETRY, retry), (BREAKER, breaker), (BREAKER_COUNT, counting), (STACK, stack)];
    let two = two.map(|(name, of)| Case::new(name, move || of(2, PerThread)).on_threads(2));
    let one_cloning: [(_, Contenders); 2] =
        [("breaker closed, cloned per call", breaker), ("all three stacked, cloned per call", stack)];
    let one_cloning = one_cloning.map(|(name, of)| Case::new(name, move || of(1, PerCall)));
    let two_cloning: [(_, Contenders); 2] = [
        ("breaker closed, two threads, cloned per call", breaker),
        ("all three stacked, two threads, cloned per call", stack),
    ];
    let two_cloning = two_cloning.map(|(name, of)| Case::new(name, move || of(2, PerCall)).on_threads(2));
    two.into_iter().chain(one_cloning).chain(two_cloning).collect()
}

fn up() -> Upstream<Healthy> {
    Upstream::new()
}

fn retry(threads: usize, cloned: Cloned) -> Vec<Contender> {
    vec![
        Contender::shared(BARE, up(), threads, cloned),
        Contender::shared(OURS, RetryLayer::new(ours::retry()).layer(up()), threads, cloned),
        Contender::shared(TOWER_BUDGET, tower_retry::with_budget(up()), threads, cloned),
        Contender::shared("tower-resilience, token bucket", tower_resilience::with_budget(up()), threads, cloned),
    ]
}

fn breaker(threads: usize, cloned: Cloned) -> Vec<Contender> {
    let failsafe_contender = |breaker: failsafe::Consecutive| {
        Contender::of("failsafe", move || match cloned {
            PerThread => at_once(|| breaker.call(up().call(7)), Result::is_ok),
            PerCall => at_once(|| breaker.clone().call(up().call(7)), Result::is_ok),
        })
    };
    vec![
        Contender::shared(BARE, up(), threads, cloned),
        Contender::shared(OURS, BreakerLayer::new(BreakerConfig::default()).layer(up()), threads, cloned),
        Contender::shared(RESILIENCE, tower_resilience::consecutive(up()), threads, cloned),
        on_each(threads, failsafe::consecutive(), failsafe_contender),
    ]
}

fn counting(threads: usize, cloned: Cloned) -> Vec<Contender> {
    let recloser_contender = |breaker: std::sync::Arc<::recloser::Recloser>| {
        Contender::of("recloser, sync", move || breaker.call(answer::<Healthy>).is_ok())
    };
    vec![
        Contender::shared(BARE, up(), threads, cloned),
        Contender::shared(OURS, BreakerLayer::new(ours::count_window()).layer(up()), threads, cloned),
        Contender::shared(RESILIENCE, tower_resilience::count_window(up()), threads, cloned),
        on_each(threads, recloser::count_window().into(), recloser_contender),
    ]
}

fn stack(threads: usize, cloned: Cloned) -> Vec<Contender> {
    let stacked = ours::stack(&Circuit::new(BreakerConfig::default()), up());
    let resilient = tower_resilience::stack(tower_resilience::count_window(up()));
    vec![
        Contender::shared(BARE, up(), threads, cloned),
        Contender::shared(OURS, stacked, threads, cloned),
        Contender::shared(RESILIENCE, resilient, threads, cloned),
    ]
}

/// A breaker that isn't a service, with one clone per thread.
fn on_each<B: Clone>(threads: usize, breaker: B, contender: impl Fn(B) -> Contender) -> Contender {
    let mut all: Vec<Contender> = (0..threads).map(|_| contender(breaker.clone())).collect();
    let calls = all.iter_mut().flat_map(|contender| contender.calls.pop()).collect();
    Contender { calls, ..all.swap_remove(0) }
}
