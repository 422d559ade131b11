//! The function wrapper: its requirements, and the faults that it corrects, tested on the example.

#[path = "../../examples/function_wrapper.rs"]
#[allow(dead_code, reason = "the tests don't use the main function of the example")]
mod example;

use std::{
    cell::Cell,
    error::Error,
    fmt,
    io::{self, ErrorKind},
    sync::Mutex,
    time::Duration,
};

use example::{Classify, Wrapper};
use tokio::time::{Instant, advance};
use tower_recourse::{
    BreakerError, Cause, State, Verdict,
    store::{FileStore, Restored, StoreError},
};

use crate::scripted::{Oops, secs};
use crate::thread_log::{listen, logged};

/// An error whose type no classifier knows, so only its text counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Text(&'static str);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Text {}

fn unexpected<E>(_: &E) -> Verdict {
    Verdict::Neutral
}

/// A wrapper whose circuit counts no error.
fn wrapper<E: Error + 'static>(base: Duration) -> Wrapper<E> {
    listen();
    Wrapper::new("prices", base, unexpected as Classify<E>)
}

/// A wrapper whose circuit counts every error as a failure.
fn counting<E: Error + 'static>() -> Wrapper<E> {
    listen();
    Wrapper::new("prices", Duration::ZERO, |_| Verdict::transient())
}

/// How often a function is called that fails with this error.
async fn calls<E: Error + 'static>(error: impl Fn() -> E) -> u32 {
    let calls = Cell::new(0);
    let failing = || {
        calls.set(calls.get() + 1);
        let error = error();
        async { Err::<(), _>(error) }
    };
    wrapper(Duration::ZERO).call(failing).await.unwrap_err();
    calls.get()
}

