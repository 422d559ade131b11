//! What a layer does with calls that its circuit rejects: it returns a custom response, or it
//! waits.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerLayer, Cause, Circuit, FallbackLayer, Ratio, Rejection, RetryConfig, RetryLayer, State, Verdict,
    breaker::{Breaker, CancelledCalls, HalfOpenTimeout, Mode, NotReady, Probes, TripRule, Window},
    fallback::PrimaryFailure,
    retry::{Budget, TokenBucket},
};
use tower_test::mock;

use crate::circuits::{counted, ended_calls, first_failure, open};
use crate::scripted::*;

const HALF_A_MINUTE: Duration = secs(30);

fn opened() -> Circuit {
    let circuit = Circuit::new(counted().open_when(first_failure()));
    open(&circuit);
    circuit
}

fn unavailable(rejection: &Rejection) -> u16 {
    assert_eq!(rejection.state(), State::Open);
    503
}

type Waiting<S> = Breaker<S, tower_recourse::classify::ErrorClassifier, NotReady>;

fn waiting<S>(circuit: &Circuit, inner: S) -> Waiting<S> {
    BreakerLayer::on(circuit).wait_when_open().layer(inner)
}

type WaitingMock = mock::Spawn<Waiting<mock::Mock<u32, u32>>>;

fn waiting_mock(circuit: &Circuit) -> (WaitingMock, mock::Handle<u32, u32>) {
    mock::spawn_layer(BreakerLayer::on(circuit).wait_when_open())
}

async fn ready<S: Service<(), Error: std::fmt::Debug>>(service: &mut S) -> &mut S {
    service.ready().await.unwrap()
}

fn poll_ready<S: Service<()>>(service: &mut S, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
    service.poll_ready(cx)
}

// axum#2292, tower-http#270: a service with the error type `Infallible` must keep this type.
#[tokio::test(start_paused = true)]
async fn a_rejection_response_keeps_the_error_type() {
    let circuit = opened();
    let cannot_fail = service_fn(|()| async { Ok::<u16, Infallible>(200) });
    let mut service = BreakerLayer::on(&circuit).respond_when_open(unavailable).layer(cannot_fail);
    let Ok(response) = ready_and_call(&mut service, ()).await;
    assert_eq!((response, circuit.stats().total_rejected), (503, 1));
    tokio::time::advance(HALF_A_MINUTE).await;
    let Ok(response) = ready_and_call(&mut service, ()).await;
    assert_eq!((response, circuit.state()), (200, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_response_does_not_call_the_service() {
    let circuit = Circuit::new(counted().open_when(first_failure()));
    let inner = Script::<_, u16, Oops>::new([succeed(200)]);
    let mut service = BreakerLayer::on(&circuit).respond_when_open(unavailable).layer(inner.clone());
    let ready = ready(&mut service).await;
    open(&circuit);
    assert_eq!(ready.call(()).await, Ok(503));
    let mut stuck =
        BreakerLayer::on(&circuit).respond_when_open(unavailable).layer(Script::<_, u16, Oops>::new([not_ready()]));
    assert_eq!(ready_and_call(&mut stuck, ()).await, Ok(503), "and not polled");
    assert_eq!(inner.calls(), 0);
}

// tower-resilience: a retry repeated rejected calls. In this test, the breaker returns a response
// in place of the rejection.
#[tokio::test(start_paused = true)]
async fn a_rejection_response_is_not_retried_and_costs_no_budget() {
    let (circuit, events) = (opened(), EventLog::default());
    let budget = Arc::new(TokenBucket::retry_ratio(0.0).unwrap().min_per_second(1));
    let retry = RetryConfig::default().idempotent().shared_budget(budget.clone()).observe(events.observer());
    let failing = |outcome: Result<&u16, &Oops>| match outcome {
        Ok(500..) | Err(_) => Verdict::transient(),
        Ok(_) => Verdict::Success,
    };
    let inner = Script::<_, u16, Oops>::new([succeed(200)]);
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(retry.classify(failing)))
        .layer(BreakerLayer::on(&circuit).respond_when_open(unavailable))
        .service(inner.clone());
    assert_eq!(ready_and_call(&mut service, ()).await, Ok(503));
    assert_eq!((circuit.stats().total_rejected, inner.calls(), budget.balance()), (1, 0, 1));
    assert!(events.last_has(&["RetryStopped", "attempt: 1", "Rejected"]));
}

#[tokio::test(start_paused = true)]
async fn a_fallback_recognises_a_rejection_response() {
    let circuit = opened();
    let backup = |failed: PrimaryFailure<'_, Cause, Oops>| {
        assert_eq!(failed.outcome, Ok(&Cause::Permanent));
        std::future::ready(Ok::<_, Oops>(failed.cause))
    };
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::from_fn(backup))
        .layer(RetryLayer::new(RetryConfig::default().idempotent()))
        .layer(BreakerLayer::on(&circuit).respond_when_open(|_: &Rejection| Cause::Permanent))
        .service(Script::<_, _, Oops>::new([hang()]));
    let expected = Cause::Rejected { retry_in: Some(HALF_A_MINUTE) };
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_response_is_neutral_to_an_outer_breaker() {
    let (inner, outer) = (opened(), Circuit::new(counted()));
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::on(&outer))
        .layer(BreakerLayer::on(&inner).respond_when_open(unavailable))
        .service(Script::<_, u16, Oops>::new([hang()]));
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), 503);
    assert_eq!(ended_calls(&outer), [0, 0, 1, 0]);
}

