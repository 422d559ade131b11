//! What was reserved for an attempt that is never made goes back, whatever the reason; what was spent doesn't.

use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::Poll,
};

use tokio_test::{assert_pending, assert_ready, task::spawn};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerLayer, Circuit, FailureKind, RetryConfig, RetryLayer, Verdict,
    breaker::OpenRule,
    observe::Event,
    retry::{Backoff, Budget, BudgetStats, CostBucket, Keep, RetryThrottle, Timeouts, TokenBucket, budget::Token},
    time::ManualClock,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

/// Five tokens, however they are counted.
fn buckets() -> [Arc<dyn Budget>; 4] {
    let filled = |bucket: TokenBucket| {
        (0..5).for_each(|_| bucket.deposit());
        bucket
    };
    let share = || TokenBucket::share(1.0).unwrap().reserve(0).capacity(5).unwrap();
    [
        Arc::new(filled(share())),
        Arc::new(filled(share().ttl(secs(60)).unwrap().clock(ManualClock::new()))),
        Arc::new(TokenBucket::share(0.0).unwrap().reserve(5).clock(ManualClock::new())),
        Arc::new(CostBucket::capacity(25).unwrap()),
    ]
}

fn on(budget: &Arc<dyn Budget>) -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1))).shared_budget(budget.clone())
}

/// (tokens left, attempts paid for)
fn state(budget: &Arc<dyn Budget>) -> (u64, u64) {
    (budget.balance(), budget.stats().granted)
}

