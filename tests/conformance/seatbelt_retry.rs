//! seatbelt 0.11: its retry middleware, its backoff, and the I/O errors that it considers
//! recoverable. As in seatbelt's tests, the waits have no jitter and there is no budget. Rows s17
//! and s18 need a custom random number; they are in `src/retry/backoff/tests.rs`.

use std::{
    cell::{Cell, RefCell},
    io::{self, ErrorKind},
    rc::Rc,
    time::Duration,
};

use tokio::time::Instant;
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    Ratio, RetryConfig, RetryLayer, Verdict,
    observe::Event,
    retry::{Backoff, Jitter},
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn h(hours: u64) -> Duration {
    s(3_600 * hours)
}

fn reset() -> io::Error {
    ErrorKind::ConnectionReset.into()
}

fn doubling(base: Duration) -> Backoff {
    Backoff::exponential(base).jitter(Jitter::None)
}

/// The waits of a call whose attempts all fail. `verdicts` returns the verdict of each attempt.
async fn waits(config: RetryConfig, mut verdicts: impl FnMut(u32) -> Verdict) -> Vec<Duration> {
    let (mut waits, mut last) = (Vec::new(), None);
    let verdict = Rc::new(Cell::new(Verdict::transient()));
    let judged = Rc::clone(&verdict);
    let layer = RetryLayer::new(config.classify_errors(move |_: &io::Error| judged.get()));
    let call = |attempt: tower_recourse::Attempt| {
        let now = Instant::now();
        waits.extend(last.replace(now).map(|last| now - last));
        verdict.set(verdicts(attempt.number()));
        async { Err::<(), _>(reset()) }
    };
    layer.run(call).await.unwrap_err();
    waits
}

#[tokio::test(start_paused = true)]
async fn attempts_and_waits() {
    let transient = |_| Verdict::transient();
    let calls = waits(RetryConfig::default().idempotent(), transient).await.len() + 1;
    assert_eq!(calls, 4, "s1: the defaults");

    let linear = Backoff::linear(ms(10), ms(10));
    let exact = Ratio::new(0.0).unwrap();
    let config = || RetryConfig::default().idempotent().without_budget().retry_after_jitter(exact);
    let seen = waits(config().retries(4).backoff(linear), transient).await;
    assert_eq!(seen, [ms(10), ms(20), ms(30), ms(40)], "s2");

    let asked = |_| Verdict::transient().retry_after(s(10));
    let seen = waits(config().retries(1).backoff(doubling(ms(10))), asked).await;
    assert_eq!(seen, [s(10)], "s7");

    let first = |attempt| if attempt == 1 { asked(1) } else { Verdict::transient() };
    let seen = waits(config().retries(2).backoff(doubling(ms(10))), first).await;
    assert_eq!(seen, [s(10), ms(20)], "s9: a hint uses up its step");
}

/// s4. seatbelt counts attempts from 0. We count from 1, as in "attempt 1 of 5".
#[tokio::test(start_paused = true)]
async fn attempt_numbers() {
    let numbers = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let recorder = std::sync::Arc::clone(&numbers);
    let config = RetryConfig::default().idempotent().without_budget().retries(4).observe(move |event: &Event<'_>| {
        if let Event::RetryScheduled { attempt, .. } = event {
            recorder.lock().unwrap().push(*attempt);
        }
    });
    let mut made = Vec::new();
    waits(config, |attempt| {
        made.push(attempt);
        Verdict::transient()
    })
    .await;
    assert_eq!(made, [1, 2, 3, 4, 5], "s4: when each request is made");
    assert_eq!(*numbers.lock().unwrap(), [1, 2, 3, 4], "s4: when it is retried");
}

/// s5: the request can't be copied, and its outcome would be retried.
#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_copied_is_sent_once() {
    let (calls, judged) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (counted, asked) = (Rc::clone(&calls), Rc::clone(&judged));
    let config = RetryConfig::default().without_budget().classify(move |_: Result<&&str, &io::Error>| {
        asked.set(asked.get() + 1);
        Verdict::transient()
    });
    let layer = RetryLayer::new(config).copy_request_with(|_: &String| None);
    let service = ServiceBuilder::new().layer(layer).service(service_fn(move |_: String| {
        counted.set(counted.get() + 1);
        async { Ok::<_, std::io::Error>("the output") }
    }));
    assert_eq!(service.oneshot(String::new()).await.unwrap(), "the output", "s5");
    assert_eq!((calls.get(), judged.get()), (1, 1), "s5: calls and classifications");
}

#[test]
fn delays_of_each_backoff() {
    let delays = |backoff: Backoff, count| backoff.delays(0).take(count).collect::<Vec<_>>();
    let seen = delays(doubling(ms(100)).max(s(1)), 6);
    assert_eq!(seen, [ms(100), ms(200), ms(400), ms(800), s(1), s(1)], "s12");

    let last = |max| doubling(h(24)).max(max).delays(0).nth(1_000);
    assert_eq!(last(Duration::MAX), Some(Duration::MAX), "s14, without a cap");
    assert_eq!(last(h(48)), Some(h(48)), "s14, with a cap of 48 h");
}

#[tokio::test(start_paused = true)]
async fn retried_io_errors() {
    use ErrorKind::*;
    let retried = [
        WouldBlock,
        TimedOut,
        ConnectionReset,
        ConnectionAborted,
        NotConnected,
        ConnectionRefused,
        AddrInUse,
        AddrNotAvailable,
        BrokenPipe,
        Interrupted,
        StaleNetworkFileHandle,
        ResourceBusy,
        Deadlock,
        ExecutableFileBusy,
    ];
    let not_retried = [
        NotADirectory,
        IsADirectory,
        ReadOnlyFilesystem,
        FileTooLarge,
        invalid_filename(),
        NotFound,
        PermissionDenied,
        InvalidInput,
    ];
    // seatbelt retries `QuotaExceeded`. We treat it like `StorageFull`, which seatbelt doesn't
    // know: neither a full disk nor an exhausted quota changes while a caller waits.
    let differs = [QuotaExceeded, StorageFull];
    let rows = retried.map(|kind| ("s21", kind, 2)).into_iter();
    let rows = rows.chain(not_retried.map(|kind| ("s23", kind, 1))).chain(differs.map(|kind| ("s21, ours", kind, 1)));
    for (row, kind, calls) in rows {
        let made = RefCell::new(0);
        let layer = RetryLayer::new(RetryConfig::default().idempotent().without_budget().retries(1));
        let call = |_| {
            *made.borrow_mut() += 1;
            std::future::ready(Err::<(), _>(io::Error::from(kind)))
        };
        layer.run(call).await.unwrap_err();
        assert_eq!(*made.borrow(), calls, "{row}: {kind:?}");
    }
}

/// `ErrorKind::InvalidFilename`, which has no public name before Rust 1.87. The operating system
/// returns it for a name that is too long. `NotFound` is accepted too.
fn invalid_filename() -> ErrorKind {
    let kind = std::fs::metadata("x".repeat(40_000)).unwrap_err().kind();
    assert!(["InvalidFilename", "NotFound"].contains(&&*format!("{kind:?}")), "{kind:?}");
    kind
}
