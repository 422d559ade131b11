//! Retries of async functions that change what they capture.

use std::{error::Error, future::pending, io, sync::Arc};

use tokio::time::{Instant, sleep, timeout};
use tower_recourse::{
    Attempt, BreakerConfig, Cause, Circuit, Elapsed, RetryConfig, RetryLayer, State,
    breaker::TripRule,
    report::with_report,
    retry::{Backoff, Budget, Timeouts, TokenBucket},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{EventLog, Oops, ms, secs};

type BoxError = Box<dyn Error + Send + Sync>;

fn config() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(ms(100))).without_budget().without_observers()
}

/// A client whose calls need `&mut`, as those of database clients do.
#[derive(Default)]
struct Client {
    calls: u32,
}

impl Client {
    /// Fails twice.
    async fn transfer(&mut self) -> io::Result<u32> {
        self.calls += 1;
        sleep(ms(1)).await;
        if self.calls < 3 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(self.calls) }
    }

    async fn boxed(&mut self, _: &str) -> Result<u32, BoxError> {
        Ok(self.transfer().await?)
    }
}

#[tokio::test(start_paused = true)]
async fn a_closure_lends_its_client_to_each_attempt() {
    let (begun, mut client) = (Instant::now(), Client::default());
    let retry = RetryLayer::new(config());
    assert_eq!(retry.run_lending(async |_| client.transfer().await).await.unwrap(), 3);
    assert_eq!(begun.elapsed(), ms(203));
    let borrowed = &mut client;
    assert_eq!(retry.run_lending(async |_| borrowed.transfer().await).await.unwrap(), 4);
    assert_eq!(retry.run_lending_for(&7, async |_| client.boxed("").await).await.unwrap(), 5);
}

/// The function makes a transaction with a client that its caller lends.
async fn transfer(retry: &RetryLayer<RetryConfig>, client: &mut Client, from: u32) -> Result<u32, BoxError> {
    retry.run_with(client, async move |client, _| Ok(client.boxed("from").await? + from)).await
}

/// These futures must be `Send`. The test passes if it compiles.
#[tokio::test(start_paused = true)]
async fn a_spawned_task_can_lend_its_client() {
    let retry = Arc::new(RetryLayer::new(config()));
    let layer = retry.clone();
    let moved = tokio::spawn(async move {
        let mut client = Client::default();
        layer.run_lending(async move |_| client.boxed("").await).await
    });
    let layer = retry.clone();
    let lent = tokio::spawn(async move {
        let mut client = Client::default();
        let first = layer.run_with(&mut client, async |client, _| client.boxed("").await).await?;
        let owned = String::from("owned");
        let last = layer.run_with(&mut client, async move |client, _| client.boxed(&owned).await).await?;
        Ok::<_, BoxError>((first, last))
    });
    let layer = retry.clone();
    let nested = tokio::spawn(async move {
        let mut client = Client::default();
        transfer(&layer, &mut client, 4).await
    });
    assert_eq!(moved.await.unwrap().unwrap(), 3);
    assert_eq!(lent.await.unwrap().unwrap(), (3, 4));
    assert_eq!(nested.await.unwrap().unwrap(), 7);
}

/// In one poll, tasks beside the run get their turn.
#[tokio::test]
async fn a_lending_run_without_delays_yields() {
    let retry = RetryLayer::new(config().backoff(Backoff::fixed(ms(0))).retries(u32::MAX));
    let (mut calls, stop) = (0, std::cell::Cell::new(false));
    let run = retry.run_lending(async |_| {
        calls += 1;
        if stop.get() { Ok(()) } else { Err(Oops(1)) }
    });
    let (run, ()) = tokio::join!(run, async { stop.set(true) });
    assert_eq!(run, Ok(()));
    assert_eq!(calls, 33);
}

