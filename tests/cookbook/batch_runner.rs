//! The batch runner: its requirements, and the faults that it corrects, tested on the example.

#[path = "../../examples/batch_runner/batch.rs"]
mod example;
mod full_disk;
mod killed;
#[path = "../../examples/batch_runner/operator.rs"]
mod operator;

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use example::{Batch, NotDone};
use serde_json::Value;
use tokio::time::advance;
use tower_recourse::{
    State,
    retry::{Backoff, quota::QuotaSnapshot},
    store::StoreError,
};

use crate::fixed_numbers::FixedNumbers as _;

fn open(folder: &Path) -> Batch {
    Batch::open(folder, "b-17", Backoff::none(), |_| {}).unwrap()
}

fn passing() -> io::Error {
    ErrorKind::ConnectionReset.into()
}

fn permanent() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "no such colour")
}

/// Processes an item that always fails. Returns how often it was tried, and the message.
async fn fail(batch: &Batch, item: &str, error: fn() -> io::Error) -> (u32, NotDone) {
    let calls = AtomicU32::new(0);
    let work = |_| {
        calls.fetch_add(1, Ordering::SeqCst);
        async { Err::<(), _>(error()) }
    };
    let not_done = batch.process(item, work).await.unwrap_err();
    (calls.into_inner(), not_done)
}

async fn succeed(batch: &Batch, item: &str) {
    batch.process(item, |_| async { Ok(()) }).await.unwrap();
}

/// Opens the circuit with five items that each fail once. Meanwhile the retry switch is off, so
/// there are no retries and the quota counts nothing.
async fn open_circuit(batch: &Batch) {
    batch.retry_switch.turn_off();
    for item in ["o-1", "o-2", "o-3", "o-4", "o-5"] {
        fail(batch, item, passing).await;
    }
    batch.retry_switch.turn_on();
    assert_eq!(batch.circuit.state(), State::Open);
}

fn audit(batch: &Batch, folder: &Path) -> Vec<Value> {
    batch.audit.flush().unwrap();
    let lines = fs::read_to_string(folder.join("b-17.audit.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

#[tokio::test]
async fn point_1_an_item_has_three_retries_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    let two = AtomicU32::new(0);
    let third_time = |_| {
        let call = two.fetch_add(1, Ordering::SeqCst);
        async move { if call < 2 { Err(passing()) } else { Ok(()) } }
    };
    batch.process("item", third_time).await.unwrap();
    assert_eq!(batch.quota.retries_for_key("item"), 2);
    drop(batch);

    let batch = open(folder.path());
    assert_eq!(batch.quota.retries_for_key("item"), 2);
    let (calls, not_done) = fail(&batch, "item", passing).await;
    assert_eq!((calls, not_done.reason, not_done.retries), (2, "attempts exhausted", 3), "one was left");
    drop(batch);

    let (calls, not_done) = fail(&open(folder.path()), "item", passing).await;
    assert_eq!((calls, not_done.reason, not_done.retries), (1, "attempts exhausted", 3));
}

#[tokio::test]
async fn point_2_all_items_together_have_fifty_retries() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    let mut calls = 0;
    for item in 0..30 {
        let (called, not_done) = fail(&batch, &format!("item-{item}"), passing).await;
        calls += called;
        let expected = match item {
            0..16 => ("attempts exhausted", 3),
            16 => ("global limit", 2),
            _ => ("global limit", 0),
        };
        assert_eq!((not_done.reason, not_done.retries), expected, "item {item}");
        // `resume` closes the circuit again, which other tests cover.
        batch.resume();
    }
    assert_eq!((calls, batch.quota.total_retries()), (30 + 50, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn point_2_concurrent_failures_never_exceed_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let batch = Arc::new(open(folder.path()));
    let retries = Arc::new(AtomicU32::new(0));
    let items: Vec<_> = (0..40)
        .map(|item| {
            let (batch, retries) = (Arc::clone(&batch), Arc::clone(&retries));
            tokio::spawn(async move {
                let work = |attempt: tower_recourse::Attempt| {
                    retries.fetch_add(u32::from(attempt.number() > 1), Ordering::SeqCst);
                    batch.resume();
                    async { Err::<(), _>(passing()) }
                };
                batch.process(&format!("item-{item}"), work).await.unwrap_err()
            })
        })
        .collect();
    for item in items {
        assert!(item.await.unwrap().retries <= 3);
    }
    assert!(batch.quota.total_retries() <= 50);
    assert_eq!(u64::from(retries.load(Ordering::SeqCst)), batch.quota.total_retries(), "each retry was made");
}

#[tokio::test(start_paused = true)]
async fn point_3_five_consecutive_failures_open_it_until_reset() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    fail(&batch, "one", passing).await;
    assert_eq!((batch.circuit.state(), batch.circuit.stats().failures_in_a_row), (State::Closed, 4));
    let (calls, not_done) = fail(&batch, "two", passing).await;
    assert_eq!((calls, not_done.reason, batch.circuit.state()), (1, "circuit open", State::Open));
    advance(Duration::from_secs(100 * 24 * 3600)).await;
    assert_eq!(fail(&batch, "two", passing).await.1.reason, "circuit open", "it doesn't close with time");
    drop(batch);

    let batch = open(folder.path());
    assert_eq!(batch.circuit.state(), State::Open, "nor by a restart");
    batch.resume();
    assert_eq!(batch.circuit.state(), State::Closed);
    assert_eq!(fail(&batch, "two", passing).await.0, 4);
}

#[tokio::test]
async fn point_3_a_success_closes_it_and_ends_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    open_circuit(&batch).await;
    succeed(&batch, "good").await;
    assert_eq!(batch.circuit.state(), State::Closed);
    fail(&batch, "one", passing).await;
    succeed(&batch, "good").await;
    assert_eq!(batch.circuit.stats().failures_in_a_row, 0);
    assert_eq!(fail(&batch, "two", passing).await.1.reason, "attempts exhausted");
}

#[tokio::test]
async fn point_4_a_switch_disables_and_enables_retries() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    batch.retry_switch.turn_off();
    let (calls, not_done) = fail(&batch, "item", passing).await;
    assert_eq!((calls, not_done.reason, not_done.retries), (1, "retries disabled", 0));
    // The switch may be turned off while an item is processed.
    batch.retry_switch.turn_on();
    let calls = AtomicU32::new(0);
    let work = |_| {
        if calls.fetch_add(1, Ordering::SeqCst) == 1 {
            batch.retry_switch.turn_off();
        }
        async { Err::<(), _>(passing()) }
    };
    let not_done = batch.process("item", work).await.unwrap_err();
    assert_eq!((calls.load(Ordering::SeqCst), not_done.reason, not_done.retries), (2, "retries disabled", 1));
}

