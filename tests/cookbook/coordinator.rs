//! The coordinator: its requirements, and the faults that it corrects, tested on the example.

#[path = "../../examples/coordinator.rs"]
#[allow(dead_code, reason = "the tests don't use the main function of the example")]
mod example;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use example::{Coordinator, keep_working};
use tokio::{
    sync::oneshot,
    time::{advance, timeout},
};
use tower_recourse::{BreakerConfig, BreakerError, State, time::ManualClock};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{EventLog, Oops, ms, secs};
use crate::thread_log::{listen, logged};

/// A coordinator with the settings of the example, and its clock.
fn coordinator() -> (Coordinator, ManualClock) {
    listen();
    let clock = ManualClock::new();
    (Coordinator::new(BreakerConfig::default().fixed().clock(clock.clone())), clock)
}

async fn succeed(coordinator: &Coordinator, agent: &str) -> Result<(), BreakerError<Oops>> {
    coordinator.execute(agent, || async { Ok(()) }).await
}

async fn fail(coordinator: &Coordinator, agent: &str, times: u32) {
    for _ in 0..times {
        let failed = coordinator.execute(agent, || async { Err::<(), _>(Oops(1)) }).await;
        assert_eq!(failed, Err(BreakerError::Inner(Oops(1))));
    }
}

fn state(coordinator: &Coordinator) -> State {
    coordinator.circuit("mailer").state()
}

#[tokio::test]
async fn point_1_five_consecutive_failures_open_it_for_30_seconds() {
    let (coordinator, clock) = coordinator();
    fail(&coordinator, "mailer", 4).await;
    assert_eq!(state(&coordinator), State::Closed);
    fail(&coordinator, "mailer", 1).await;
    assert_eq!(state(&coordinator), State::Open);
    clock.advance(secs(30) - ms(1));
    assert!(succeed(&coordinator, "mailer").await.unwrap_err().rejection().is_some());
    clock.advance(ms(1));
    assert_eq!(state(&coordinator), State::HalfOpen);
    succeed(&coordinator, "mailer").await.unwrap();
    assert_eq!(state(&coordinator), State::Closed);
}

#[tokio::test]
async fn point_2_reading_the_state_moves_open_to_half_open() {
    let (coordinator, clock) = coordinator();
    fail(&coordinator, "mailer", 5).await;
    clock.advance(secs(30));
    // Reading the state causes the transition, so the log reports it during this call.
    let log = logged(async {
        assert_eq!(state(&coordinator), State::HalfOpen);
    })
    .await;
    assert!(log.contains("circuit half-open"), "{log}");
    assert_eq!(coordinator.circuit("mailer").stats().transitions, 2);
}

#[tokio::test]
async fn point_3_a_success_resets_the_count() {
    let (coordinator, _clock) = coordinator();
    fail(&coordinator, "mailer", 4).await;
    succeed(&coordinator, "mailer").await.unwrap();
    assert_eq!(coordinator.circuit("mailer").stats().failures_in_a_row, 0);
    fail(&coordinator, "mailer", 4).await;
    assert_eq!(state(&coordinator), State::Closed);
}

#[tokio::test]
async fn point_3_a_failed_test_call_reopens() {
    let (coordinator, clock) = coordinator();
    fail(&coordinator, "mailer", 5).await;
    clock.advance(secs(30));
    fail(&coordinator, "mailer", 1).await;
    assert_eq!(state(&coordinator), State::Open);
    assert_eq!(coordinator.circuit("mailer").retry_in(), Some(secs(30)), "anew");
}

#[tokio::test]
async fn point_3_a_manual_reset_closes() {
    let (coordinator, _clock) = coordinator();
    fail(&coordinator, "mailer", 5).await;
    coordinator.circuit("mailer").reset();
    assert_eq!(state(&coordinator), State::Closed);
    succeed(&coordinator, "mailer").await.unwrap();
}

#[tokio::test]
async fn point_4_a_rejection_has_the_state_and_the_seconds() {
    let (coordinator, clock) = coordinator();
    fail(&coordinator, "mailer", 5).await;
    clock.advance(ms(12_500));
    let error = succeed(&coordinator, "mailer").await.unwrap_err();
    let rejection = error.rejection().unwrap();
    assert_eq!((rejection.state(), rejection.retry_in()), (State::Open, Some(ms(17_500))));
    assert_eq!(rejection.to_string(), "circuit `mailer` is open; retry in 17.5 s");
}