/// The times between the calls of a function that always fails.
async fn gaps(wrapper: &Wrapper<Text>) -> Vec<Duration> {
    let made = Mutex::new(Vec::new());
    let failing = || {
        made.lock().unwrap().push(Instant::now());
        async { Err::<(), _>(Text("timeout")) }
    };
    wrapper.call(failing).await.unwrap_err();
    made.into_inner().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Seconds, with a tolerance for tokio's timer, which counts milliseconds.
fn within(gap: Duration, from: f64, to: f64) -> bool {
    (from..to + 0.002).contains(&gap.as_secs_f64())
}

#[tokio::test(start_paused = true)]
async fn point_1_three_retries_after_1_2_and_4_seconds_with_jitter() {
    let mut firsts = Vec::new();
    for _ in 0..50 {
        let gaps = gaps(&wrapper(secs(1))).await;
        assert_eq!(gaps.len(), 3);
        assert!(within(gaps[0], 0.5, 1.5) && within(gaps[1], 1.0, 3.0) && within(gaps[2], 2.0, 6.0), "{gaps:?}");
        firsts.push(gaps[0]);
    }
    assert!(firsts.iter().any(|gap| *gap < secs(1)) && firsts.iter().any(|gap| *gap > secs(1)), "{firsts:?}");
}

/// The fault: the jitter was applied after the cap, and turned 60 s into 90 s.
#[tokio::test(start_paused = true)]
async fn corrected_jitter_never_exceeds_the_cap() {
    let mut lasts = Vec::new();
    for _ in 0..50 {
        let gaps = gaps(&wrapper(secs(30))).await;
        assert!(gaps.iter().all(|gap| within(*gap, 15.0, 60.0)), "{gaps:?}");
        lasts.push(gaps[2]);
    }
    assert!(lasts.iter().filter(|gap| **gap < secs(59)).count() > 25, "they aren't all at the cap: {lasts:?}");
}

#[tokio::test(start_paused = true)]
async fn point_2_kinds_by_text() {
    let again = ["Connection lost", "read timeout", "network is down", "rate limit", "Too Many Requests", "HTTP 429"];
    let again = again.into_iter().chain(["temporary failure", "Service Unavailable", "status 503"]);
    for text in again {
        assert_eq!(calls(|| Text(text)).await, 4, "{text}");
    }
    for text in ["out of memory", "disk full", "no such resource", "division by zero", ""] {
        assert_eq!(calls(|| Text(text)).await, 1, "{text}");
    }
}

/// The fault: only the text of an error decided, and not its type.
#[tokio::test(start_paused = true)]
async fn corrected_the_type_comes_before_the_text() {
    assert_eq!(calls(|| io::Error::new(ErrorKind::NotFound, "no connection of this name")).await, 1);
    assert_eq!(calls(|| io::Error::new(ErrorKind::ConnectionReset, "while reading a resource")).await, 4);
    assert_eq!(calls(|| io::Error::from(ErrorKind::StorageFull)).await, 1);
    // If the type is unknown, the text decides.
    assert_eq!(calls(|| io::Error::other("disk full")).await, 1);
    assert_eq!(calls(|| io::Error::other("connection lost")).await, 4);
}

#[tokio::test(start_paused = true)]
async fn point_3_a_fallback_responds_when_retries_are_exhausted() {
    let wrapper = wrapper(secs(1));
    let down = || async { Err(Text("connection lost")) };
    let cause = Cell::new(None);
    let response = wrapper.call_or(down, |unanswered| {
        cause.set(unanswered.report.cause());
        Ok(42)
    });
    assert_eq!(response.await, Ok(42));
    assert_eq!(cause.get(), Some(Cause::AttemptsExhausted { attempts: 4 }));
    let response = wrapper.call_or(|| async { Ok(7) }, |_| panic!("unused"));
    assert_eq!(response.await, Ok(7));
    let given_back = wrapper.call_or(down, |unanswered| Err::<u32, _>(unanswered.error)).await;
    assert_eq!(given_back, Err(BreakerError::Inner(Text("connection lost"))));
}

#[tokio::test(start_paused = true)]
async fn point_3_without_a_fallback_the_last_error_is_returned() {
    let texts = ["timeout 1", "timeout 2", "timeout 3", "timeout 4"];
    let calls = Cell::new(0);
    let failing = || {
        let text = texts[calls.replace(calls.get() + 1)];
        async move { Err::<(), _>(Text(text)) }
    };
    assert_eq!(wrapper(secs(1)).call(failing).await, Err(BreakerError::Inner(Text("timeout 4"))));
}

#[test]
fn point_3_blocking_functions_are_wrapped_the_same_way() {
    let wrapper = counting();
    let calls = Cell::new(0);
    let third_time = || {
        calls.set(calls.get() + 1);
        if calls.get() < 3 { Err(Text("timeout")) } else { Ok(calls.get()) }
    };
    assert_eq!(wrapper.call_blocking(third_time), Ok(3));
    assert_eq!(wrapper.circuit.stats().failures_in_a_row, 0, "its success ended the row");
    let down = || Err::<u32, _>(Text("network is down"));
    assert_eq!(wrapper.call_blocking(down), Err(BreakerError::Inner(Text("network is down"))));
    let cause = Cell::new(None);
    let response = wrapper.call_blocking_or(down, |unanswered| {
        cause.set(unanswered.report.cause());
        Ok(42)
    });
    assert_eq!((response, wrapper.circuit.state()), (Ok(42), State::Open));
    assert!(cause.get().unwrap().is_rejection(), "after the fifth failure it isn't called");
}

#[tokio::test(start_paused = true)]
async fn point_4_retries_failures_and_fallbacks_have_log_levels() {
    let wrapper = wrapper(secs(1));
    let log = logged(async {
        wrapper.call_or(|| async { Err(Text("timeout")) }, |_| Ok(())).await.unwrap();
    })
    .await;
    let lines: Vec<_> = log.lines().map(str::trim_start).collect();
    for (number, line) in (1..).zip(&lines[..3]) {
        assert!(
            line.starts_with(&format!(
                "WARN attempt failed, retrying after the delay name=\"prices\" attempt={number} max_attempts=4 delay="
            )),
            "{log}"
        );
    }
    assert_eq!(
        lines[3],
        r#"ERROR request failed, no further attempt name="prices" attempt=4 max_attempts=4 cause="all 4 attempts failed" reason="attempts_exhausted" error.type="timed_out" error="timeout" attempt_duration=0ns"#
    );
    assert_eq!(lines[4..], ["INFO calling the fallback name=prices why=timeout (all 4 attempts failed)"]);

    let log = logged(async {
        wrapper.call(|| async { Err::<(), _>(Text("disk full")) }).await.unwrap_err();
    })
    .await;
    assert_eq!(
        log.trim(),
        r#"ERROR request failed, no further attempt name="prices" attempt=1 max_attempts=4 cause="the failure is permanent" reason="permanent" error.type="permanent" error="disk full""#
    );
}

#[tokio::test(start_paused = true)]
async fn point_5_five_failures_open_it_for_60_seconds() {
    let wrapper = counting();
    let permanent = || async { Err::<(), _>(Text("division by zero")) };
    for _ in 0..4 {
        wrapper.call(permanent).await.unwrap_err();
    }
    assert_eq!(wrapper.circuit.state(), State::Closed);
    assert_eq!(wrapper.call(permanent).await, Err(BreakerError::Inner(Text("division by zero"))));
    let rejected = wrapper.call(|| async { Ok(()) }).await.unwrap_err();
    assert_eq!(rejected.rejection().unwrap().retry_in(), Some(secs(60)));
    advance(secs(60)).await;
    wrapper.call(|| async { Ok(()) }).await.unwrap();
    assert_eq!(wrapper.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn point_5_the_breaker_counts_only_configured_errors() {
    listen();
    let classify: Classify<Oops> = |oops| if oops.0 == 404 { Verdict::Neutral } else { Verdict::transient() };
    let wrapper = Wrapper::new("prices", secs(1), classify);
    for _ in 0..20 {
        wrapper.call(|| async { Err::<(), _>(Oops(404)) }).await.unwrap_err();
    }
    assert_eq!((wrapper.circuit.state(), wrapper.circuit.stats().failures_in_a_row), (State::Closed, 0));
    for _ in 0..5 {
        wrapper.call(|| async { Err::<(), _>(Oops(500)) }).await.unwrap_err();
    }
    assert_eq!(wrapper.circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn point_6_a_budget_bounds_the_retries_of_all_calls() {
    let wrapper = wrapper(Duration::ZERO);
    let calls = Cell::new(0);
    let mut refused = 0;
    for _ in 0..1_000 {
        let failing = || {
            calls.set(calls.get() + 1);
            async { Err(Text("timeout")) }
        };
        let cause = |unanswered: tower_recourse::report::ReportedError<_>| {
            refused += u32::from(unanswered.report.cause() == Some(Cause::Budget));
            Ok(())
        };
        wrapper.call_or(failing, cause).await.unwrap();
    }
    // The budget allows retries for a fifth of the traffic, plus the initial tokens. Without a
    // budget there would be 3,000 retries.
    let retries = calls.get() - 1_000;
    assert!((200..=400).contains(&retries) && refused > 800, "{retries} retries, {refused} refused");
}

#[tokio::test(start_paused = true)]
async fn point_6_every_attempt_has_a_span() {
    let wrapper = wrapper(secs(1));
    let log = logged(async {
        let failing = || async {
            tracing::info!("called");
            Err::<(), _>(Text("timeout"))
        };
        wrapper.call(failing).await.unwrap_err();
        let failing = || {
            tracing::info!("called");
            Err::<(), _>(Text("disk full"))
        };
        wrapper.call_blocking(failing).unwrap_err();
    })
    .await;
    let called: Vec<_> = log.lines().map(str::trim_start).filter(|line| line.ends_with("called")).collect();
    let span = |number| format!("INFO attempt{{name=prices number={number}}}: called");
    assert_eq!(called, [span(1), span(2), span(3), span(4), span(1)]);
}

/// A process can pass its state on to the next one. Processes that run at the same time don't share
/// state.
#[tokio::test]
async fn point_6_a_store_belongs_to_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (counting::<Text>(), counting::<Text>());
    let store = FileStore::open(folder.path(), "prices").unwrap();
    assert_eq!(store.register("circuit", &one.circuit).unwrap(), Restored::Nothing);
    assert!(matches!(FileStore::open(folder.path(), "prices"), Err(StoreError::Held { .. })));
    for _ in 0..5 {
        one.call(|| async { Err::<(), _>(Text("division by zero")) }).await.unwrap_err();
    }
    assert_eq!(
        (one.circuit.state(), other.circuit.state()),
        (State::Open, State::Closed),
        "the observer receives nothing"
    );
    drop(store);
    let store = FileStore::open(folder.path(), "prices").unwrap();
    store.register("circuit", &other.circuit).unwrap();
    assert_eq!(other.circuit.state(), State::Open);
}