/// At first all reasons not to retry apply. The test removes one after another.
#[tokio::test]
async fn point_5_reasons_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    open_circuit(&batch).await;
    batch.retry_switch.turn_off();
    batch.quota.restore(QuotaSnapshot::new(50, vec![("item".to_owned(), 3)]));
    let said = async |error| {
        let (calls, not_done) = fail(&batch, "item", error).await;
        assert_eq!((calls, not_done.retries), (1, 3), "the response has the key's count");
        assert_eq!(not_done.error.to_string(), error().to_string());
        not_done.reason
    };
    assert_eq!(said(permanent).await, "retries disabled");
    batch.retry_switch.turn_on();
    assert_eq!(said(permanent).await, "global limit");
    batch.quota.restore(QuotaSnapshot::new(3, vec![("item".to_owned(), 3)]));
    assert_eq!(said(permanent).await, "circuit open");
    batch.resume();
    assert_eq!(said(permanent).await, "permanent");
    assert_eq!(said(passing).await, "attempts exhausted");
}

#[tokio::test]
async fn point_6_a_damaged_file_is_set_aside_and_counts_restart() {
    let folder = tempfile::tempdir().unwrap();
    fail(&open(folder.path()), "item", passing).await;
    let path = folder.path().join("b-17.json");
    let half = fs::read(&path).unwrap();
    let half = &half[..half.len() / 2];
    fs::write(&path, half).unwrap();

    let batch = open(folder.path());
    assert_eq!((batch.quota.retries_for_key("item"), batch.quota.total_retries()), (0, 0));
    assert_eq!(fs::read(folder.path().join("b-17.json.damaged-1")).unwrap(), half);
    let (calls, not_done) = fail(&batch, "item", passing).await;
    assert_eq!((calls, not_done.retries), (4, 3));
    drop(batch);
    assert_eq!(open(folder.path()).quota.retries_for_key("item"), 3);
}

#[test]
fn point_6_a_batch_id_that_is_a_path_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    for id in ["..", "../up", "a/b", "a\\b", "..\\up", "/etc/passwd", "C:\\up", ""] {
        let error = Batch::open(&inside, id, Backoff::none(), |_| {}).err().unwrap();
        assert!(matches!(error.downcast_ref(), Some(StoreError::Name(_))), "{id:?}: {error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created, not even the audit file");
}

