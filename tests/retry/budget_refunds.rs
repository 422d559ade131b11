//! The retry returns a token to the budget if the attempt isn't made, whatever the reason. It
//! doesn't return the token of an attempt that was made.

use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::Poll,
};

use tokio_test::{assert_pending, assert_ready, task::spawn};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerLayer, Circuit, FailureKind, RetryConfig, RetryLayer, Verdict,
    breaker::TripRule,
    observe::Event,
    retry::{
        Backoff, Budget, BudgetStats, CostBucket, RequestReplay, RetryThrottle, Timeouts, TokenBucket, budget::Token,
    },
    time::ManualClock,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

/// Budgets of each kind that hold five tokens.
fn buckets() -> [Arc<dyn Budget>; 4] {
    let filled = |bucket: TokenBucket| {
        (0..5).for_each(|_| bucket.deposit());
        bucket
    };
    let share = || TokenBucket::retry_ratio(1.0).unwrap().min_per_second(0).capacity(5).unwrap();
    [
        Arc::new(filled(share())),
        Arc::new(filled(share().ttl(secs(60)).unwrap().clock(ManualClock::new()))),
        Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(5).clock(ManualClock::new())),
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
async fn a_drop_during_the_wait_returns_the_token() {
    for budget in buckets() {
        let mut retry = RetryLayer::new(on(&budget)).layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
        let mut call = spawn(ready_and_call(&mut retry, ()));
        assert_pending!(call.poll());
        assert_eq!(state(&budget), (4, 1), "{budget:?}");
        drop(call);
        assert_eq!(state(&budget), (5, 0), "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_before_readiness_returns_the_token() {
    for budget in buckets() {
        let mut retry = RetryLayer::new(on(&budget)).layer(Script::<_, &str, Oops>::new([fail(Oops(1)), not_ready()]));
        let mut call = spawn(ready_and_call(&mut retry, ()));
        assert_pending!(call.poll());
        tokio::time::advance(secs(2)).await;
        assert_pending!(call.poll());
        assert_eq!(state(&budget), (4, 1), "{budget:?}");
        drop(call);
        assert_eq!(state(&budget), (5, 0), "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_readiness_timeout_returns_the_token() {
    for budget in buckets() {
        let limits = Timeouts::request(secs(3)).on_timeout(|_| Err(Oops(408)));
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), not_ready()]);
        let mut retry = RetryLayer::new(on(&budget).timeouts(limits)).layer(inner);
        ServiceExt::<()>::ready(&mut retry).await.unwrap();
        let mut call = spawn(retry.call(()));
        assert_pending!(call.poll());
        tokio::time::advance(secs(1)).await;
        assert_pending!(call.poll());
        tokio::time::advance(secs(2)).await;
        assert_eq!(assert_ready!(call.poll()), Err(Oops(408)));
        assert_eq!(state(&budget), (5, 0), "at once, not when the future is dropped: {budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_readiness_error_of_the_last_attempt_returns_the_token() {
    for budget in buckets() {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), readiness_error(Oops(2))]);
        let mut retry = RetryLayer::new(on(&budget).retries(1).backoff(Backoff::none())).layer(inner);
        ServiceExt::<()>::ready(&mut retry).await.unwrap();
        let mut call = spawn(retry.call(()));
        assert_eq!(assert_ready!(call.poll()), Err(Oops(2)));
        assert_eq!(state(&budget), (5, 0), "{budget:?}");
    }
}

/// Stores a copy of the request, but can't make another request from it.
#[derive(Clone)]
struct Lost;

impl RequestReplay<()> for Lost {
    type Request = ();
    type Stored = ();
    type Prepare = Ready<()>;

    fn store(&self, (): &mut ()) -> Option<()> {
        Some(())
    }

    fn wrap_request(&self, (): ()) {}

    fn copy(&self, (): &mut ()) -> Option<()> {
        None
    }

    fn prepare(&self, (): (), _: &Attempt) -> Ready<()> {
        ready(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_returns_the_token() {
    for budget in buckets() {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
        let mut retry = RetryLayer::new(on(&budget)).replay(Lost).layer(inner.clone());
        ServiceExt::<()>::ready(&mut retry).await.unwrap();
        let mut call = spawn(retry.call(()));
        assert_eq!(assert_ready!(call.poll()), Err(Oops(1)));
        assert_eq!((inner.calls(), state(&budget)), (1, (5, 0)), "at once: {budget:?}");
    }
}

/// The first attempt opens the circuit. The second one is paid for and made, and the breaker
/// rejects it.
#[tokio::test(start_paused = true)]
async fn a_rejected_attempt_returns_the_token() {
    for budget in buckets() {
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
        let breaker = BreakerLayer::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()));
        let mut service =
            ServiceBuilder::new().layer(RetryLayer::new(on(&budget))).layer(breaker).service(inner.clone());
        assert!(ready_and_call(&mut service, ()).await.is_err());
        assert_eq!((inner.calls(), state(&budget)), (1, (5, 0)), "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_another_check_stops_withdraws_no_token() {
    for budget in buckets() {
        let config = || on(&budget).retries(1);
        let fails = || Script::<_, &str, Oops>::new([fail(Oops(1))]);
        let limits = Timeouts::request(secs(1)).on_timeout(|_| Err(Oops(408)));
        let _ = ready_and_call(&mut RetryLayer::new(config().timeouts(limits)).layer(fails()), ()).await;
        let _ =
            ready_and_call(&mut RetryLayer::new(config()).copy_request_with(|(): &()| None).layer(fails()), ()).await;
        let late = config().classify(|_: Result<&&str, &Oops>| Verdict::transient().retry_after(secs(31)));
        let _ = ready_and_call(&mut RetryLayer::new(late).layer(fails()), ()).await;
        let permanent = config().classify(|_: Result<&&str, &Oops>| Verdict::permanent());
        let _ = ready_and_call(&mut RetryLayer::new(permanent).layer(fails()), ()).await;
        assert_eq!((state(&budget), budget.stats().refused), ((5, 0), 0), "{budget:?}");
    }
}

/// Polls a call to its end, without waits. Returns whether it panicked.
fn panics<F: Future>(call: F) -> bool {
    let mut call = spawn(call);
    let panicked = catch_unwind(AssertUnwindSafe(|| call.poll().is_ready())).is_err();
    drop(call);
    panicked
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_attempt_returns_the_token() {
    for budget in buckets() {
        let config = || on(&budget).backoff(Backoff::none()).retries(1);

        let observed = config().observe(|event: &Event<'_>| {
            assert!(!matches!(event, Event::RetryScheduled { .. }), "an observer");
        });
        let mut retry = RetryLayer::new(observed).layer(Script::<_, &str, Oops>::new([fail(Oops(1))]));
        assert!(panics(ready_and_call(&mut retry, ())));
        assert_eq!(state(&budget), (5, 0), "no retry was made: {budget:?}");

        let classified = config().classify(|_: Result<&&str, &Oops>| -> Verdict { panic!("a classifier") });
        let mut retry = RetryLayer::new(classified).layer(Script::new([fail(Oops(1))]));
        assert!(panics(ready_and_call(&mut retry, ())));
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
        assert!(panics(ready_and_call(&mut retry, ())));
        assert_eq!(state(&budget).1, 1, "the attempt was made: {budget:?}");
    }
}

/// Several layers, whose services have different types, share one budget.
#[tokio::test(start_paused = true)]
async fn many_layers_can_share_one_budget() {
    for budget in buckets() {
        let config = || on(&budget).backoff(Backoff::none()).retries(1);
        for _ in 0..3 {
            let _ =
                ready_and_call(&mut RetryLayer::new(config()).layer(Script::<_, &str, Oops>::new([fail(Oops(1))])), ())
                    .await;
            let _ = ready_and_call(
                &mut RetryLayer::new(config()).layer(Script::<_, u16, Oops>::new([fail(Oops(1))])),
                "text",
            )
            .await;
        }
        let deposits = budget.stats();
        assert!(deposits.granted >= 5, "{budget:?}");
        assert_eq!(deposits.granted + deposits.refused, 6, "{budget:?}");
    }
}

/// A token that a budget regains after a success still counts as granted.
#[tokio::test(start_paused = true)]
async fn a_gain_from_a_success_is_not_a_returned_token() {
    let bucket = Arc::new(CostBucket::capacity(25).unwrap());
    let inner = Script::new([fail(Oops(1)), succeed("yes")]);
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).shared_budget(bucket.clone());
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner), ()).await, Ok("yes"));
    assert_eq!((bucket.tokens(), bucket.stats().granted), (25, 1));
}

