//! The caller gives up at every point of a request's way; what was counted is exact afterwards.

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
    breaker::{OpenRule, Stats},
    retry::{Backoff, Budget, BudgetStats, Timeouts, budget::Token},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

/// How finely the request's time is cut.
const TICK: Duration = ms(100);

/// Takes three ticks to get ready, and three to answer.
struct Slow {
    counts: Arc<Counts>,
    answer: Result<&'static str, Oops>,
    readying: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    /// Calls on their way.
    alive: AtomicU64,
}

impl Slow {
    fn answering(answer: Result<&'static str, Oops>) -> Self {
        Self { counts: Arc::default(), answer, readying: None }
    }
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        Self { counts: self.counts.clone(), answer: self.answer, readying: None }
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
        let answer = self.answer;
        Box::pin(async move {
            let _alive = alive;
            sleep(3 * TICK).await;
            answer
        })
    }
}

struct Alive(Arc<Counts>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Has enough, and knows what is out.
#[derive(Debug, Default)]
struct Out(AtomicU64);

impl Budget for Out {
    fn deposit(&self) {}

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        Some(Token::new(self.0.fetch_add(1, Ordering::Relaxed)))
    }

    fn give_back(&self, _: Token) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn stats(&self) -> BudgetStats {
        BudgetStats::new(u64::MAX, 0, 0)
    }
}

fn ended(stats: &Stats) -> u64 {
    stats.total_failures + stats.total_successes.unwrap() + stats.total_neutral + stats.total_dropped
}

/// Polls for so many ticks, and drops. Whether it was done before.
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

/// Retry, breaker and fallback, with a limit of each attempt or without, given up after so many ticks.
async fn whole_stack_given_up_after(ticks: u32, limit: Duration) -> bool {
    let (primary, backup) = (Slow::answering(Err(Oops(1))), Slow::answering(Ok("backup")));
    let budget = Arc::new(Out::default());
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().open_when(OpenRule::consecutive(99).unwrap()).count_calls());
    let config = RetryConfig::default()
        .idempotent()
        .retries(2)
        .backoff(Backoff::fixed(3 * TICK))
        .shared_budget(budget.clone())
        .timeouts(Timeouts::attempt(limit).answer(|_| Err(BreakerError::Inner(Oops(408)))));
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::new(backup.clone()))
        .layer(RetryLayer::new(config))
        .layer(BreakerLayer::on(&circuit))
        .service(primary.clone());

    let answer = give_up_after(ticks, ask(&mut service, ())).await;

    let calls = primary.counts.calls.load(Ordering::Relaxed);
    assert_eq!(primary.counts.alive.load(Ordering::Relaxed), 0, "{ticks} ticks: the primary's calls are gone");
    assert_eq!(backup.counts.alive.load(Ordering::Relaxed), 0, "{ticks} ticks: the backup's calls are gone");
    let out = budget.0.load(Ordering::Relaxed);
    assert_eq!(out, calls.saturating_sub(1), "{ticks} ticks: every retry that was made is paid, and no other");
    let stats = circuit.stats();
    assert_eq!(stats.total_admitted, Some(calls), "{ticks} ticks");
    assert_eq!(ended(&stats), calls, "{ticks} ticks: every permit has ended once");
    if let Some(answer) = &answer {
        assert_eq!(*answer, Ok("backup"));
        assert_eq!((stats.total_failures, stats.total_dropped), (calls, 0));
    } else {
        assert!(stats.total_dropped <= 1, "{ticks} ticks: the one that was on its way");
    }
    answer.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_given_up_at_every_point() {
    let mut ticks = 0;
    while !whole_stack_given_up_after(ticks, secs(60)).await {
        ticks += 1;
    }
    // Ready, three calls, two waits, twice ready again, and the backup's two.
    assert!(ticks >= 30, "it had all its parts: {ticks} ticks");
}

/// Attempts are cut off while they are made (two ticks), or while the service gets ready (the same).
#[tokio::test(start_paused = true)]
async fn a_request_whose_attempts_are_cut_off_can_be_given_up_at_every_point() {
    for limit in [TICK, 2 * TICK, 4 * TICK, 5 * TICK] {
        let mut ticks = 0;
        while !whole_stack_given_up_after(ticks, limit).await {
            ticks += 1;
        }
        assert!(ticks > 10, "{ticks} ticks with {limit:?}");
    }
}

/// Traps (linkerd, Polly): a cancelled probe wedges the gate, or closes the circuit.
#[tokio::test(start_paused = true)]
async fn a_probe_can_be_given_up_at_every_point() {
    for ticks in 0..8 {
        let circuit = Circuit::new(BreakerConfig::default().fixed().open_when(OpenRule::consecutive(1).unwrap()));
        circuit.admit().unwrap().failure();
        advance(secs(30)).await;
        assert_eq!(circuit.state(), State::HalfOpen);
        let inner = Slow::answering(Ok("yes"));
        let mut service =
            RetryLayer::new(RetryConfig::default().idempotent()).layer(BreakerLayer::on(&circuit).layer(inner));
        let answer = give_up_after(ticks, ask(&mut service, ())).await;
        if answer.is_some() {
            assert_eq!(circuit.state(), State::Closed);
        } else {
            assert_eq!(circuit.state(), State::HalfOpen, "{ticks} ticks");
            assert!(circuit.admit().is_ok(), "{ticks} ticks: there is room for another probe");
        }
    }
}

/// A call that is never polled has been made all the same.
#[tokio::test(start_paused = true)]
async fn a_request_can_be_given_up_before_it_is_polled() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().count_calls());
    let inner = Scripted::<&str>::new([Hang]);
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