#[tokio::test]
async fn point_5_the_stats_are_complete() {
    let (coordinator, clock) = coordinator();
    succeed(&coordinator, "mailer").await.unwrap();
    succeed(&coordinator, "mailer").await.unwrap();
    fail(&coordinator, "mailer", 3).await;
    let stats = coordinator.circuit("mailer").stats();
    assert_eq!((stats.name.as_str(), stats.state, stats.failures_in_a_row), ("mailer", State::Closed, 3));
    assert_eq!((stats.threshold, stats.open_for, stats.retry_in), (Some(5), secs(30), None));
    assert_eq!((stats.total_failures, stats.total_successes, stats.transitions), (3, Some(2), 0));

    fail(&coordinator, "mailer", 2).await;
    clock.advance(secs(10));
    let stats = coordinator.circuit("mailer").stats();
    assert_eq!((stats.state, stats.retry_in), (State::Open, Some(secs(20))));
    assert_eq!((stats.total_failures, stats.total_successes, stats.transitions), (5, Some(2), 1));
}

#[tokio::test]
async fn point_6_any_async_function_is_wrapped() {
    let (coordinator, _clock) = coordinator();
    let borrowed = String::from("seven");
    let length = coordinator.execute("counter", || async { Ok::<_, io::Error>(borrowed.len()) }).await;
    assert_eq!(length.unwrap(), 5);
    let text = coordinator.execute("reader", || async { Err::<String, _>("no text") }).await;
    assert_eq!(text, Err(BreakerError::Inner("no text")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn point_6_each_of_many_agents_has_a_breaker() {
    let (coordinator, _clock) = coordinator();
    let coordinator = Arc::new(coordinator);
    let agents: Vec<_> = (0..64)
        .map(|agent| {
            let coordinator = Arc::clone(&coordinator);
            tokio::spawn(async move {
                let name = format!("agent-{agent:02}");
                for _ in 0..10 {
                    let outcome = if agent % 2 == 0 { Ok(()) } else { Err(Oops(agent)) };
                    let _ = coordinator.execute(&name, || async { outcome }).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for agent in agents {
        agent.await.unwrap();
    }
    let stats = coordinator.stats();
    assert_eq!(stats.len(), 64);
    for (agent, stats) in stats.iter().enumerate() {
        assert_eq!(stats.name.as_str(), format!("agent-{agent:02}"));
        let expected = if agent % 2 == 0 { (State::Closed, 0, Some(10), 0) } else { (State::Open, 5, Some(0), 5) };
        assert_eq!((stats.state, stats.total_failures, stats.total_successes, stats.total_rejected), expected);
    }
}

#[tokio::test]
async fn point_7_transitions_recoveries_and_failures_are_logged() {
    let (coordinator, clock) = coordinator();
    let log = logged(async {
        fail(&coordinator, "mailer", 5).await;
        succeed(&coordinator, "mailer").await.unwrap_err();
        clock.advance(secs(30));
        succeed(&coordinator, "mailer").await.unwrap();
    })
    .await;
    let said: Vec<_> = log.lines().map(|line| line.trim_start()).collect();
    assert_eq!(said.iter().filter(|line| line.contains("call failed agent=\"mailer\" error=oops 1")).count(), 5);
    let changes: Vec<_> = said.iter().filter(|line| line.contains("circuit ")).collect();
    assert!(
        changes[0].starts_with("ERROR circuit opened, rejecting calls name=\"mailer\" stays_open_for=30s"),
        "{log}"
    );
    assert!(changes[1].contains("not called agent=\"mailer\""), "{log}");
    assert_eq!(
        changes[2..],
        [
            &"INFO circuit half-open, probing the service name=\"mailer\" failing_for=30s",
            &"INFO circuit closed, admitting calls again name=\"mailer\" failed_for=30s"
        ]
    );
}

#[tokio::test]
async fn point_7_the_stats_are_logged_at_shutdown() {
    let (coordinator, clock) = coordinator();
    fail(&coordinator, "mailer", 5).await;
    succeed(&coordinator, "porter").await.unwrap();
    clock.advance(secs(10));
    let log = logged(async { coordinator.shut_down() }).await;
    let lines: Vec<_> = log.lines().map(|line| line.trim_start()).collect();
    assert_eq!(
        lines,
        [
            "INFO at shutdown name=mailer state=open failures_in_a_row=0 threshold=5 open_for=30s retry_in=Some(20s) \
             failures=5 successes=0 transitions=1",
            "INFO at shutdown name=porter state=closed failures_in_a_row=0 threshold=5 open_for=30s retry_in=None \
             failures=0 successes=1 transitions=0",
        ]
    );
}

/// The fault: a half-open breaker admitted every caller.
#[tokio::test]
async fn corrected_half_open_admits_exactly_one_call() {
    let (coordinator, clock) = coordinator();
    let coordinator = Arc::new(coordinator);
    fail(&coordinator, "mailer", 5).await;
    clock.advance(secs(30));
    let called = Arc::new(AtomicU32::new(0));
    let (finish, finished) = oneshot::channel::<()>();
    let test = {
        let (coordinator, called) = (Arc::clone(&coordinator), Arc::clone(&called));
        tokio::spawn(async move {
            let call = || async {
                called.fetch_add(1, Ordering::SeqCst);
                finished.await.map_err(|_| Oops(9))
            };
            coordinator.execute("mailer", call).await
        })
    };
    while called.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        let call = || async {
            called.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Oops>(())
        };
        let error = coordinator.execute("mailer", call).await.unwrap_err();
        assert_eq!(error.rejection().unwrap().state(), State::HalfOpen);
    }
    assert_eq!(called.load(Ordering::SeqCst), 1);
    finish.send(()).unwrap();
    test.await.unwrap().unwrap();
    assert_eq!(state(&coordinator), State::Closed);
}

/// The fault: the breaker used the wall clock, which can be set. Here the circuit's clock advances
/// by half a minute while the wall clock stands still.
#[tokio::test(start_paused = true)]
async fn corrected_the_clock_is_monotonic() {
    listen();
    let coordinator = Coordinator::new(BreakerConfig::default().fixed());
    fail(&coordinator, "mailer", 5).await;
    advance(secs(29)).await;
    assert_eq!(coordinator.circuit("mailer").retry_in(), Some(secs(1)));
    advance(secs(1)).await;
    assert_eq!(state(&coordinator), State::HalfOpen);
}

/// The fault: a call that began before the breaker opened could close or reopen it.
#[tokio::test]
async fn corrected_late_results_do_not_count() {
    let (coordinator, clock) = coordinator();
    let coordinator = Arc::new(coordinator);
    let late = |result: Result<(), Oops>| {
        let (finish, finished) = oneshot::channel::<()>();
        let coordinator = Arc::clone(&coordinator);
        let (begin, begun) = oneshot::channel::<()>();
        let call = tokio::spawn(async move {
            let call = || async move {
                begin.send(()).unwrap();
                finished.await.unwrap();
                result
            };
            coordinator.execute("mailer", call).await
        });
        (begun, finish, call)
    };
    let (success, failure) = (late(Ok(())), late(Err(Oops(2))));
    success.0.await.unwrap();
    failure.0.await.unwrap();
    fail(&coordinator, "mailer", 5).await;

    success.1.send(()).unwrap();
    success.2.await.unwrap().unwrap();
    assert_eq!(state(&coordinator), State::Open, "a late success doesn't close it");
    clock.advance(secs(30));
    assert_eq!(state(&coordinator), State::HalfOpen);
    failure.1.send(()).unwrap();
    failure.2.await.unwrap().unwrap_err();
    assert_eq!(state(&coordinator), State::HalfOpen, "a late failure doesn't reopen it");
}

/// The breaker keeps the loop from spinning. Five calls fail, 1 s apart, and open the circuit. In
/// the rest of the 120 s, one call every 30 s fails. The circuit rejects one call after each of its
/// four openings.
#[tokio::test(start_paused = true)]
async fn the_loop_does_not_spin_on_failures() {
    listen();
    let events = EventLog::default();
    let coordinator = Coordinator::new(BreakerConfig::default().fixed().observe(events.observer()));
    let mut calls = 0;
    let call = || {
        calls += 1;
        async { Err::<(), _>(Oops(1)) }
    };
    timeout(secs(120), keep_working(&coordinator, "mailer", secs(1), call)).await.unwrap_err();
    assert_eq!((calls, events.count("CallRejected")), (5 + 3, 4));
}
