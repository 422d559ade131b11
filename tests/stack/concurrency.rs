//! Ten thousand calls on two threads. Afterwards, the layers' totals must agree with the calls and
//! with each other.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::{JoinSet, yield_now};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Ratio, RetryConfig, RetryLayer, State, Verdict,
    breaker::{OpenDuration, Probes, TripRule, Window},
    observe::Event,
    retry::Backoff,
};

use crate::circuits::{counted, ended_calls};
use crate::fixed_numbers::FixedNumbers as _;

const CALLS: u64 = 10_000;

/// The outcome of call number `n`.
async fn response(n: u64) -> io::Result<u64> {
    for _ in 0..n % 3 {
        yield_now().await;
    }
    match n % 7 {
        0 | 1 => Err(io::ErrorKind::ConnectionReset.into()),
        2 => Err(io::ErrorKind::NotFound.into()),
        3 => std::future::pending().await,
        _ => Ok(n),
    }
}

/// Runs all calls concurrently, and drops each call that hasn't ended after ten polls. Returns the
/// outcomes; a dropped call has none.
async fn run_all<S>(service: S) -> Vec<Option<Result<u64, S::Error>>>
where
    S: Service<u64, Response = u64> + Clone + Send + 'static,
    S::Error: Send,
    S::Future: Send,
{
    let mut calls = JoinSet::new();
    for n in 0..CALLS {
        let service = service.clone();
        calls.spawn(async move {
            let mut call = Box::pin(service.oneshot(n));
            for _ in 0..10 {
                match poll_once(&mut call).await {
                    Some(response) => return Some(response),
                    None => yield_now().await,
                }
            }
            None
        });
    }
    calls.join_all().await
}

