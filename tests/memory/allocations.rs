//! Allocations: a healthy call makes none, and a rejection makes none.
//!
//! Most tests poll the futures themselves, so that a runtime's allocations don't count. Each count
//! covers only the thread of the test.

use std::{
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Ratio, RetryConfig, RetryLayer,
    breaker::{TripRule, Window},
    observe::Event,
    retry::{RetryQuota, RetrySwitch},
};

use crate::circuits::{counted, open};

type Answer = Result<u64, &'static str>;

/// Polls the service ready, calls it, and polls the call to its end.
fn call<S: Service<u64>>(service: &mut S) -> Result<S::Response, S::Error> {
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    match pin!(service.call(7)).poll(&mut context) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the service responds at once"),
    }
}

/// The allocations of 100 calls. 300 calls come first, because the first calls of a thread make
/// allocations that later calls don't.
fn allocations<S: Service<u64>>(mut service: S, expected: fn(&Result<S::Response, S::Error>) -> bool) -> u64 {
    for _ in 0..300 {
        assert!(expected(&call(&mut service)));
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert!(expected(&call(&mut service)));
        }
    });
    counted.count_total
}

fn succeeds(request: u64) -> Ready<Answer> {
    ready(Ok(request))
}

fn fails(_: u64) -> Ready<Answer> {
    ready(Err("down"))
}

fn both_rules(config: BreakerConfig) -> BreakerConfig {
    let window = Window::count(100).unwrap();
    let slow = TripRule::SlowCallRate { longer_than: Duration::from_secs(1), share: Ratio::HALF, window };
    config.open_when(TripRule::FailureRate { failing: Ratio::HALF, window }).or_when(slow)
}

#[test]
fn the_counter_counts_an_allocation() {
    let boxes = service_fn(|request| ready(Ok::<_, ()>(Box::new(request))));
    assert_eq!(allocations(boxes, Result::is_ok), 100);
}

#[test]
fn a_healthy_call_through_a_breaker_allocates_nothing() {
    for config in [BreakerConfig::default(), counted(), both_rules(BreakerConfig::default()), both_rules(counted())] {
        assert_eq!(allocations(BreakerLayer::new(config).layer(service_fn(succeeds)), Result::is_ok), 0);
    }
}

#[test]
fn a_failure_that_is_counted_allocates_nothing() {
    let config = BreakerConfig::default().without_observers().open_when(TripRule::consecutive(1_000_000).unwrap());
    assert_eq!(allocations(BreakerLayer::new(config).layer(service_fn(fails)), Result::is_err), 0);
}

#[test]
fn a_healthy_call_through_a_retry_allocates_nothing() {
    for config in [RetryConfig::default().idempotent(), RetryConfig::default().idempotent().without_budget()] {
        assert_eq!(allocations(RetryLayer::new(config).layer(service_fn(succeeds)), Result::is_ok), 0);
    }
}

#[test]
fn a_healthy_call_with_all_retry_settings_allocates_nothing() {
    let quota = RetryQuota::new().max_per_key(3).max_total(9);
    let config = RetryConfig::default().idempotent().switch(&RetrySwitch::on()).quota(&quota, |request: &u64| *request);
    let layer = RetryLayer::new(config).before_resend(|request: u64, _| ready(request));
    assert_eq!(allocations(layer.layer(service_fn(succeeds)), Result::is_ok), 0);
    let run = service_fn(move |request| layer.run_for(&request, move |_| succeeds(request)));
    assert_eq!(allocations(run, Result::is_ok), 0);
}