/// A handler answers from its cache after a breaker has rejected the call of its client.
#[tokio::test(start_paused = true)]
async fn a_discarded_rejection_response_does_not_mark_the_outcome() {
    let (circuit, outer) = (opened(), Circuit::new(counted()));
    let client = BreakerLayer::on(&circuit).respond_when_open(unavailable).layer(Script::<_, u16, Oops>::new([hang()]));
    let handler = service_fn(move |()| {
        let mut client = client.clone();
        async move {
            ready_and_call(&mut client, ())
                .await
                .map(|status| format!("from the cache, because the client got {status}"))
        }
    });
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("from the fallback".to_string()))
        .layer(BreakerLayer::on(&outer))
        .service(handler);
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), "from the cache, because the client got 503");
    assert_eq!(ended_calls(&outer), [1, 0, 0, 0]);
}

// As in resilience4j#935, a circuit could stay half-open while no call is admitted. Here, the
// caller repeats calls that are rejected.
#[tokio::test(start_paused = true)]
async fn repeated_calls_pass_the_half_open_limit() {
    let probes = Probes::one().lease(secs(100)).unwrap().max_half_open(secs(5), HalfOpenTimeout::Open).unwrap();
    let circuit = Circuit::new(counted().open_when(first_failure()).probes(probes));
    open(&circuit);
    tokio::time::advance(HALF_A_MINUTE).await;
    let _lost = circuit.try_acquire().unwrap();
    let mut service = BreakerLayer::on(&circuit).layer(Script::<_, _, Oops>::new([succeed("back")]));
    let mut tried = 0;
    while ready_and_call(&mut service, ()).await.is_err() && tried < 99 {
        tokio::time::advance(secs(1)).await;
        tried += 1;
    }
    assert_eq!((tried, circuit.state()), (35, State::Closed), "half-open for 5 s, open for 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_breaker_does_not_poll_the_service_while_open() {
    let circuit = Circuit::new(counted().open_when(first_failure()));
    let (mut service, mut handle) = waiting_mock(&circuit);
    handle.allow(0);
    open(&circuit);
    assert_pending!(service.poll_ready());
    handle.send_error("polled behind an open circuit");
    tokio::time::advance(HALF_A_MINUTE - ms(1)).await;
    assert_pending!(service.poll_ready());
    assert_eq!(circuit.stats().total_rejected, 0, "no call was made");
    tokio::time::advance(ms(151)).await;
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
    assert_eq!((circuit.state(), circuit.stats().total_admitted), (State::HalfOpen, Some(2)), "with the probe's slot");
    let error = service.call(1).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), circuit.state()), ("polled behind an open circuit", State::Open));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_breaker_takes_no_slot_before_the_service_is_ready() {
    let circuit = opened();
    tokio::time::advance(HALF_A_MINUTE).await;
    let (mut service, mut handle) = waiting_mock(&circuit);
    handle.allow(0);
    assert_pending!(service.poll_ready());
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
}

#[tokio::test(start_paused = true)]
async fn a_slot_taken_by_readiness_is_returned_if_unused() {
    let circuit = opened();
    tokio::time::advance(HALF_A_MINUTE).await;
    let mut service = waiting(&circuit, Script::<_, &str, Oops>::new([succeed("back")]));
    ready(&mut service).await;
    ready(&mut service).await;
    circuit.try_acquire().unwrap_err();
    drop(service);
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [1, 1, 1, 0]));
}