/// Polls once, and returns the output if it is ready.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// A circuit that opens and closes continually.
fn restless() -> BreakerConfig {
    let window = Window::count(20).unwrap().minimum(5).unwrap();
    counted()
        .open_when(TripRule::FailureRate { failing: Ratio::percent(40).unwrap(), window })
        .or_when(TripRule::consecutive(4).unwrap())
        .open_for(OpenDuration::fixed(Duration::ZERO))
        .probes(Probes::successes(2).unwrap().max_concurrent(2).unwrap().lease(Duration::from_millis(1)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_admitted_or_rejected_and_ends_once() {
    let circuit = Circuit::new(restless().classify(|outcome: Result<&u64, &io::Error>| match outcome {
        Ok(_) => Verdict::Success,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Verdict::Neutral,
        Err(_) => Verdict::transient(),
    }));
    let asked = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&asked);
    let service = ServiceBuilder::new().layer(BreakerLayer::on(&circuit)).service(service_fn(move |n| {
        counts.fetch_add(1, Ordering::Relaxed);
        response(n)
    }));
    let answers = run_all(service).await;

    let answered = || answers.iter().flatten();
    let rejected = answered().flat_map(|response| response.as_ref().err()?.rejection()).count() as u64;
    let succeeded = answered().flatten().count() as u64;
    let given_up = CALLS - answered().count() as u64;
    let [successes, failures, neutral, dropped] = ended_calls(&circuit);
    let stats = circuit.stats();
    assert_eq!(stats.total_rejected, rejected);
    assert_eq!(stats.total_admitted, Some(CALLS - rejected));
    assert_eq!(stats.total_admitted, Some(asked.load(Ordering::Relaxed)));
    assert_eq!((successes, dropped), (succeeded, given_up));
    assert_eq!(successes + failures + neutral + dropped + rejected, CALLS);
    assert!(stats.transitions > 2 && rejected > 0, "the trial is one: {stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_the_full_stack_has_one_response() {
    let circuit = Circuit::new(restless());
    let events = Arc::new([const { AtomicU64::new(0) }; 2]);
    let recorder = Arc::clone(&events);
    let asked = Arc::new(AtomicU64::new(0));
    let sees = Arc::clone(&asked);
    let missing = Arc::new(AtomicU64::new(0));
    let misses = Arc::clone(&missing);
    let retry = RetryConfig::default()
        .idempotent()
        .without_observers()
        .without_budget()
        .backoff(Backoff::exponential(Duration::ZERO))
        .observe(move |event: &Event<'_>| {
            if let Event::RetryScheduled { .. } | Event::RejectionWait { .. } = event {
                recorder[0].fetch_add(1, Ordering::Relaxed);
            }
        });
    let recorder = Arc::clone(&events);
    let fallback = FallbackLayer::value(u64::MAX).without_observers().observe(move |event: &Event<'_>| {
        if let Event::FallbackCalled { .. } = event {
            recorder[1].fetch_add(1, Ordering::Relaxed);
        }
    });
    let stack =
        ServiceBuilder::new().layer(fallback).layer(RetryLayer::new(retry)).layer(BreakerLayer::on(&circuit)).service(
            service_fn(move |n| {
                sees.fetch_add(1, Ordering::Relaxed);
                let misses = Arc::clone(&misses);
                async move {
                    let answer = response(n).await;
                    if answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                        misses.fetch_add(1, Ordering::Relaxed);
                    }
                    answer
                }
            }),
        );
    let answers = run_all(stack).await;

    assert_eq!(answers.len() as u64, CALLS);
    assert!(answers.iter().flatten().all(Result::is_ok), "the fallback responds whenever the service doesn't");
    let from_fallback = answers.iter().flatten().flatten().filter(|response| **response == u64::MAX).count() as u64;
    let from_service = answers.iter().flatten().flatten().filter(|response| **response != u64::MAX).count() as u64;
    let given_up = answers.iter().filter(|response| response.is_none()).count() as u64;
    let stats = circuit.stats();
    let [successes, ..] = ended_calls(&circuit);
    assert_eq!(from_fallback, events[1].load(Ordering::Relaxed));
    // `NotFound` is a healthy answer to the breaker, and a failure to the fallback.
    assert_eq!(from_service + missing.load(Ordering::Relaxed), successes);
    assert_eq!(from_fallback + from_service + given_up, CALLS);
    assert_eq!(stats.total_admitted, Some(asked.load(Ordering::Relaxed)));
    // Each scheduled retry reached the circuit as an attempt, unless the caller gave up during the
    // wait.
    let attempts = stats.total_admitted.unwrap() + stats.total_rejected;
    let scheduled = CALLS + events[0].load(Ordering::Relaxed);
    assert!((scheduled - given_up..=scheduled).contains(&attempts), "{attempts} attempts of {scheduled}");
    assert!(stats.transitions > 2, "the trial is one: {stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_probes_never_exceed_their_limit() {
    let probes = Probes::successes(200).unwrap().max_concurrent(3).unwrap();
    let config = BreakerConfig::default()
        .fixed()
        .without_observers()
        .open_for(OpenDuration::fixed(Duration::ZERO))
        .probes(probes);
    let circuit = Circuit::new(config);
    for _ in 0..5 {
        circuit.try_acquire().unwrap().failure();
    }
    assert_eq!(circuit.state(), State::HalfOpen);
    let out = Arc::new(AtomicU64::new(0));
    let mut calls = JoinSet::new();
    for n in 0..CALLS {
        let (circuit, out) = (circuit.clone(), Arc::clone(&out));
        calls.spawn(async move {
            let Ok(permit) = circuit.try_acquire() else { return };
            assert!(out.fetch_add(1, Ordering::SeqCst) < 3 || circuit.state() == State::Closed);
            yield_now().await;
            out.fetch_sub(1, Ordering::SeqCst);
            if n % 2 == 0 { permit.success() } else { drop(permit) }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    assert_eq!(out.load(Ordering::SeqCst), 0);
}

#[test]
fn every_failure_of_a_row_counts_on_any_thread() {
    for _ in 0..50 {
        let circuit = Circuit::new(counted().open_when(TripRule::consecutive(2_000).unwrap()));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..1_000).for_each(|_| circuit.try_acquire().unwrap().failure()));
            }
        });
        assert_eq!((circuit.state(), circuit.stats().transitions), (State::Open, 1));
        assert_eq!(ended_calls(&circuit), [0, 2_000, 0, 0]);
    }
}

#[test]
fn handles_on_two_threads_never_mix_up_their_circuits() {
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            scope.spawn(move || {
                let mut late = Vec::new();
                for round in 0..5_000 {
                    let circuit = Circuit::new(counted());
                    late.push(circuit.try_acquire().unwrap());
                    circuit.try_acquire().unwrap().failure();
                    if round % 16 == thread {
                        late.drain(..).for_each(|permit| permit.failure());
                    }
                    let stats = circuit.stats();
                    assert!(stats.total_failures <= 2 && stats.state == State::Closed, "{stats:?}");
                }
            });
        }
    });
}

#[test]
fn totals_add_up_when_counting_is_switched_under_load() {
    let on = BreakerConfig::default().fixed().without_observers().count_all_calls();
    let off = BreakerConfig::default().fixed().without_observers();
    let circuit = Circuit::new(off.clone());
    let switching = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for n in 0..3_u64 {
            let (circuit, switching) = (&circuit, &switching);
            scope.spawn(move || {
                while switching.load(Ordering::Relaxed) < 20_000 {
                    let permit = circuit.try_acquire().unwrap();
                    match n {
                        0 => permit.neutral(),
                        _ => permit.success(),
                    }
                }
            });
        }
        for _ in 0..10_000 {
            circuit.reconfigure(on.clone());
            circuit.reconfigure(off.clone());
            switching.fetch_add(2, Ordering::Relaxed);
        }
    });
    circuit.reconfigure(on);
    ended_calls(&circuit);
}
