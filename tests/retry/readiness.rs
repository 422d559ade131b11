//! Readiness before every call, and requests that aren't `Clone`.

use std::{pin::pin, task::Poll};

use tokio_test::{assert_pending, assert_ready, assert_ready_ok};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit};
use tower_recourse::{
    RetryConfig, RetryLayer,
    retry::{Backoff, Timeouts, TokenBucket},
};
use tower_test::mock;

use crate::scripted::*;

fn without_delay() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::none())
}

/// A request that isn't `Clone`.
#[derive(Debug, PartialEq)]
struct Upload(&'static str);

/// tonic-xds: a new clone was called without being polled ready. `Script` panics if it is called
/// before it is polled ready, and its clones start unready. So all tests that use it check this.
#[tokio::test(start_paused = true)]
async fn each_attempt_uses_the_instance_that_was_ready() {
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1))]);
    let mut retry = RetryLayer::new(without_delay()).layer(inner.clone());
    for _ in 0..3 {
        assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
    }
    assert_eq!(inner.calls(), 12);
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_the_service_is() {
    let (mut retry, mut handle) = mock::spawn_layer::<(), &str, _>(RetryLayer::new(without_delay()));
    handle.allow(0);
    assert_pending!(retry.poll_ready());
    handle.allow(1);
    assert!(retry.is_woken());
    assert_ready_ok!(retry.poll_ready());
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_until_the_service_is_ready_again() {
    let (mut retry, mut handle) = mock::spawn_layer::<&str, &str, _>(RetryLayer::new(without_delay()));
    handle.allow(1);
    assert_ready_ok!(retry.poll_ready());
    let mut call = tokio_test::task::spawn(retry.call("hello"));
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_error("no");
    assert_pending!(call.poll());
    assert_pending!(pin!(handle.next_request()).as_mut().poll(&mut noop()), "no call before it is ready");
    handle.allow(1);
    assert!(call.is_woken());
    assert_pending!(call.poll());
    let (request, respond) = handle.next_request().await.unwrap();
    assert_eq!(request, "hello");
    respond.send_response("yes");
    assert_eq!(assert_ready!(call.poll()).unwrap(), "yes");
}

fn noop() -> std::task::Context<'static> {
    std::task::Context::from_waker(std::task::Waker::noop())
}

/// tower 0.5: readiness errors bypassed the policy.
#[tokio::test(start_paused = true)]
async fn a_readiness_error_is_an_outcome_that_is_retried() {
    let inner = Script::new([readiness_error(Oops(1)), readiness_error(Oops(2)), succeed("yes")]);
    let events = EventLog::default();
    let mut retry = RetryLayer::new(without_delay().observe(events.observer())).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok("yes"));
    assert_eq!((inner.calls(), events.count("RetryScheduled")), (1, 2));
    assert!(events.last_has(&["RetrySucceeded", "attempt: 3"]));
}

#[tokio::test(start_paused = true)]
async fn readiness_errors_count_as_attempts() {
    let inner = Script::<_, &str, Oops>::new([readiness_error(Oops(1))]);
    let mut retry = RetryLayer::new(without_delay()).layer(inner.clone());
    assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_readiness_error_affects_one_call_only() {
    let inner = Script::new([readiness_error(Oops(1)), succeed("yes")]);
    let events = EventLog::default();
    let mut retry = RetryLayer::new(without_delay().observe(events.observer())).layer(inner.clone());
    ServiceExt::<()>::ready(&mut retry).await.unwrap();
    let mut twin = retry.clone();
    assert_eq!(ready_and_call(&mut twin, ()).await, Ok("yes"), "a clone has met no error");
    assert_eq!(events.count(""), 0);
    assert_eq!(retry.call(()).await, Ok("yes"));
    assert_eq!(events.count("RetryScheduled"), 1);
    assert_eq!(ready_and_call(&mut retry, ()).await, Ok("yes"));
    assert_eq!(events.count("RetryScheduled"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_need_not_be_clone() {
    let inner = Script::new([fail(Oops(1)), succeed("yes")]);
    let layer = RetryLayer::new(without_delay()).copy_request_with(|upload: &Upload| Some(Upload(upload.0)));
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), Upload("file")).await, Ok("yes"));
    assert_eq!(inner.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_not_stored_is_sent_once() {
    let inner = Script::new([fail(Oops(1)), succeed("not called")]);
    let events = EventLog::default();
    let config = without_delay().observe(events.observer());
    let layer = RetryLayer::new(config).copy_request_with(|_: &Upload| None);
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), Upload("file")).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);
    assert!(events.last_has(&["RetryStopped", "NotReplayable"]));
}

