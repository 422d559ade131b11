//! The main paths: each calls one service a thousand times.

use std::{
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Ratio, RetryConfig, RetryLayer,
    breaker::{OpenDuration, State, TripRule, Window},
    retry::{Backoff, Jitter},
};

pub const CALLS: u64 = 1_000;

type Answer = Result<u64, &'static str>;

pub fn succeeds(request: u64) -> Ready<Answer> {
    ready(Ok(black_box(request)))
}

fn fails(_: u64) -> Ready<Answer> {
    ready(Err(black_box("down")))
}

/// A thousand calls of a service, after a thousand uncounted ones that make the allocations per
/// thread and fill windows and budgets.
pub type Calls = Box<dyn FnMut()>;

pub fn of<S: Service<u64> + 'static>(mut service: S) -> Calls {
    let mut calls = move || {
        let mut context = Context::from_waker(Waker::noop());
        for request in 0..CALLS {
            assert!(service.poll_ready(&mut context).is_ready());
            // Inspects the result in place, so that moving it isn't counted.
            match &pin!(service.call(black_box(request))).poll(&mut context) {
                Poll::Ready(result) => black_box(result.is_ok()),
                Poll::Pending => panic!("the service responds at once"),
            };
        }
    };
    calls();
    Box::new(calls)
}

fn window(window: Window) -> BreakerConfig {
    BreakerConfig::default().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
}

fn at_once(config: RetryConfig) -> RetryConfig {
    config.retries(2).backoff(Backoff::fixed(Duration::ZERO).jitter(Jitter::None)).without_observers()
}

pub fn bare() -> Calls {
    of(service_fn(succeeds))
}

pub fn retry_without_budget() -> Calls {
    of(RetryLayer::new(RetryConfig::default().without_budget()).layer(service_fn(succeeds)))
}

pub fn retry() -> Calls {
    of(RetryLayer::new(RetryConfig::default()).layer(service_fn(succeeds)))
}

pub fn retry_spent() -> Calls {
    of(RetryLayer::new(at_once(RetryConfig::default().idempotent().without_budget())).layer(service_fn(fails)))
}

pub fn breaker() -> Calls {
    of(BreakerLayer::new(BreakerConfig::default()).layer(service_fn(succeeds)))
}

pub fn breaker_with_a_window_of_calls() -> Calls {
    of(BreakerLayer::new(window(Window::count(100).unwrap())).layer(service_fn(succeeds)))
}

/// A window of 4,000 calls with ten failures: too few to open the circuit.
pub fn breaker_with_failures_in_its_window() -> Calls {
    let circuit = Circuit::new(window(Window::count(4_000).unwrap()).without_observers());
    let service = BreakerLayer::on(&circuit).layer(service_fn(succeeds));
    (0..10).for_each(|_| circuit.try_acquire().unwrap().failure());
    of(service)
}

pub fn breaker_with_a_window_of_time() -> Calls {
    of(BreakerLayer::new(window(Window::time(Duration::from_secs(10)).unwrap())).layer(service_fn(succeeds)))
}

pub fn breaker_rejecting() -> Calls {
    let config = BreakerConfig::default().open_when(TripRule::consecutive(5).unwrap());
    let circuit = Circuit::new(config.without_observers().open_for(OpenDuration::fixed(Duration::from_secs(600))));
    (0..5).for_each(|_| circuit.try_acquire().unwrap().failure());
    assert_eq!(circuit.state(), State::Open);
    of(BreakerLayer::on(&circuit).layer(service_fn(succeeds)))
}

pub fn keyed() -> Calls {
    of(BreakerLayer::keyed(BreakerConfig::default(), |request: &u64| request % 100).layer(service_fn(succeeds)))
}

pub fn fallback() -> Calls {
    of(FallbackLayer::value(0).layer(service_fn(succeeds)))
}

pub fn stack() -> Calls {
    let layers = ServiceBuilder::new()
        .layer(FallbackLayer::value(0))
        .layer(RetryLayer::new(RetryConfig::default()))
        .layer(BreakerLayer::new(BreakerConfig::default()));
    of(layers.service(service_fn(succeeds)))
}
