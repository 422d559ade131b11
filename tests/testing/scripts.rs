//! A service that follows a script.

use std::{
    future::poll_fn,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

use tokio::{task::yield_now, time::Instant};
use tower::{BoxError, Layer, Service, ServiceExt, buffer::Buffer, util::BoxCloneSyncService};
use tower_recourse::{
    RetryConfig, RetryLayer,
    retry::Backoff,
    testing::{
        Script, Step, fail, fail_io, fail_with, hang, not_ready, not_ready_for, panic, readiness_error, succeed,
        succeed_with,
    },
};

use crate::secs;

type Text = Script<(), &'static str, &'static str>;

async fn call<S: Service<()>>(service: &mut S) -> Result<S::Response, S::Error> {
    service.ready().await?.call(()).await
}

#[tokio::test(start_paused = true)]
async fn each_call_takes_a_step_and_the_last_step_repeats() {
    let mut script: Text = Script::new([fail("first"), succeed("second").times(2), fail("last")]);
    let mut results = Vec::new();
    for _ in 0..5 {
        results.push(call(&mut script).await);
    }
    assert_eq!(results, [Err("first"), Ok("second"), Ok("second"), Err("last"), Err("last")]);
    assert_eq!(script.calls(), 5);
    assert_eq!(script.gaps(), [secs(0); 4]);
}

#[tokio::test]
async fn a_step_that_is_repeated_zero_times_is_left_out() {
    let mut script: Text = Script::new([fail("never").times(0), succeed("first"), fail("second")]);
    assert_eq!(call(&mut script).await, Ok("first"));
}

#[test]
#[should_panic(expected = "a script needs at least one step")]
fn a_script_without_steps_panics() {
    let _: Text = Script::new([succeed("never").times(0)]);
}

#[tokio::test]
#[should_panic(expected = "the script has no step for call 2")]
async fn a_call_after_the_end_of_a_strict_script_panics() {
    let mut script = Text::new([succeed("only")]).strict();
    call(&mut script).await.unwrap();
    script.assert_finished();
    let _ = call(&mut script).await;
}

#[tokio::test]
#[should_panic(expected = "2 steps of the script were not taken, after 1 calls")]
async fn assert_finished_counts_the_steps_that_were_not_taken() {
    let mut script: Text = Script::new([succeed("taken"), fail("left").times(2)]);
    call(&mut script).await.unwrap();
    script.assert_finished();
}

#[tokio::test]
async fn the_last_step_counts_as_taken_after_its_first_call() {
    let mut script: Text = Script::new([succeed("first"), succeed("last")]);
    for _ in 0..3 {
        call(&mut script).await.unwrap();
    }
    script.assert_finished();
}

#[tokio::test(start_paused = true)]
async fn a_delay_postpones_the_result_but_not_the_call() {
    let start = Instant::now();
    let mut script: Text = Script::new([succeed("late").after(secs(2)), fail("later").after(secs(3))]);
    assert_eq!(call(&mut script).await, Ok("late"));
    assert_eq!(start.elapsed(), secs(2));
    assert_eq!(call(&mut script).await, Err("later"));
    assert_eq!(start.elapsed(), secs(5));
    assert_eq!(script.times(), [start, start + secs(2)]);
}

#[tokio::test]
async fn values_that_are_not_clone_are_made_for_each_call() {
    struct NotClone;
    let mut script: Script<(), NotClone, io::Error> = Script::new([
        fail_io(io::ErrorKind::ConnectionRefused),
        fail_with(|| io::Error::other("made")),
        succeed_with(|| NotClone),
    ]);
    assert_eq!(call(&mut script).await.err().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(call(&mut script).await.err().unwrap().to_string(), "made");
    assert!(call(&mut script).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_and_dropped_calls_are_counted() {
    let mut script: Text = Script::new([hang(), succeed("late").after(secs(1)), succeed("at once")]);
    let hanging = script.ready().await.unwrap().call(());
    let late = script.ready().await.unwrap().call(());
    assert_eq!((script.in_flight(), script.cancelled()), (2, 0));
    assert!(tokio::time::timeout(secs(9), hanging).await.is_err());
    assert_eq!((script.in_flight(), script.cancelled()), (1, 1));
    assert_eq!(late.await, Ok("late"));
    assert_eq!(call(&mut script).await, Ok("at once"));
    assert_eq!((script.in_flight(), script.cancelled(), script.calls()), (0, 1, 3));
}

#[tokio::test]
async fn a_step_that_panics_panics_in_the_call() {
    let mut script: Text = Script::new([panic("out of luck"), succeed("next")]);
    let first = script.ready().await.unwrap().call(());
    let panicked = tokio::spawn(first).await.unwrap_err().into_panic();
    assert_eq!(panicked.downcast_ref::<String>().unwrap(), "out of luck");
    assert_eq!((script.in_flight(), script.cancelled()), (0, 0));
    assert_eq!(call(&mut script).await, Ok("next"));
}

#[tokio::test]
async fn a_readiness_error_is_no_call() {
    let mut script: Text = Script::new([readiness_error("broken"), succeed("next")]);
    assert_eq!(call(&mut script).await, Err("broken"));
    assert_eq!(script.calls(), 0);
    assert_eq!(call(&mut script).await, Ok("next"));
}

#[tokio::test(start_paused = true)]
async fn a_busy_service_becomes_ready_for_all_clones() {
    let start = Instant::now();
    let script: Text = Script::new([not_ready_for(secs(2)), readiness_error("late").after(secs(1)), succeed("ready")]);
    let (mut one, mut other) = (script.clone(), script.clone());
    let (one, other) = tokio::join!(call(&mut one), call(&mut other));
    assert_eq!(start.elapsed(), secs(3));
    assert_eq!([one, other].iter().filter(|result| **result == Ok("ready")).count(), 1);
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn a_change_of_the_script_wakes_a_service_that_is_not_ready() {
    let script: Text = Script::new([not_ready()]);
    let mut waits = script.clone();
    let task = tokio::spawn(async move { call(&mut waits).await });
    yield_now().await;
    assert!(!task.is_finished());
    script.replace([succeed("ready")]);
    assert_eq!(task.await.unwrap(), Ok("ready"));
}

#[test]
#[should_panic(expected = "the script was called without being polled ready")]
fn a_call_without_readiness_panics() {
    let mut script: Text = Script::new([succeed("never")]);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Service::poll_ready(&mut script, &mut cx).is_ready());
    let mut clone = script.clone();
    drop(clone.call(()));
}

#[tokio::test]
async fn a_call_skips_the_readiness_steps_before_its_step() {
    let script: Text = Script::new([succeed("first"), readiness_error("skipped"), succeed("second")]);
    let (mut one, mut other) = (script.clone(), script.clone());
    for clone in [&mut one, &mut other] {
        poll_fn(|cx| Service::poll_ready(clone, cx)).await.unwrap();
    }
    assert_eq!(one.call(()).await, Ok("first"));
    assert_eq!(other.call(()).await, Ok("second"));
}

#[tokio::test(start_paused = true)]
async fn requests_are_recorded_with_a_closure_that_may_panic() {
    let script = Script::new([fail("first"), succeed("second")]).record(|id: &u32| {
        assert!(*id < 10, "a large id");
        *id
    });
    let config = RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(1)));
    let mut service = RetryLayer::new(config).layer(script.clone());
    assert_eq!(service.ready().await.unwrap().call(7).await, Ok("second"));
    assert_eq!(script.requests(), [7, 7]);
    assert_eq!(script.gaps(), [secs(1)]);

    let mut clone = script.clone();
    let ready = clone.ready().await.unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(ready.call(10)))).is_err());
    assert_eq!((script.requests().len(), script.calls(), script.in_flight()), (2, 2, 0));
}