#[tokio::test(start_paused = true)]
async fn the_time_between_ready_and_call_is_not_measured() {
    let slow = TripRule::SlowCallRate { longer_than: secs(1), share: Ratio::HALF, window: Window::count(1).unwrap() };
    for (mode, used) in [(Mode::Auto, true), (Mode::Auto, false), (Mode::ForcedClosed, false)] {
        let config = counted().open_when(slow.clone()).on_cancelled(CancelledCalls::FailureAfter(secs(1)));
        let circuit = Circuit::new(config);
        circuit.set_mode(mode);
        let mut service = waiting(&circuit, Script::<_, &str, Oops>::new([succeed("at once")]));
        ready(&mut service).await;
        tokio::time::advance(secs(9)).await;
        if used {
            service.call(()).await.unwrap();
        }
        drop(service);
        assert_eq!((circuit.state(), circuit.stats().window.slow), (State::Closed, 0));
        assert_eq!(ended_calls(&circuit), if used { [1, 0, 0, 0] } else { [0, 0, 1, 0] });
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_is_kept_until_used_and_clones_start_without() {
    let circuit = Circuit::new(counted().open_when(first_failure()));
    let mut service = task::spawn(waiting(&circuit, Script::<_, &str, Oops>::new([succeed("done")])));
    assert_ready_ok!(service.enter(|cx, mut service| poll_ready(&mut *service, cx)));
    open(&circuit);
    let mut clone = task::spawn(service.clone());
    assert_pending!(clone.enter(|cx, mut clone| poll_ready(&mut *clone, cx)));
    assert_ready_ok!(service.enter(|cx, mut service| poll_ready(&mut *service, cx)));
    let call = service.enter(|_, mut service| service.call(()));
    assert_eq!(call.await, Ok("done"), "the permit is kept");
    assert_eq!(circuit.state(), State::Open, "and its result comes too late to count");
    assert_pending!(service.enter(|cx, mut service| poll_ready(&mut *service, cx)));
}

#[tokio::test(start_paused = true)]
async fn one_of_many_waiting_calls_probes_and_then_all_are_admitted() {
    let circuit = opened();
    let began = Instant::now();
    let inner = Script::<_, &str, Oops>::new([succeed("probed").after(secs(5)), succeed("back")]);
    let service = waiting(&circuit, inner.clone());
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(service.clone().oneshot(()))).collect();
    tokio::time::sleep(secs(34)).await;
    assert_eq!(inner.calls(), 1);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!((inner.calls(), circuit.state()), (20, State::Closed));
    assert!(began.elapsed() < secs(36), "{:?}", began.elapsed());
    assert_eq!(circuit.stats().total_rejected, 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_service_wakes_when_the_circuit_is_reset() {
    let circuit = opened();
    circuit.force_open();
    let call = tokio::spawn(waiting(&circuit, Script::<_, &str, Oops>::new([succeed("back")])).oneshot(()));
    tokio::time::sleep(secs(3_600)).await;
    assert!(!call.is_finished());
    circuit.set_mode(Mode::Auto);
    tokio::time::sleep(ms(151)).await;
    assert!(call.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_service_works_behind_a_buffer() {
    let circuit = opened();
    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), succeed("back")]);
    let service = ServiceBuilder::new().buffer(8).service(waiting(&circuit, inner.clone()));
    let calls: Vec<_> = (0..3).map(|_| tokio::spawn(service.clone().oneshot(()))).collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().map_err(|error| error.to_string()));
    }
    assert_eq!(answers, [Err("oops 1".to_string()), Ok("back"), Ok("back")]);
    assert_eq!((inner.calls(), circuit.stats().total_rejected), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_balancer_selects_a_service_with_a_closed_circuit() {
    let (down, up) = (opened(), Circuit::new(counted()));
    let inner = [Script::<_, &str, Oops>::new([succeed("was down")]), Script::new([succeed("up")])];
    let mut services = [waiting(&down, inner[0].clone()), waiting(&up, inner[1].clone())];
    for _ in 0..9 {
        let [one, other] = &mut services;
        let ready = tokio::select! { biased; ready = ready(one) => ready, ready = ready(other) => ready };
        assert_eq!(ready.call(()).await, Ok("up"));
    }
    tokio::time::advance(HALF_A_MINUTE + ms(100)).await;
    assert_eq!(ready_and_call(&mut services[0], ()).await, Ok("was down"));
    assert_eq!((inner[0].calls(), inner[1].calls(), down.state()), (1, 9, State::Closed));
}