#[tokio::test(start_paused = true)]
async fn a_lending_attempt_times_out_and_is_repeated() {
    let events = EventLog::default();
    let limits = Timeouts::attempt(secs(1)).total(secs(3));
    let retry = RetryLayer::new(config().retries(9).timeouts(limits).observe(events.observer()));
    let (begun, mut numbers) = (Instant::now(), Vec::new());
    let run = retry.run_lending(async |attempt: Attempt| {
        numbers.push((attempt.number(), attempt.started().unwrap() - begun));
        pending::<io::Result<()>>().await
    });
    let error = run.await.unwrap_err();
    assert!(error.get_ref().unwrap().is::<Elapsed>());
    assert_eq!(begun.elapsed(), secs(3));
    assert_eq!(numbers, [(1, ms(0)), (2, ms(1_100)), (3, ms(2_200))]);
    assert!(events.last_has(&["RetryStopped", "Deadline"]));
}

/// A breaker inside counts an attempt that exceeded its time as failed.
#[tokio::test(start_paused = true)]
async fn a_circuit_inside_counts_a_timed_out_attempt() {
    let circuit = Circuit::new(BreakerConfig::default().without_observers());
    let retry = RetryLayer::new(config().retries(1).timeouts(Timeouts::attempt(secs(1))));
    let mut calls = 0;
    let run = retry.run_lending(async |_| {
        calls += 1;
        circuit.call(async || pending::<io::Result<()>>().await).await.map_err(io::Error::other)
    });
    run.await.unwrap_err();
    assert_eq!((calls, circuit.stats().total_failures), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_lending_run_reports_rejections_and_attempts() {
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(3).unwrap()).without_observers());
    let retry = RetryLayer::new(config().retries(7));
    let mut client = Client::default();
    let run = retry.run_with(&mut client, async |client, _| {
        circuit
            .call(async || {
                client.calls += 1;
                Err::<(), _>(Oops(1))
            })
            .await
    });
    let failed = with_report(run).await.unwrap_err();
    assert_eq!((circuit.state(), circuit.stats().total_rejected), (State::Open, 1));
    assert!(failed.report.cause().unwrap().is_rejection());
    assert_eq!((failed.report.attempts(), client.calls), (4, 3));
}

/// A dropped run returns the token of the attempt that it hasn't made.
#[tokio::test(start_paused = true)]
async fn a_dropped_lending_run_returns_its_token() {
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let retry = RetryLayer::new(config().shared_budget(budget.clone()));
    let mut client = Client::default();
    let run = retry.run_with(&mut client, async |client, _| client.transfer().await);
    assert!(timeout(ms(50), run).await.is_err(), "it waits");
    assert_eq!((budget.balance(), budget.stats().granted), (1, 0));
    let run = retry.run_with(&mut client, async |client, _| {
        client.calls = 0;
        client.transfer().await
    });
    let failed = with_report(run).await.unwrap_err();
    assert_eq!((budget.balance(), budget.stats().granted, budget.stats().refused), (0, 1, 1));
    assert_eq!(failed.report.cause(), Some(Cause::Budget));
}

/// A run and a run inside it deposit once, and the outcome is recorded once.
#[tokio::test(start_paused = true)]
async fn nested_lending_runs_deposit_once() {
    let budget = Arc::new(TokenBucket::retry_ratio(0.5).unwrap().min_per_second(0).initial(0).unwrap());
    let retry = RetryLayer::new(config().shared_budget(budget.clone()));
    let mut client = Client { calls: 7 };
    for _ in 0..2 {
        let run = retry.run_lending(async |_| retry.run_lending(async |_| client.transfer().await).await);
        run.await.unwrap();
    }
    assert_eq!(budget.balance(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_remains_usable_after_a_panic_or_drop() {
    let retry = RetryLayer::new(config().timeouts(Timeouts::attempt(secs(1))));
    let mut client = Client::default();
    let dropped = retry.run_with(&mut client, async |client, _| {
        client.calls += 1;
        pending::<io::Result<u32>>().await
    });
    timeout(ms(10), dropped).await.unwrap_err();
    let task = tokio::spawn(async move {
        retry.run_lending(async move |_| -> io::Result<()> { panic!("{}", client.calls) }).await
    });
    assert_eq!(task.await.unwrap_err().into_panic().downcast_ref::<String>().unwrap(), "1");
}