#[tokio::test]
async fn a_script_works_in_boxes_buffers_and_on_threads() {
    let script: Script<(), &str, BoxError> = Script::new([succeed("same")]);
    let boxed = BoxCloneSyncService::new(script.clone());
    let buffered = Buffer::new(boxed, 8);
    let callers = (0..50).map(|_| {
        let mut service = buffered.clone();
        tokio::spawn(async move { service.ready().await.unwrap().call(()).await.unwrap() })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap(), "same");
    }
    assert_eq!((script.calls(), script.in_flight()), (50, 0));
}

#[tokio::test]
async fn threads_take_every_step_once() {
    let steps: Vec<Step<usize, ()>> = (0..200).map(succeed).collect();
    let script = Script::new(steps).strict();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let mut script = script.clone();
            std::thread::spawn(move || {
                let mut taken = Vec::new();
                for _ in 0..100 {
                    let mut cx = Context::from_waker(Waker::noop());
                    assert!(Service::poll_ready(&mut script, &mut cx).is_ready());
                    let mut call = script.call(());
                    match std::pin::Pin::new(&mut call).poll(&mut cx) {
                        Poll::Ready(Ok(step)) => taken.push(step),
                        other => panic!("{other:?}"),
                    }
                }
                taken
            })
        })
        .collect();
    let mut taken: Vec<usize> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    taken.sort_unstable();
    assert_eq!(taken, (0..200).collect::<Vec<_>>());
    script.assert_finished();
}