#[test]
fn a_reported_request_allocates_nothing() {
    let config = RetryConfig::default().idempotent().without_observers().observe(|_: &Event<'_>| {}).report_requests();
    assert_eq!(allocations(RetryLayer::new(config).layer(service_fn(succeeds)), Result::is_ok), 0);
}

#[test]
fn a_healthy_call_through_a_fallback_allocates_nothing() {
    let service = FallbackLayer::value(0).layer(service_fn(succeeds));
    assert_eq!(allocations(service, |response| *response == Ok(7)), 0);
    let service = FallbackLayer::new(service_fn(fails)).layer(service_fn(succeeds));
    assert_eq!(allocations(service, |response| *response == Ok(7)), 0);
}

#[test]
fn a_healthy_call_through_all_three_allocates_nothing() {
    let stack = ServiceBuilder::new()
        .layer(FallbackLayer::value(0))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::new(BreakerConfig::default()))
        .service(service_fn(succeeds));
    assert_eq!(allocations(stack, |response| *response == Ok(7)), 0);
}

#[test]
fn a_function_on_a_circuit_allocates_nothing() {
    let circuit = Circuit::new(BreakerConfig::default());
    let service = service_fn(|request| {
        let circuit = circuit.clone();
        async move { circuit.call(|| succeeds(request)).await }
    });
    assert_eq!(allocations(service, Result::is_ok), 0);
}

#[test]
fn a_rejection_allocates_nothing() {
    let circuit = Circuit::new(BreakerConfig::default().name("payments"));
    open(&circuit);
    let service = BreakerLayer::on(&circuit).layer(service_fn(succeeds));
    assert_eq!(allocations(service, Result::is_err), 0);
    let counted = allocation_counter::measure(|| assert!(circuit.try_acquire().is_err()));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn a_rejection_with_an_owned_circuit_name_allocates_nothing() {
    let circuit = Circuit::new(BreakerConfig::default().name(format!("shard-{}", 7)));
    open(&circuit);
    assert_eq!(allocations(BreakerLayer::on(&circuit).layer(service_fn(succeeds)), Result::is_err), 0);
}

#[test]
fn a_fallback_response_for_a_rejection_allocates_nothing() {
    // The circuit is open for longer than the retry would wait.
    let circuit = Circuit::new(crate::circuits::plain());
    open(&circuit);
    let stack = ServiceBuilder::new()
        .layer(FallbackLayer::value(0))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(succeeds));
    assert_eq!(allocations(stack, |response| *response == Ok(0)), 0);
}

// recloser leaked at every transition, 1.29 MB in 20,000 calls.
#[test]
fn opening_and_closing_leaks_nothing() {
    let circuit = Circuit::new(both_rules(crate::circuits::plain().without_observers()));
    let round = || {
        open(&circuit);
        circuit.reset();
        circuit.try_acquire().unwrap().success();
    };
    round();
    let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| round()));
    assert_eq!((counted.count_total, counted.bytes_current), (0, 0));
}

/// A body that is pending before each frame.
#[cfg(feature = "http")]
struct Waits {
    is_pending: bool,
}

#[cfg(feature = "http")]
impl http_body::Body for Waits {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        self.is_pending = !self.is_pending;
        if self.is_pending {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(http_body::Frame::data(bytes::Bytes::from_static(b"x")))))
    }
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn body_time_limits_allocate_once_per_body() {
    use http_body::Body;
    use tower_recourse::http::BodyTimeoutLayer;

    let limits = BodyTimeoutLayer::new().idle(Duration::from_secs(1)).unwrap();
    let limits = limits.total(Duration::from_secs(9)).unwrap();
    let server = |_: http::Request<()>| {
        ready(Ok::<_, std::convert::Infallible>(http::Response::new(Waits { is_pending: false })))
    };
    let mut service = limits.layer(service_fn(server));
    let mut body = pin!(service.call(http::Request::new(())).await.unwrap().into_body());
    let mut context = Context::from_waker(Waker::noop());
    let mut allocations = |frames: usize| {
        let mut read = || {
            for _ in 0..frames {
                assert!(body.as_mut().poll_frame(&mut context).is_pending());
                assert!(body.as_mut().poll_frame(&mut context).is_ready());
            }
        };
        allocation_counter::measure(&mut read).count_total
    };
    assert_eq!((allocations(1), allocations(40)), (1, 0));
}
