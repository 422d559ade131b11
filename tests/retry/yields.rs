//! Attempts without a wait between them yield to other tasks.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

use tokio_test::task;
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    Outcome, RetryConfig, RetryLayer,
    retry::{Backoff, Decision, DecisionReason, Policy},
};

use crate::scripted::*;

/// No delay, no budget, no limit of retries.
fn without_delay() -> RetryConfig {
    RetryConfig::default().idempotent().retries(u32::MAX).backoff(Backoff::none()).without_budget()
}

/// More attempts than a single poll may make.
const STARVED: u32 = 100_000;

/// Fails until another task sets the flag. Returns `None` if that task was never polled.
fn flaky() -> (Arc<AtomicBool>, impl FnMut() -> Result<Option<u32>, Oops> + Clone) {
    let (flag, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let seen = Arc::clone(&flag);
    let call = move || match calls.fetch_add(1, Relaxed) + 1 {
        calls if seen.load(Relaxed) => Ok(Some(calls)),
        STARVED.. => Ok(None),
        _ => Err(Oops(1)),
    };
    (flag, call)
}

async fn set(flag: Arc<AtomicBool>) {
    flag.store(true, Relaxed);
}

/// async#622: three million attempts in one poll.
#[tokio::test]
async fn a_retry_without_delay_lets_other_tasks_run() {
    let (flag, mut flaky) = flaky();
    let mut service = RetryLayer::new(without_delay()).layer(service_fn(move |()| ready(flaky())));
    let retried = tokio::spawn(service.call_when_ready(()));
    tokio::spawn(set(flag)).await.unwrap();
    assert!(retried.await.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn other_futures_of_the_task_run_too() {
    let (flag, mut flaky) = flaky();
    let mut service = RetryLayer::new(without_delay()).layer(service_fn(move |()| ready(flaky())));
    let (response, ()) = tokio::join!(ready_and_call(&mut service, ()), set(flag));
    assert!(response.unwrap().is_some());
}

#[tokio::test]
async fn a_repeated_function_lets_other_tasks_run() {
    let (flag, mut flaky) = flaky();
    let (response, ()) = tokio::join!(RetryLayer::new(without_delay()).run(move |_| ready(flaky())), set(flag));
    assert!(response.unwrap().is_some());
}

#[tokio::test]
async fn nested_retries_let_other_tasks_run() {
    let (flag, mut flaky) = flaky();
    let inner = RetryLayer::new(without_delay().retries(3)).layer(service_fn(move |()| ready(flaky())));
    let mut service = RetryLayer::new(without_delay()).layer(inner);
    let (response, ()) = tokio::join!(ready_and_call(&mut service, ()), set(flag));
    assert!(response.unwrap().is_some());
}

/// Resends every request that fails, as often as necessary.
struct AlwaysResend;

impl<Res> Policy<(), Res, Oops> for AlwaysResend {
    type State = ();

    fn start(&self, (): &()) {}

    fn decide(&self, (): &mut (), _: &tower_recourse::Attempt, outcome: Outcome<'_, Res, Oops>) -> Decision {
        if outcome.result().is_ok() { Decision::Return(DecisionReason::Success) } else { Decision::TransparentRetry }
    }
}

#[tokio::test]
async fn resends_let_other_tasks_run() {
    let (flag, mut flaky) = flaky();
    let mut service = RetryLayer::with(AlwaysResend).layer(service_fn(move |()| ready(flaky())));
    let (response, ()) = tokio::join!(ready_and_call(&mut service, ()), set(flag));
    assert!(response.unwrap().is_some());
}

/// `poll_ready` may return errors as fast as calls do.
#[tokio::test]
async fn readiness_that_fails_at_once_lets_other_tasks_run() {
    #[derive(Clone)]
    struct Unready<F>(F);

    impl<F: FnMut() -> Result<Option<u32>, Oops>> Service<()> for Unready<F> {
        type Response = Option<u32>;
        type Error = Oops;
        type Future = std::future::Ready<Result<Option<u32>, Oops>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Oops>> {
            std::task::Poll::Ready((self.0)().map(drop))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            ready((self.0)())
        }
    }

    let (flag, flaky) = flaky();
    let mut service = RetryLayer::new(without_delay()).layer(Unready(flaky));
    let (response, ()) = tokio::join!(ready_and_call(&mut service, ()), set(flag));
    assert!(response.unwrap().is_some());
}

/// The retry also yields outside tokio, without tokio's task budget.
#[test]
fn without_a_runtime_the_retry_wakes_itself() {
    let calls = AtomicU32::new(0);
    let layer = RetryLayer::new(without_delay().retries(999));
    let mut run = task::spawn(layer.run(|_| {
        calls.fetch_add(1, Relaxed);
        ready(Err::<(), _>(Oops(1)))
    }));
    let mut polls = 0;
    while run.poll().is_pending() {
        assert!(run.is_woken(), "it is polled again");
        polls += 1;
    }
    assert_eq!(calls.load(Relaxed), 1000);
    assert!((10..1000).contains(&polls), "{polls} polls for 1,000 attempts");
}

/// Most requests make few attempts. For them, yielding would cost time and help no other task.
#[test]
fn a_few_attempts_are_made_in_one_poll() {
    let layer = RetryLayer::new(without_delay().retries(9));
    let mut run = task::spawn(layer.run(|_| ready(Err::<(), _>(Oops(1)))));
    assert!(run.poll().is_ready());
}