#[tokio::test(start_paused = true)]
async fn the_caller_gives_up_in_the_wait() {
    for budget in buckets() {
        let mut retry = RetryLayer::new(on(&budget)).layer(Scripted::<&str>::new([Fail(Oops(1))]));
        let mut call = spawn(ask(&mut retry, ()));
        assert_pending!(call.poll());
        assert_eq!(state(&budget), (4, 1), "{budget:?}");
        drop(call);
        assert_eq!(state(&budget), (5, 0), "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_gives_up_while_the_service_gets_ready() {
    for budget in buckets() {
        let mut retry = RetryLayer::new(on(&budget)).layer(Scripted::<&str>::new([Fail(Oops(1)), Stuck]));
        let mut call = spawn(ask(&mut retry, ()));
        assert_pending!(call.poll());
        tokio::time::advance(secs(2)).await;
        assert_pending!(call.poll());
        assert_eq!(state(&budget), (4, 1), "{budget:?}");
        drop(call);
        assert_eq!(state(&budget), (5, 0), "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_is_not_ready_in_time() {
    for budget in buckets() {
        let limits = Timeouts::request(secs(3)).answer(|_| Err(Oops(408)));
        let inner = Scripted::<&str>::new([Fail(Oops(1)), Stuck]);
        let mut retry = RetryLayer::new(on(&budget).timeouts(limits)).layer(inner);
        ServiceExt::<()>::ready(&mut retry).await.unwrap();
        let mut call = spawn(retry.call(()));
        assert_pending!(call.poll());
        tokio::time::advance(secs(1)).await;
        assert_pending!(call.poll());
        tokio::time::advance(secs(2)).await;
        assert_eq!(assert_ready!(call.poll()), Err(Oops(408)));
        assert_eq!(state(&budget), (5, 0), "at once, and not when the future goes: {budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_fails_to_get_ready_for_the_last_attempt() {
    for budget in buckets() {
        let inner = Scripted::<&str>::new([Fail(Oops(1)), Unready(Oops(2))]);
        let mut retry = RetryLayer::new(on(&budget).retries(1).backoff(Backoff::none())).layer(inner);
        ServiceExt::<()>::ready(&mut retry).await.unwrap();
        let mut call = spawn(retry.call(()));
        assert_eq!(assert_ready!(call.poll()), Err(Oops(2)));
        assert_eq!(state(&budget), (5, 0), "{budget:?}");
    }
}

/// Keeps something, of which it then makes nothing.
#[derive(Clone)]
struct Lost;

impl Keep<()> for Lost {
    type Request = ();
    type Kept = ();
    type Prepared = Ready<()>;

    fn keep(&self, (): &mut ()) -> Option<()> {
        Some(())
    }

    fn sent(&self, (): ()) {}

    fn again(&self, (): &mut ()) -> Option<()> {
        None
    }

    fn prepare(&self, (): (), _: &Attempt) -> Ready<()> {
        ready(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_turns_out_to_be_lost() {
    for budget in buckets() {
        let inner = Scripted::<&str>::new([Fail(Oops(1))]);
        let mut retry = RetryLayer::new(on(&budget)).keeping(Lost).layer(inner.clone());
        ServiceExt::<()>::ready(&mut retry).await.unwrap();
        let mut call = spawn(retry.call(()));
        assert_eq!(assert_ready!(call.poll()), Err(Oops(1)));
        assert_eq!((inner.calls(), state(&budget)), (1, (5, 0)), "at once: {budget:?}");
    }
}

/// The first attempt opens the circuit: the second is paid for, sent, and rejected.
#[tokio::test(start_paused = true)]
async fn a_breaker_rejects_the_attempt() {
    for budget in buckets() {
        let inner = Scripted::<&str>::new([Fail(Oops(1))]);
        let breaker = BreakerLayer::new(BreakerConfig::default().fixed().open_when(OpenRule::consecutive(1).unwrap()));
        let mut service =
            ServiceBuilder::new().layer(RetryLayer::new(on(&budget))).layer(breaker).service(inner.clone());
        assert!(ask(&mut service, ()).await.is_err());
        assert_eq!((inner.calls(), state(&budget)), (1, (5, 0)), "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_check_forbids_is_not_asked_for() {
    for budget in buckets() {
        let config = || on(&budget).retries(1);
        let fails = || Scripted::<&str>::new([Fail(Oops(1))]);
        let limits = Timeouts::request(secs(1)).answer(|_| Err(Oops(408)));
        let _ = ask(&mut RetryLayer::new(config().timeouts(limits)).layer(fails()), ()).await;
        let _ = ask(&mut RetryLayer::new(config()).keep(|(): &()| None).layer(fails()), ()).await;
        let late = config().classify(|_: Result<&&str, &Oops>| Verdict::transient().retry_after(secs(31)));
        let _ = ask(&mut RetryLayer::new(late).layer(fails()), ()).await;
        let permanent = config().classify(|_: Result<&&str, &Oops>| Verdict::permanent());
        let _ = ask(&mut RetryLayer::new(permanent).layer(fails()), ()).await;
        assert_eq!((state(&budget), budget.stats().refused), ((5, 0), 0), "{budget:?}");
    }
}

/// Polls a call to its end, with waits of nothing. Whether somebody panicked.
fn panics<F: Future>(call: F) -> bool {
    let mut call = spawn(call);
    let panicked = catch_unwind(AssertUnwindSafe(|| call.poll().is_ready())).is_err();
    drop(call);
    panicked
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_attempt_gives_back_and_one_in_it_does_not() {
    for budget in buckets() {
        let config = || on(&budget).backoff(Backoff::none()).retries(1);

        let observed = config().observe(|event: &Event<'_>| {
            assert!(!matches!(event, Event::RetryScheduled { .. }), "an observer");
        });
        let mut retry = RetryLayer::new(observed).layer(Scripted::<&str>::new([Fail(Oops(1))]));
        assert!(panics(ask(&mut retry, ())));
        assert_eq!(state(&budget), (5, 0), "nobody has tried again: {budget:?}");

        let classified = config().classify(|_: Result<&&str, &Oops>| -> Verdict { panic!("a classifier") });
        let mut retry = RetryLayer::new(classified).layer(Scripted::new([Fail(Oops(1))]));
        assert!(panics(ask(&mut retry, ())));
        assert_eq!(state(&budget), (5, 0), "the first attempt costs nothing: {budget:?}");

        let calls = Arc::new(Mutex::new(0));
        let mut retry = RetryLayer::new(config()).layer(service_fn(move |()| {
            let call = {
                let mut calls = calls.lock().unwrap();
                *calls += 1;
                *calls
            };
            async move {
                assert!(call == 1, "a service");
                Err::<(), _>(Oops(1))
            }
        }));
        assert!(panics(ask(&mut retry, ())));
        assert_eq!(state(&budget).1, 1, "the attempt was made: {budget:?}");
    }
}

/// The same budget in the hand of several layers, whose services are of several types.
#[tokio::test(start_paused = true)]
async fn one_budget_is_shared_by_many_layers() {
    for budget in buckets() {
        let config = || on(&budget).backoff(Backoff::none()).retries(1);
        for _ in 0..3 {
            let _ = ask(&mut RetryLayer::new(config()).layer(Scripted::<&str>::new([Fail(Oops(1))])), ()).await;
            let _ = ask(&mut RetryLayer::new(config()).layer(Scripted::<u16>::new([Fail(Oops(1))])), "text").await;
        }
        let deposits = budget.stats();
        assert!(deposits.granted >= 5, "{budget:?}");
        assert_eq!(deposits.granted + deposits.refused, 6, "{budget:?}");
    }
}

/// What a success brings back was granted all the same.
#[tokio::test(start_paused = true)]
async fn a_refund_is_not_a_token_given_back() {
    let bucket = Arc::new(CostBucket::capacity(25).unwrap());
    let inner = Scripted::new([Fail(Oops(1)), Answer("yes")]);
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).shared_budget(bucket.clone());
    assert_eq!(ask(&mut RetryLayer::new(config).layer(inner), ()).await, Ok("yes"));
    assert_eq!((bucket.tokens(), bucket.stats().granted), (25, 1));
}

/// What it is told, in the order in which it is told. Grants everything.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn hears(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
}

impl Budget for Heard {
    fn deposit(&self) {
        self.hears("deposit");
    }

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        self.hears("withdraw");
        Some(Token::new(7))
    }

    fn give_back(&self, token: Token) {
        self.hears(format!("give back {}", token.value()));
    }

    fn succeeded(&self, paid: Option<Token>) {
        self.hears(format!("succeeded for {:?}", paid.map(Token::value)));
    }

    fn failed(&self, _: FailureKind) {
        self.hears("failed");
    }

    fn stats(&self) -> BudgetStats {
        BudgetStats::default()
    }
}

/// What a budget hears of a request whose errors are judged so.
async fn heard(steps: impl IntoIterator<Item = Step<&'static str, Oops>>, judge: fn(&Oops) -> Verdict) -> Vec<String> {
    let budget = Arc::new(Heard::default());
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).retries(1).shared_budget(budget.clone());
    let mut retry = RetryLayer::new(config.classify_errors(judge)).layer(Scripted::new(steps));
    let _ = ask(&mut retry, ()).await;
    std::mem::take(&mut *budget.0.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_for_nothing_has_paid_nothing() {
    let refused = |_: &Oops| Verdict::refused();
    let told = heard([Fail(Oops(1)), Answer("yes")], refused).await;
    assert_eq!(told, ["deposit", "succeeded for None"]);
    let told = heard([Fail(Oops(1)), Fail(Oops(1)), Answer("yes")], refused).await;
    assert_eq!(told, ["deposit", "failed", "withdraw", "succeeded for Some(7)"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_made_is_given_back_once() {
    let rejected_at_last =
        |error: &Oops| if *error == Oops(2) { Verdict::rejected(None) } else { Verdict::transient() };
    let told = heard([Fail(Oops(1)), Unready(Oops(2))], rejected_at_last).await;
    assert_eq!(told, ["deposit", "failed", "withdraw", "give back 7"]);
    let told = heard([Fail(Oops(1)), Fail(Oops(2))], rejected_at_last).await;
    assert_eq!(told, ["deposit", "failed", "withdraw", "give back 7"]);
}

/// An attempt that isn't made neither fails nor succeeds, but that it can't be made is a failure.
#[tokio::test(start_paused = true)]
async fn a_throttle_counts_failures_and_no_rejections() {
    let throttle = Arc::new(RetryThrottle::max_tokens(10).unwrap());
    let breaker = BreakerLayer::new(BreakerConfig::default().fixed().open_when(OpenRule::consecutive(2).unwrap()));
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).shared_budget(throttle.clone());
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(config))
        .layer(breaker)
        .service(Scripted::<&str>::new([Fail(Oops(1))]));
    let mut call = spawn(ask(&mut service, ()));
    assert!(matches!(call.poll(), Poll::Ready(Err(_))));
    assert_eq!(throttle.tokens(), 8.0, "two failures; the third attempt was rejected");
    assert_eq!(throttle.stats().granted, 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_a_breaker_rejects_is_no_failure_to_a_throttle() {
    let throttle = Arc::new(RetryThrottle::max_tokens(10).unwrap());
    let circuit = Circuit::new(BreakerConfig::default().fixed());
    circuit.force_open();
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).shared_budget(throttle.clone());
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(config))
        .layer(BreakerLayer::on(&circuit))
        .service(Scripted::<&str>::new([Fail(Oops(1))]));
    assert!(ask(&mut service, ()).await.is_err());
    assert_eq!(throttle.tokens(), 10.0);
}
