//! The caller gives up at every point of a request. Afterwards, all counts are exact.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, advance, sleep};
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, FailureKind, FallbackLayer, RetryConfig, RetryLayer, State,
    breaker::{CircuitStats, TripRule},
    retry::{Backoff, Budget, BudgetStats, Timeouts, budget::Token},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

/// The time between two points at which the tests drop the request.
const TICK: Duration = ms(100);

/// Takes three ticks to get ready, and three to respond.
struct Slow {
    counts: Arc<Counts>,
    response: Result<&'static str, Oops>,
    readying: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    /// Running calls.
    alive: AtomicU64,
}

impl Slow {
    fn answering(response: Result<&'static str, Oops>) -> Self {
        Self { counts: Arc::default(), response, readying: None }
    }
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        Self { counts: self.counts.clone(), response: self.response, readying: None }
    }
}

impl Service<()> for Slow {
    type Response = &'static str;
    type Error = Oops;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, Oops>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Oops>> {
        ready!(self.readying.get_or_insert_with(|| Box::pin(sleep(3 * TICK))).as_mut().poll(cx));
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.readying = None;
        self.counts.calls.fetch_add(1, Ordering::Relaxed);
        self.counts.alive.fetch_add(1, Ordering::Relaxed);
        let alive = Alive(self.counts.clone());
        let response = self.response;
        Box::pin(async move {
            let _alive = alive;
            sleep(3 * TICK).await;
            response
        })
    }
}

struct Alive(Arc<Counts>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Grants every token, and counts the tokens that were withdrawn and not returned.
#[derive(Debug, Default)]
struct Out(AtomicU64);

impl Budget for Out {
    fn deposit(&self) {}

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        Some(Token::new(self.0.fetch_add(1, Ordering::Relaxed)))
    }

    fn refund(&self, _: Token) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn stats(&self) -> BudgetStats {
        BudgetStats::new(u64::MAX, 0, 0)
    }
}

fn ended(stats: &CircuitStats) -> u64 {
    stats.total_failures + stats.total_successes.unwrap() + stats.total_neutral + stats.total_dropped
}

/// Polls for this many ticks, then drops the call. Returns the output if the call completed.
async fn give_up_after<F: Future>(ticks: u32, call: F) -> Option<F::Output> {
    let mut call = spawn(call);
    for _ in 0..ticks {
        if let Poll::Ready(output) = call.poll() {
            return Some(output);
        }
        advance(TICK).await;
    }
    None
}

/// Retry, breaker and fallback, with this limit per attempt. The caller gives up after this many
/// ticks. Returns whether the call completed.
async fn whole_stack_given_up_after(ticks: u32, limit: Duration) -> bool {
    let (primary, backup) = (Slow::answering(Err(Oops(1))), Slow::answering(Ok("backup")));
    let budget = Arc::new(Out::default());
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(99).unwrap()).count_all_calls());
    let config = RetryConfig::default()
        .idempotent()
        .retries(2)
        .backoff(Backoff::fixed(3 * TICK))
        .shared_budget(budget.clone())
        .timeouts(Timeouts::attempt(limit).on_timeout(|_| Err(BreakerError::Inner(Oops(408)))));
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::new(backup.clone()))
        .layer(RetryLayer::new(config))
        .layer(BreakerLayer::on(&circuit))
        .service(primary.clone());

    let response = give_up_after(ticks, ready_and_call(&mut service, ())).await;

    let calls = primary.counts.calls.load(Ordering::Relaxed);
    assert_eq!(primary.counts.alive.load(Ordering::Relaxed), 0, "{ticks} ticks: the primary's calls have ended");
    assert_eq!(backup.counts.alive.load(Ordering::Relaxed), 0, "{ticks} ticks: the backup's calls have ended");
    let out = budget.0.load(Ordering::Relaxed);
    assert_eq!(out, calls.saturating_sub(1), "{ticks} ticks: exactly the retries that were made are paid");
    let stats = circuit.stats();
    assert_eq!(stats.total_admitted, Some(calls), "{ticks} ticks");
    assert_eq!(ended(&stats), calls, "{ticks} ticks: every permit has ended once");
    if let Some(response) = &response {
        assert_eq!(*response, Ok("backup"));
        assert_eq!((stats.total_failures, stats.total_dropped), (calls, 0));
    } else {
        assert!(stats.total_dropped <= 1, "{ticks} ticks: the running call");
    }
    response.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_dropped_at_every_point() {
    let mut ticks = 0;
    while !whole_stack_given_up_after(ticks, secs(60)).await {
        ticks += 1;
    }
    // The phases are three attempts with readiness, two waits between them, and the backup's
    // readiness and call.
    assert!(ticks >= 30, "the request had all its phases: {ticks} ticks");
}

/// The limits make attempts time out at different points of readiness and of the call, which take
/// three ticks each.
#[tokio::test(start_paused = true)]
async fn a_request_with_timeouts_can_be_dropped_at_every_point() {
    for limit in [TICK, 2 * TICK, 4 * TICK, 5 * TICK] {
        let mut ticks = 0;
        while !whole_stack_given_up_after(ticks, limit).await {
            ticks += 1;
        }
        assert!(ticks > 10, "{ticks} ticks with {limit:?}");
    }
}

/// linkerd: a cancelled probe blocked the circuit. Polly: a cancelled probe closed the circuit.
#[tokio::test(start_paused = true)]
async fn a_probe_can_be_dropped_at_every_point() {
    for ticks in 0..8 {
        let circuit = Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()));
        circuit.try_acquire().unwrap().failure();
        advance(secs(30)).await;
        assert_eq!(circuit.state(), State::HalfOpen);
        let inner = Slow::answering(Ok("yes"));
        let mut service =
            RetryLayer::new(RetryConfig::default().idempotent()).layer(BreakerLayer::on(&circuit).layer(inner));
        let response = give_up_after(ticks, ready_and_call(&mut service, ())).await;
        if response.is_some() {
            assert_eq!(circuit.state(), State::Closed);
        } else {
            assert_eq!(circuit.state(), State::HalfOpen, "{ticks} ticks");
            assert!(circuit.try_acquire().is_ok(), "{ticks} ticks: there is room for another probe");
        }
    }
}

/// The breaker counts a call that was made, even if its future is never polled.
#[tokio::test(start_paused = true)]
async fn a_request_can_be_dropped_before_its_first_poll() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().count_all_calls());
    let inner = Script::<_, &str, Oops>::new([hang()]);
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("backup"))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::on(&circuit))
        .service(inner.clone());
    let call = ServiceExt::<()>::ready(&mut service).await.unwrap().call(());
    drop(call);
    let stats = circuit.stats();
    assert_eq!((inner.calls(), stats.total_admitted, stats.total_dropped), (1, Some(1), 1));
}