#[tokio::test]
async fn point_7_every_retry_and_every_opening_writes_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    fail(&batch, "one", passing).await;
    fail(&batch, "two", permanent).await;
    let lines = audit(&batch, folder.path());
    let retries = of_kind(&lines, "retry");
    assert_eq!(retries.len(), 3);
    for (number, line) in (1..).zip(&retries) {
        assert_eq!(
            (&line["batch"], &line["item"], &line["message"]),
            (&"b-17".into(), &"one".into(), &"connection reset".into())
        );
        let counts = serde_json::json!({ "attempt": number + 1, "retries": number, "total_retries": number });
        assert_eq!(line["counts"], counts);
    }
    let [opened] = of_kind(&lines, "circuit_opened")[..] else { panic!("{lines:?}") };
    assert_eq!((&opened["batch"], &opened["counts"]["failures_in_a_row"]), (&"b-17".into(), &5.into()));
    assert!(opened["message"].as_str().unwrap().contains("5 failures in a row"));
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == "2026-11-22T19:19:12.345Z".len() && time.ends_with('Z'), "{time}");
    }
}

#[tokio::test]
async fn point_7_text_from_outside_cannot_forge_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    let item = "i\n{\"kind\":\"circuit_closed\"}\r\n\u{1b}[2J\u{202e}";
    let hostile = || {
        io::Error::other(format!("\u{1b}]0;owned\u{7}\n{{\"kind\":\"retry\"}}\u{2028}\"}}\n{}", "x".repeat(1 << 20)))
    };
    fail(&batch, item, hostile).await;
    let lines = audit(&batch, folder.path());
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["retry", "retry", "retry", "not_done"]);
    assert!(lines.iter().all(|line| line["item"] == item && line["cut"] == true));
    let bytes = fs::read(folder.path().join("b-17.audit.jsonl")).unwrap();
    assert!(
        bytes.len() < 4 * 4096
            && bytes.iter().all(|&byte| byte == b'\n' || (b' '..=b'~').contains(&byte) || byte > 0x7f)
    );
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains(['\u{2028}', '\u{202e}']));
}

#[tokio::test]
async fn point_8_the_console_explains_how_to_resume() {
    let folder = tempfile::tempdir().unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    let console = || {
        let said = Arc::clone(&said);
        move |message: &str| said.lock().unwrap().push(message.to_owned())
    };
    let batch = Batch::open(folder.path(), "b-17", Backoff::none(), console()).unwrap();
    open_circuit(&batch).await;
    let message = "batch `b-17` makes no retries: 5 failures in a row. Fix the cause and call `resume`; \
                   the next successful item also resumes retries";
    assert_eq!(said.lock().unwrap().drain(..).collect::<Vec<_>>(), [message]);
    drop(batch);
    // The operator who restarts the batch gets the message too.
    let batch = Batch::open(folder.path(), "b-17", Backoff::none(), console()).unwrap();
    batch.resume();
    let messages: Vec<_> = said.lock().unwrap().drain(..).collect();
    assert!(messages[0].contains("stopped in an earlier run and not resumed since. Fix the cause"), "{messages:?}");
    assert_eq!(messages[1..], ["batch `b-17` resumes retries"]);
}

/// The fault: the file was replaced without a flush. Here the retry is on disk before it is made.
#[tokio::test]
async fn corrected_a_retry_is_durable_before_it_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let batch = open(folder.path());
    let path = folder.path().join("b-17.json");
    let work = |attempt: tower_recourse::Attempt| {
        let retries = attempt.number() - 1;
        if retries > 0 {
            let saved: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(saved["parts"]["quota"]["state"]["keys"][0][1], retries);
        }
        async { Err::<(), _>(passing()) }
    };
    assert_eq!(batch.process("item", work).await.unwrap_err().retries, 3);
}

/// The fault: only a person could close the breaker. "Until a reset or a success" is now one of the
/// rules, and the others are available as well.
#[tokio::test(start_paused = true)]
async fn corrected_until_reset_is_one_of_the_open_rules() {
    use tower_recourse::{BreakerConfig, Circuit, breaker::OpenDuration};
    let month = Duration::from_secs(30 * 24 * 3600);
    for (open_for, expected) in [
        (OpenDuration::until_reset(), State::Open),
        (OpenDuration::fixed(Duration::from_secs(60)), State::HalfOpen),
        (OpenDuration::exponential(Duration::from_secs(60)).max(Duration::from_secs(600)), State::HalfOpen),
    ] {
        let circuit = Circuit::new(BreakerConfig::default().fixed().open_for(open_for));
        (0..5).for_each(|_| circuit.try_acquire().unwrap().failure());
        advance(month).await;
        assert_eq!(circuit.state(), expected);
    }
}