/// A request that was never sent can still be sent, even if no copy of it was stored. tower 0.5
/// didn't send such a request.
#[tokio::test(start_paused = true)]
async fn an_unsent_request_can_be_sent_without_a_copy() {
    let inner = Script::new([readiness_error(Oops(1)), readiness_error(Oops(2)), fail(Oops(3)), succeed("not called")]);
    let events = EventLog::default();
    let layer = RetryLayer::new(without_delay().observe(events.observer())).copy_request_with(|_: &Upload| None);
    assert_eq!(ready_and_call(&mut layer.layer(inner.clone()), Upload("file")).await, Err(Oops(3)));
    assert_eq!(inner.calls(), 1, "once sent, it can't be sent again");
    assert!(events.last_has(&["RetryStopped", "NotReplayable", "attempt: 3"]));
}

/// A request whose attempt timed out while the service got ready wasn't sent, so it can still be
/// sent.
#[tokio::test(start_paused = true)]
async fn a_request_that_timed_out_before_it_was_sent_can_be_sent() {
    let (service, mut handle) = mock::pair::<Upload, &str>();
    handle.allow(0);
    let limits = Timeouts::attempt(secs(1));
    let layer = RetryLayer::new(without_delay().timeouts(limits)).copy_request_with(|_: &Upload| None);
    let inner = FirstReady::new(service);
    let mut call = tokio_test::task::spawn(call_now(layer.layer(inner), Upload("file")));
    assert_pending!(call.poll());
    tokio::time::advance(ms(1500)).await;
    assert_pending!(call.poll());
    handle.allow(1);
    assert_pending!(call.poll());
    let (request, respond) = handle.next_request().await.unwrap();
    assert_eq!(request, Upload("file"));
    respond.send_response("yes");
    assert_eq!(assert_ready!(call.poll()).unwrap(), "yes");
}

async fn call_now<S: Service<Upload>>(mut service: S, request: Upload) -> Result<S::Response, S::Error> {
    service.ready().await?.call(request).await
}

/// The first `poll_ready` returns an error. The retry takes it for the outcome of the first
/// attempt, so the call begins before the inner service is ready.
#[derive(Clone)]
struct FirstReady<S> {
    inner: S,
    failed: bool,
}

impl<S> FirstReady<S> {
    fn new(inner: S) -> Self {
        Self { inner, failed: false }
    }
}

impl<S: Service<Upload, Error = tower::BoxError>> Service<Upload> for FirstReady<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), S::Error>> {
        if !std::mem::replace(&mut self.failed, true) {
            return Poll::Ready(Err("not yet".into()));
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Upload) -> S::Future {
        self.inner.call(request)
    }
}

/// During the wait, a retry holds no resources of the failed attempt. In this test, the resource is
/// the only place of a concurrency limit.
#[tokio::test(start_paused = true)]
async fn a_place_is_free_while_a_retry_waits() {
    let inner = Script::new([fail(Oops(1)), succeed("other"), succeed("first")]);
    let limit = ConcurrencyLimit::new(inner.clone(), 1);
    let config = RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1))).budget(TokenBucket::default());
    let layer = RetryLayer::new(config);
    let (mut first, mut other) = (layer.layer(limit.clone()), layer.layer(limit));
    let (first, other) = tokio::join!(ready_and_call(&mut first, ()), async {
        tokio::time::sleep(ms(500)).await;
        ready_and_call(&mut other, ()).await
    });
    assert_eq!((first, other), (Ok("first"), Ok("other")));
}
