//! The size that the layers add to the service's future. Run it with `--nocapture` to see the
//! figures.

use std::{
    future::{Ready, ready},
    mem::{size_of, size_of_val},
};

use tokio::time::Sleep;
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, FallbackLayer, RetryConfig, RetryLayer, breaker::Permit};

type Answer = Result<[u64; 4], [u64; 2]>;
/// An `Option` of this type is no larger than the type itself, as for most request types.
type Request = String;

/// A service of size zero, with a future of exactly `INNER` bytes.
fn inner() -> impl Service<Request, Response = [u64; 4], Error = [u64; 2], Future = Ready<Answer>> + Clone {
    service_fn(|_: Request| ready(Ok([0; 4])))
}

const INNER: usize = size_of::<Ready<Answer>>();

fn added(what: &str, future: impl Sized) -> usize {
    let added = size_of_val(&future) - INNER;
    println!("{what}: {added} bytes over the service's {INNER}");
    added
}

#[test]
fn a_breaker_adds_24_bytes() {
    let mut service = BreakerLayer::new(BreakerConfig::default()).layer(inner());
    assert_eq!(added("breaker", service.call(String::new())), 24);
    assert!(size_of::<Permit>() <= 24);
}

#[test]
fn a_breaker_service_adds_at_most_128_bytes() {
    let service = BreakerLayer::new(BreakerConfig::default()).layer(inner());
    println!("breaker, the service: {} bytes over the inner service's", size_of_val(&service) - size_of_val(&inner()));
    assert!(size_of_val(&service) - size_of_val(&inner()) <= 128);
    assert_eq!(size_of::<Circuit>(), size_of::<usize>());
}

#[test]
fn a_retry_adds_at_most_96_bytes_to_request_and_timer() {
    let kept = size_of::<Request>() + size_of::<Sleep>();
    let mut service = RetryLayer::new(RetryConfig::default().idempotent()).layer(inner());
    let added = added("retry", service.call(String::new()));
    println!("retry: {kept} of them for the request and the timer ({})", size_of::<Sleep>());
    assert!(added <= kept + 96);
}

#[test]
fn a_fallback_adds_at_most_40_bytes_to_outcome_and_value() {
    let outcome = size_of::<Answer>();
    let mut service = FallbackLayer::value([0u64; 4]).layer(inner());
    let value = size_of::<[u64; 4]>();
    assert!(added("fallback", service.call(String::new())) <= outcome + value + 40);
}

#[test]
fn a_stack_adds_the_sum_of_its_layers() {
    let mut stack = ServiceBuilder::new()
        .layer(FallbackLayer::value([0u64; 4]))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::new(BreakerConfig::default()))
        .service(inner());
    let kept = size_of::<Request>() + size_of::<Sleep>() + size_of::<Answer>() + size_of::<[u64; 4]>();
    assert!(added("all three", stack.call(String::new())) <= kept + 288);
}