/// Records its calls in order. Grants every token.
#[derive(Debug, Default)]
struct CallLog(Mutex<Vec<String>>);

impl CallLog {
    fn record(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
}

impl Budget for CallLog {
    fn deposit(&self) {
        self.record("deposit");
    }

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        self.record("withdraw");
        Some(Token::new(7))
    }

    fn refund(&self, token: Token) {
        self.record(format!("give back {}", token.value()));
    }

    fn on_success(&self, paid: Option<Token>) {
        self.record(format!("succeeded for {:?}", paid.map(Token::value)));
    }

    fn on_failure(&self, _: FailureKind) {
        self.record("failed");
    }

    fn stats(&self) -> BudgetStats {
        BudgetStats::default()
    }
}

/// The calls that a budget receives for one request. `judge` classifies the errors.
async fn budget_calls(
    steps: impl IntoIterator<Item = Step<&'static str, Oops>>,
    judge: fn(&Oops) -> Verdict,
) -> Vec<String> {
    let budget = Arc::new(CallLog::default());
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).retries(1).shared_budget(budget.clone());
    let mut retry = RetryLayer::new(config.classify_errors(judge)).layer(Script::new(steps));
    let _ = ready_and_call(&mut retry, ()).await;
    std::mem::take(&mut *budget.0.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_transparent_retry_costs_no_token() {
    let refused = |_: &Oops| Verdict::unprocessed();
    let calls = budget_calls([fail(Oops(1)), succeed("yes")], refused).await;
    assert_eq!(calls, ["deposit", "succeeded for None"]);
    let calls = budget_calls([fail(Oops(1)), fail(Oops(1)), succeed("yes")], refused).await;
    assert_eq!(calls, ["deposit", "failed", "withdraw", "succeeded for Some(7)"]);
}

#[tokio::test(start_paused = true)]
async fn the_token_of_an_unmade_attempt_is_returned_once() {
    let rejected_at_last =
        |error: &Oops| if *error == Oops(2) { Verdict::rejected(None) } else { Verdict::transient() };
    let calls = budget_calls([fail(Oops(1)), readiness_error(Oops(2))], rejected_at_last).await;
    assert_eq!(calls, ["deposit", "failed", "withdraw", "give back 7"]);
    let calls = budget_calls([fail(Oops(1)), fail(Oops(2))], rejected_at_last).await;
    assert_eq!(calls, ["deposit", "failed", "withdraw", "give back 7"]);
}

/// A rejected attempt isn't reported to the throttle. A readiness error of the service is reported
/// as a failure.
#[tokio::test(start_paused = true)]
async fn a_throttle_counts_failures_and_no_rejections() {
    let throttle = Arc::new(RetryThrottle::max_tokens(10).unwrap());
    let breaker = BreakerLayer::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(2).unwrap()));
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).shared_budget(throttle.clone());
    let mut service =
        ServiceBuilder::new()
            .layer(RetryLayer::new(config))
            .layer(breaker)
            .service(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    let mut call = spawn(ready_and_call(&mut service, ()));
    assert!(matches!(call.poll(), Poll::Ready(Err(_))));
    assert_eq!(throttle.tokens(), 8.0, "two failures; the third attempt was rejected");
    assert_eq!(throttle.stats().granted, 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_ignores_a_rejected_first_attempt() {
    let throttle = Arc::new(RetryThrottle::max_tokens(10).unwrap());
    let circuit = Circuit::new(BreakerConfig::default().fixed());
    circuit.force_open();
    let config = RetryConfig::default().idempotent().backoff(Backoff::none()).shared_budget(throttle.clone());
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(config))
        .layer(BreakerLayer::on(&circuit))
        .service(Script::<_, &str, Oops>::new([fail(Oops(1))]));
    assert!(ready_and_call(&mut service, ()).await.is_err());
    assert_eq!(throttle.tokens(), 10.0);
}
