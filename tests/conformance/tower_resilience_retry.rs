//! tower-resilience 0.13 and 0.14: its retry layer, its backoff, its events, and their order with a
//! time limit. As in its tests, the waits have no jitter and there is no budget.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    Elapsed, RetryConfig, RetryLayer,
    observe::Event,
    retry::{Backoff, Jitter, Timeouts},
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn attempts(attempts: u32) -> RetryConfig {
    RetryConfig::default().idempotent().without_budget().retries(attempts - 1).backoff(Backoff::fixed(ms(10)))
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// A service that fails `times` times and then responds with the number of the call. Also returns
/// the record of when the calls were made.
fn fails(
    times: usize,
) -> (Arc<Mutex<Vec<Instant>>>, impl Service<(), Response = usize, Error = io::Error, Future: Send> + Clone) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let made = Arc::clone(&calls);
    let service = service_fn(move |()| {
        let mut calls = calls.lock().unwrap();
        calls.push(Instant::now());
        let response = if calls.len() > times { Ok(calls.len()) } else { Err(reset()) };
        async move { response }
    });
    (made, service)
}

#[tokio::test(start_paused = true)]
async fn attempts_and_waits() {
    let (calls, service) = fails(50);
    let response = ServiceBuilder::new().layer(RetryLayer::new(attempts(100))).service(service).oneshot(()).await;
    assert_eq!((response.unwrap(), calls.lock().unwrap().len()), (51, 51), "t1");

    let backoff = Backoff::exponential(ms(50)).max(ms(150)).jitter(Jitter::None);
    let (calls, service) = fails(4);
    let layer = RetryLayer::new(attempts(5).backoff(backoff));
    ServiceBuilder::new().layer(layer).service(service).oneshot(()).await.unwrap();
    let waits: Vec<_> = calls.lock().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [ms(50), ms(100), ms(150), ms(150)], "t3");
}

#[test]
fn multipliers() {
    for multiplier in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = Backoff::exponential(s(1)).factor(multiplier).unwrap_err();
        assert_eq!((refused.field(), refused.value()), ("factor", &*format!("{multiplier:?}")), "t5");
    }
    let third = |max| {
        let backoff = Backoff::exponential(s(1)).factor(f64::MAX).unwrap();
        backoff.max(max).jitter(Jitter::None).delays(0).nth(2)
    };
    assert_eq!(third(Duration::MAX), Some(Duration::MAX), "t7");
    assert_eq!(third(s(60)), Some(s(60)), "t7, with a cap");
}

/// The events of one request to a service that fails `failures` times.
async fn events(config: RetryConfig, failures: usize) -> Vec<(&'static str, u32, Duration)> {
    let events = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&events);
    let config = config.without_observers().observe(move |event: &Event<'_>| {
        recorder.lock().unwrap().push(match *event {
            Event::RetryScheduled { attempt, delay, .. } => ("retry", attempt, delay),
            Event::RetrySucceeded { attempt, .. } => ("success", attempt, Duration::ZERO),
            Event::RetryStopped { attempt, .. } => ("stopped", attempt, Duration::ZERO),
            ref other => panic!("{other:?}"),
        });
    });
    let _ = ServiceBuilder::new().layer(RetryLayer::new(config)).service(fails(failures).1).oneshot(()).await;
    events.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn events_of_a_retry() {
    let seen = events(attempts(5), 2).await;
    assert_eq!(seen, [("retry", 1, ms(10)), ("retry", 2, ms(10)), ("success", 3, ms(0))], "t10");
    let seen = events(attempts(3), usize::MAX).await;
    assert_eq!(seen, [("retry", 1, ms(10)), ("retry", 2, ms(10)), ("stopped", 3, ms(0))], "t11");
}

/// t14: attempts take 500 ms and fail, the wait is 100 ms, and the total limit is 1 s. The limit is
/// set by tower's timeout around the retry, as in tower-resilience, or by the retry itself.
#[tokio::test(start_paused = true)]
async fn a_time_limit_around_all_attempts_ends_the_second() {
    let slow = || {
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let service = service_fn(move |()| {
            counted.fetch_add(1, Ordering::Relaxed);
            async {
                sleep(ms(500)).await;
                Err::<Infallible, BoxError>("fails".into())
            }
        });
        (calls, service)
    };
    let config = || attempts(10).backoff(Backoff::fixed(ms(100)));

    let (calls, service) = slow();
    let began = Instant::now();
    let around = ServiceBuilder::new().timeout(s(1)).layer(RetryLayer::new(config())).service(service);
    let error = around.oneshot(()).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>(), "t14: {error:?}");
    assert_eq!((began.elapsed(), calls.load(Ordering::Relaxed)), (s(1), 2), "t14, tower's timeout");

    let (calls, service) = slow();
    let began = Instant::now();
    let layer = RetryLayer::new(config().timeouts(Timeouts::request(s(1))));
    let error = ServiceBuilder::new().layer(layer).service(service).oneshot(()).await.unwrap_err();
    assert!(error.downcast_ref::<Elapsed>().is_some_and(Elapsed::is_deadline), "t14: {error:?}");
    assert_eq!((began.elapsed(), calls.load(Ordering::Relaxed)), (s(1), 2), "t14, the retry's own limit");
}

/// t16: three listeners, of which the second panics. tower-resilience catches the panic and
/// continues. We pass it on to the caller whose event it was, because a panic in an observer is a
/// bug that shouldn't be hidden. It affects only this call.
#[tokio::test(start_paused = true)]
async fn a_listener_that_panics() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let listener = |number: u32| {
        let received = Arc::clone(&received);
        move |event: &Event<'_>| {
            let kind = match event {
                Event::RetryScheduled { .. } => "retry",
                Event::RetrySucceeded { .. } => "success",
                other => panic!("{other:?}"),
            };
            received.lock().unwrap().push((number, kind));
        }
    };
    let panics = Arc::new(AtomicU32::new(1));
    let left = Arc::clone(&panics);
    let second = move |_: &Event<'_>| {
        let more = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(more.is_err(), "as in the row");
    };
    let config = attempts(3).without_observers().observe(listener(1)).observe(second).observe(listener(3));
    let layer = RetryLayer::new(config);
    let (calls, service) = fails(1);
    let stack = ServiceBuilder::new().layer(layer.clone()).service(service);
    let call = tokio::spawn(stack.oneshot(()));
    assert!(call.await.unwrap_err().is_panic(), "t16: the call in which it panics");
    assert_eq!(*received.lock().unwrap(), [(1, "retry")], "t16: the listeners before it");
    assert_eq!(calls.lock().unwrap().len(), 1, "t16");

    received.lock().unwrap().clear();
    let response = ServiceBuilder::new().layer(layer).service(fails(1).1).oneshot(()).await;
    assert_eq!(response.unwrap(), 2, "t16: the next call gets its response");
    let all = [(1, "retry"), (3, "retry"), (1, "success"), (3, "success")];
    assert_eq!(*received.lock().unwrap(), all, "t16: and all listeners receive it");
}
