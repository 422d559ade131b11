//! The contract of services: tower-resilience 0.13 and 0.14 (`t`), seatbelt 0.11 (`s`).

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, FallbackError, FallbackLayer, State,
    breaker::{OpenDuration, Probes, TripRule},
    fallback::PrimaryFailure,
    time::ManualClock,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Text(&'static str);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Text {}

/// t34: half-open with one probe. Eight clones are all ready, and all are called at once.
#[tokio::test]
async fn one_of_eight_concurrent_calls_is_the_probe() {
    let clock = ManualClock::new();
    let config = BreakerConfig::default()
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(1)))
        .probes(Probes::one())
        .clock(clock.clone());
    let layer = BreakerLayer::new(config);
    let circuit = layer.circuit();
    circuit.try_acquire().unwrap().failure();
    clock.advance(Duration::from_secs(1));

    let (end, ended) = oneshot::channel::<()>();
    let (calls, probe) = (Arc::new(AtomicU32::new(0)), Arc::new(tokio::sync::Mutex::new(Some(ended))));
    let counted = Arc::clone(&calls);
    let service = layer.layer(service_fn(move |()| {
        counted.fetch_add(1, Ordering::Relaxed);
        let probe = Arc::clone(&probe);
        async move {
            probe.lock().await.take().expect("one probe").await.unwrap();
            Ok::<_, Text>("well")
        }
    }));
    let mut clones: Vec<_> = (0..8).map(|_| service.clone()).collect();
    let mut ready = Vec::new();
    for clone in &mut clones {
        ready.push(clone.ready().await.unwrap());
    }
    let called: Vec<_> = ready.into_iter().map(|clone| tokio::spawn(clone.call(()))).collect();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!((circuit.state(), calls.load(Ordering::Relaxed)), (State::HalfOpen, 1), "t34: until it ends");
    end.send(()).unwrap();
    let mut answers = Vec::new();
    for call in called {
        answers.push(call.await.unwrap());
    }
    let rejected = answers.iter().filter(|response| matches!(response, Err(BreakerError::Rejected(_)))).count();
    assert_eq!((rejected, answers.iter().filter(|response| response.is_ok()).count()), (7, 1), "t34");
    assert_eq!((circuit.state(), calls.load(Ordering::Relaxed)), (State::Closed, 1), "t34: its end");
}

/// A backup that counts its calls.
#[derive(Clone, Default)]
struct Counted {
    polls: Arc<AtomicU32>,
    calls: Arc<AtomicU32>,
}

impl Service<()> for Counted {
    type Response = &'static str;
    type Error = Text;
    type Future = std::future::Ready<Result<&'static str, Text>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Text>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok("backup"))
    }
}

/// t44: the predicate returns false. In the second row it returns true.
#[tokio::test]
async fn the_predicate_decides_whether_the_backup_is_called() {
    for (says, polls, calls) in [(false, 0, 0), (true, 1, 1)] {
        let backup = Counted::default();
        let layer =
            FallbackLayer::new(backup.clone()).when(move |outcome: Result<&&str, &Text>| outcome.is_err() && says);
        let primary = service_fn(|()| async { Err::<&'static str, _>(Text("primary")) });
        let response = layer.layer(primary).oneshot(()).await;
        let expected = if says { Ok("backup") } else { Err(FallbackError::Primary(Text("primary"))) };
        assert_eq!(response, expected, "t44, {says}");
        let seen = (backup.polls.load(Ordering::Relaxed), backup.calls.load(Ordering::Relaxed));
        assert_eq!(seen, (polls, calls), "t44, {says}: the backup's polls and calls");
    }
}

/// t48: the primary fails, and a cache that has one key is the backup.
#[tokio::test]
async fn a_cache_responds_for_the_keys_that_it_has() {
    let cache = HashMap::from([("key1", "cached value")]);
    let backup = service_fn(move |key: &'static str| {
        let found = cache.get(key).copied().ok_or(Text("not in cache"));
        async move { found }
    });
    let primary = service_fn(|_: &'static str| async { Err::<&'static str, _>(Text("primary")) });
    let service = ServiceBuilder::new().layer(FallbackLayer::new(backup)).service(primary);
    assert_eq!(service.clone().oneshot("key1").await, Ok("cached value"), "t48");
    let error = service.oneshot("key3").await.unwrap_err();
    assert_eq!(error.backup(), Some(&Text("not in cache")), "t48");
    // tower-resilience returns only the backup's error. We return both, because the first error
    // shows what must be fixed.
    assert_eq!(error.primary(), &Text("primary"), "t48");
    assert_eq!(error.to_string(), "primary, and the fallback failed: not in cache", "t48");
}

/// s66: the action receives the outcome of the primary.
#[tokio::test]
async fn the_action_receives_the_original_outcome() {
    let action = |failed: PrimaryFailure<'_, String, Text>| {
        let recovered = failed.outcome.map_or_else(|error| format!("recovered from: {error}"), Clone::clone);
        async move { Ok::<_, Text>(recovered) }
    };
    let primary = service_fn(|()| async { Err::<String, _>(Text("specific_error")) });
    let service = ServiceBuilder::new().layer(FallbackLayer::from_fn(action)).service(primary);
    assert_eq!(service.oneshot(()).await.unwrap(), "recovered from: specific_error", "s66");
}
