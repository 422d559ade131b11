//! Tests of the audit log: each line is complete, whatever it contains and whatever the disk does.

mod events;
mod files;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
mod processes;
mod tmpfs;

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tower::{Layer, service_fn};
use tower_recourse::{
    BreakerConfig, Circuit, RetryConfig, RetryLayer, Verdict,
    breaker::TripRule,
    observe::{Audit, audit::AuditConfig},
    retry::{Backoff, RetryQuota},
};

use crate::fixed_numbers::FixedNumbers as _;

/// Parses every line as JSON. A line that isn't JSON fails the test.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    parse(&fs::read(path).unwrap())
}

fn parse(written: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(written).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is complete");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// The number of lost lines, according to the lines themselves.
fn reported_lost(lines: &[Value]) -> u64 {
    lines.iter().filter(|line| line["kind"] == "audit_lost").map(|line| line["counts"]["lines"].as_u64().unwrap()).sum()
}

fn without_time(mut line: Value) -> Value {
    let time = line.as_object_mut().unwrap().remove("time").unwrap();
    let time = time.as_str().unwrap();
    assert_eq!((time.len(), &time[10..11], &time[19..20], &time[23..]), (24, "T", ".", "Z"), "{time}");
    line
}

#[tokio::test(start_paused = true)]
async fn every_retry_and_every_opening_writes_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::to_file(&path).unwrap().with_field("batch", "b-17");
    let config = BreakerConfig::default().fixed().name("db").open_when(TripRule::consecutive(2).unwrap());
    let circuit = Circuit::new(config.without_observers().observe(audit.clone()));
    let config = RetryConfig::default().idempotent().retries(1).backoff(Backoff::fixed(Duration::from_secs(1)));
    let service = RetryLayer::new(config.without_observers().observe(audit.clone())).layer(service_fn(|()| {
        let circuit = circuit.clone();
        async move { circuit.call(|| async { Err::<(), _>("down".to_owned()) }).await }
    }));
    service.oneshot(()).await.unwrap_err();
    circuit.try_acquire().unwrap_err();
    audit.record("item_failed", |entry| {
        entry.key("i-4711").count("retries", 1).reason("attempts exhausted").message("gave up").field("host", "a")
    });
    audit.flush().unwrap();

    let written: Vec<_> = lines(&path).into_iter().map(without_time).collect();
    let retry = json!({ "attempt": 1, "max_attempts": 2, "delay_ms": 1000 });
    let failure = json!({ "kind": "transient", "error": "down" });
    let opened = json!({ "calls": 2, "failures": 2, "failures_in_a_row": 2, "slow": 0, "open_for_ms": 30_000, "openings_in_a_row": 1, "failing_for_ms": 0 });
    let stopped = json!({ "attempt": 2, "max_attempts": 2, "duration_ms": 0 });
    let message = "all 2 attempts failed";
    assert_eq!(
        written,
        [
            json!({ "kind": "retry_scheduled", "batch": "b-17", "name": "retry", "counts": retry, "failure": failure }),
            json!({ "kind": "circuit_opened", "batch": "b-17", "name": "db", "counts": opened, "failure": failure }),
            json!({ "kind": "retry_stopped", "batch": "b-17", "name": "retry", "counts": stopped, "reason": "attempts_exhausted", "message": message, "failure": failure }),
            json!({
                "kind": "item_failed", "batch": "b-17", "key": "i-4711", "counts": { "retries": 1 },
                "reason": "attempts exhausted", "message": "gave up", "host": "a",
            }),
        ]
    );
    let first = fs::read_to_string(&path).unwrap();
    assert!(first.starts_with(r#"{"time":"2"#), "a line begins with its time, so that lines can be sorted: {first}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_line_has_the_counts_of_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::to_file(&path).unwrap();
    let quota = RetryQuota::new().max_per_key(1);
    let config =
        RetryConfig::default().idempotent().backoff(Backoff::fixed(Duration::from_secs(1))).without_observers();
    let layer = RetryLayer::new(config.quota(&quota, |item: &&str| *item).observe(audit.clone()));
    layer.run_for(&"i\n1", |_| async { Err::<(), _>("down".to_owned()) }).await.unwrap_err();
    audit.flush().unwrap();
    let written: Vec<_> = lines(&path).into_iter().map(without_time).collect();
    let scheduled = json!({ "attempt": 1, "max_attempts": 4, "delay_ms": 1000, "retries": 1, "total_retries": 1 });
    assert_eq!(
        (&written[0]["kind"], &written[0]["key"], &written[0]["counts"]),
        (&json!("retry_scheduled"), &json!("i\n1"), &scheduled)
    );
    assert_eq!((&written[1]["key"], &written[1]["reason"]), (&json!("i\n1"), &json!("key_quota")));
    assert_eq!(written.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_transparent_retry_writes_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::to_file(&path).unwrap();
    let config = RetryConfig::default().idempotent().retries(0).without_observers().observe(audit.clone());
    let layer = RetryLayer::new(config.classify_errors(|_: &&str| Verdict::unprocessed()));
    layer.run(|_| async { Err::<(), _>("refused") }).await.unwrap_err();
    audit.flush().unwrap();
    let written: Vec<_> = lines(&path).into_iter().map(without_time).collect();
    let failure = json!({ "kind": "transient", "error": "refused" });
    assert_eq!(
        written[0],
        json!({ "kind": "transparent_retry", "name": "retry", "counts": { "attempt": 1 }, "failure": failure })
    );
    assert_eq!((&written[1]["kind"], written.len()), (&json!("retry_stopped"), 2));
}

#[test]
fn single_calls_are_written_only_if_configured() {
    let folder = tempfile::tempdir().unwrap();
    for (name, config, expected) in
        [("some", AuditConfig::default(), 1), ("all", AuditConfig::default().include_every_call(), 3)]
    {
        let path = folder.path().join(name);
        let audit = Audit::to_file_with(&path, config).unwrap();
        let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap());
        let circuit = Circuit::new(config.without_observers().observe(audit.clone()));
        circuit.try_acquire().unwrap().failure();
        circuit.try_acquire().unwrap_err();
        audit.flush().unwrap();
        assert_eq!(lines(&path).len(), expected);
    }
}

#[test]
fn hostile_text_is_truncated_to_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let hostile = "\"}\n{\"kind\":\"forged\"}\r\n\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{0}'\\";
    let hostile_name = "\"\n\u{1b}\u{2028}";
    let megabyte = "\u{1b}\n".repeat(1 << 19);
    let audit = Audit::to_file(&path).unwrap().with_field(hostile_name, hostile);
    let circuit = Circuit::new(
        BreakerConfig::default().fixed().without_observers().name(hostile.to_owned()).observe(audit.clone()),
    );
    circuit.force_open();
    audit.record(hostile, |entry| entry.key(hostile).count(hostile_name, 1).reason(hostile).message(&megabyte));
    audit.record("many", |mut entry| {
        for number in 0..100 {
            entry = entry.field(format_args!("{number}{megabyte}"), &megabyte).count(format_args!("{number}"), number);
        }
        entry.name(&megabyte).key(&megabyte).reason(&megabyte).message(&megabyte)
    });
    audit.flush().unwrap();

    let written = fs::read(&path).unwrap();
    assert!(written.iter().all(|&byte| byte == b'\n' || (b' '..=b'~').contains(&byte) || byte >= 0x80));
    let printable = String::from_utf8(written).unwrap();
    assert!(!printable.contains(['\u{9b}', '\u{2028}', '\u{202e}', '\u{1b}']));
    let written = parse(printable.as_bytes());
    assert_eq!(written.iter().filter(|line| line["kind"] == "forged").count(), 0);
    assert_eq!(written.len(), 4);
    assert_eq!(
        (&written[0]["name"], &written[0][hostile_name], &written[2]["key"]),
        (&json!(hostile), &json!(hostile), &json!(hostile))
    );
    assert_eq!((&written[2]["cut"], &written[0]["cut"]), (&json!(true), &Value::Null));
    let message = written[2]["message"].as_str().unwrap();
    assert!(message.ends_with("\u{1b}…") || message.ends_with("\n…"), "{message:?}");
    assert!(printable.lines().all(|line| line.len() < 64 << 10), "the length of a line is bounded");
}

#[test]
fn custom_fields_cannot_replace_fields_of_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit =
        Audit::to_file(&path).unwrap().with_field("kind", "forged").with_field("batch", "a").with_field("batch", "b");
    audit.record("true", |entry| {
        entry.field("time", "never").field("cut", "no").field("batch", "c").count("n", 1).count("n", 2)
    });
    audit.flush().unwrap();
    let line = without_time(lines(&path).remove(0));
    let expected = json!({ "kind": "true", "_kind": "forged", "_time": "never", "_cut": "no", "batch": "c", "counts": { "n": 2 } });
    assert_eq!(line, expected);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("\"batch\"").count(), 1, "each name once: {text}");
}

#[test]
fn a_full_file_is_rotated_without_a_lost_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let config = AuditConfig::default().max_file_size(4096).unwrap().max_backups(999).unwrap();
    let audit = Audit::to_file_with(&path, config).unwrap();
    for number in 0..2_000 {
        audit.record("line", |entry| entry.count("number", number));
        if number % 37 == 0 {
            audit.flush().unwrap();
        }
    }
    audit.close().unwrap();
    let mut files: Vec<_> = (1..)
        .map(|number| folder.path().join(format!("audit.jsonl.{number}")))
        .take_while(|path| path.exists())
        .collect();
    assert!(files.len() > 20, "{}", files.len());
    files.reverse();
    files.push(path);
    assert!(files.iter().all(|path| fs::metadata(path).unwrap().len() <= 4096));
    let numbers: Vec<_> =
        files.iter().flat_map(|path| lines(path)).map(|line| line["counts"]["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..2_000).collect::<Vec<_>>(), "all lines, in order");
}

#[test]
fn the_number_of_old_files_is_bounded() {
    for keep in [0, 1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let config = AuditConfig::default().max_file_size(4096).unwrap().max_backups(keep).unwrap();
        let audit = Audit::to_file_with(folder.path().join("a"), config).unwrap();
        for _ in 0..1_000 {
            audit.record("line", |entry| entry);
        }
        audit.flush().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), keep as usize + 2, "the files and the lock");
    }
}

#[test]
fn a_line_longer_than_a_file_gets_a_separate_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let audit = Audit::to_file_with(&path, AuditConfig::default().max_file_size(4096).unwrap()).unwrap();
    let long = "x".repeat(1_000);
    for _ in 0..3 {
        audit.record("long", |entry| (0..20).fold(entry, |entry, number| entry.field(number, &long)));
    }
    audit.flush().unwrap();
    assert_eq!((lines(&path).len(), lines(&folder.path().join("a.1")).len()), (1, 1));
}

#[test]
fn invalid_settings_are_errors() {
    let said = |error: tower_recourse::InvalidConfig| error.to_string();
    let config = AuditConfig::default;
    assert_eq!(said(config().max_file_size(1).unwrap_err()), "`max_file_size` is 1, but must be at least 4096 bytes");
    assert_eq!(said(config().max_backups(1_000).unwrap_err()), "`max_backups` is 1000, but must be at most 999 files");
    assert_eq!(said(config().max_queue(1).unwrap_err()), "`max_queue` is 1, but must be at least 65536 bytes");
    let missing = Audit::to_file("/there/is/no/such/folder/audit.jsonl").unwrap_err();
    assert!(missing.to_string().contains("/there/is/no/such/folder/audit.jsonl"), "{missing}");
}

#[test]
fn dropping_the_last_handle_writes_queued_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let audit = Audit::to_file(&path).unwrap();
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers().observe(audit.clone()));
    audit.record("first", |entry| entry);
    drop(audit);
    circuit.force_open();
    drop(circuit);
    assert_eq!(lines(&path).len(), 3);
}

#[test]
fn lines_after_the_end_count_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let audit = Audit::to_file(&path).unwrap();
    audit.record("before", |entry| entry);
    audit.close().unwrap();
    audit.record("after", |entry| entry);
    assert_eq!((audit.dropped_lines(), lines(&path).len()), (1, 1));
    assert_eq!(audit.flush().unwrap_err().to_string(), "the audit is closed");
    audit.close().unwrap_err();
}

#[test]
fn an_unfinished_line_damages_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "{\"kind\":\"whole\"}\n{\"kind\":\"ha").unwrap();
    let audit = Audit::to_file(&path).unwrap();
    audit.record("next", |entry| entry);
    audit.flush().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let read: Vec<_> = text.lines().map(serde_json::from_str::<Value>).collect();
    assert_eq!((read.len(), read.iter().filter(|line| line.is_ok()).count()), (3, 2));
}

#[test]
fn a_moved_file_is_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("a"), folder.path().join("moved"));
    let audit = Audit::to_file_with(&path, AuditConfig::default().never_rotate()).unwrap();
    audit.record("first", |entry| entry);
    audit.flush().unwrap();
    fs::rename(&path, &moved).unwrap();
    audit.record("second", |entry| entry);
    audit.flush().unwrap();
    assert_eq!((lines(&moved).len(), lines(&path).len()), (1, 1));
}

/// A writer that blocks until the test releases it, and that then has room for a given number of
/// bytes.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Inside>, Condvar)>);

#[derive(Default)]
struct Inside {
    is_open: bool,
    room: usize,
    panics: bool,
    written: Vec<u8>,
}

impl Gate {
    fn set(&self, is_open: bool, room: usize) {
        let mut inside = self.0.0.lock().unwrap();
        (inside.is_open, inside.room) = (is_open, room);
        self.0.1.notify_all();
    }

    fn lines(&self) -> Vec<Value> {
        parse(&self.0.0.lock().unwrap().written)
    }
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let inside = self.0.0.lock().unwrap();
        let mut inside = self.0.1.wait_while(inside, |inside| !inside.is_open).unwrap();
        if std::mem::take(&mut inside.panics) {
            drop(inside);
            panic!("this writer panics");
        }
        let some = bytes.len().min(inside.room);
        inside.room -= some;
        inside.written.extend_from_slice(&bytes[..some]);
        if some == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(some) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_writer_blocks_no_call_and_lost_lines_are_reported() {
    let gate = Gate::default();
    let config = AuditConfig::default().max_queue(64 << 10).unwrap();
    let audit = Audit::to_writer(gate.clone(), config).unwrap();
    // If a call waited for the writer, the test would hang here.
    for number in 0..10_000 {
        audit.record("line", |entry| entry.count("number", number));
    }
    let lost = audit.dropped_lines();
    assert!(lost > 0 && lost < 10_000, "{lost}");
    gate.set(true, usize::MAX);
    audit.flush().unwrap();
    audit.record("after", |entry| entry);
    audit.flush().unwrap();
    let written = gate.lines();
    assert_eq!((reported_lost(&written), audit.dropped_lines()), (lost, lost));
    let reported = written.iter().filter(|line| line["kind"] == "audit_lost").count();
    assert_eq!((written.len() - reported - 1) as u64 + lost, 10_000);
    assert_eq!(written.last().unwrap()["kind"], "after");
}

#[test]
fn a_line_cut_by_a_full_disk_is_completed_later() {
    let gate = Gate::default();
    let audit = Audit::to_writer(gate.clone(), AuditConfig::default()).unwrap();
    for number in 0..50 {
        gate.set(true, if number % 5 == 4 { usize::MAX } else { 7 });
        audit.record("line", |entry| entry.count("number", number));
        let flushed = audit.flush();
        assert_eq!((flushed.is_ok(), audit.last_error().is_none()), (number % 5 == 4, number % 5 == 4), "{flushed:?}");
        if let Err(error) = flushed {
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
    let numbers: Vec<_> = gate.lines().iter().map(|line| line["counts"]["number"].as_u64().unwrap()).collect();
    assert_eq!((numbers, audit.dropped_lines()), ((0..50).collect(), 0));
}

#[test]
fn a_disk_that_stays_full_loses_lines_and_reports_them_later() {
    let gate = Gate::default();
    gate.set(true, 0);
    let audit = Audit::to_writer(gate.clone(), AuditConfig::default().max_queue(64 << 10).unwrap()).unwrap();
    for number in 0..5_000 {
        audit.record("line", |entry| entry.count("number", number));
    }
    audit.flush().unwrap_err();
    let lost = audit.dropped_lines();
    assert!(lost > 0);
    gate.set(true, usize::MAX);
    audit.close().unwrap();
    let written = gate.lines();
    assert_eq!((reported_lost(&written), written.len() as u64 - 1 + lost), (lost, 5_000));
}

#[test]
fn a_writer_that_panics_loses_only_its_own_lines() {
    let gate = Gate::default();
    gate.0.0.lock().unwrap().panics = true;
    gate.set(true, usize::MAX);
    let audit = Audit::to_writer(gate.clone(), AuditConfig::default()).unwrap();
    audit.record("first", |entry| entry);
    // The flush fails if the writer hadn't taken the line yet.
    let _ = audit.flush();
    audit.record("second", |entry| entry);
    audit.flush().unwrap();
    let mut kinds: Vec<_> = gate.lines().iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect();
    // The order of the two lines depends on which thread is first.
    kinds.sort();
    assert_eq!((kinds, audit.dropped_lines()), (vec!["audit_lost".to_owned(), "second".to_owned()], 1));
}

/// The audit keeps the writer's last error. Replacing it drops the error before it, and that error
/// uses the audit in its `drop`.
#[test]
fn a_writers_error_may_use_the_audit_in_its_drop() {
    type Held = Arc<Mutex<Option<Audit>>>;
    #[derive(Debug)]
    struct Uses(Held);
    impl std::fmt::Display for Uses {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no room")
        }
    }
    impl std::error::Error for Uses {}
    impl Drop for Uses {
        fn drop(&mut self) {
            let audit = self.0.lock().unwrap().clone();
            if let Some(audit) = audit {
                assert!(audit.last_error().is_some());
            }
        }
    }
    struct Fails(Held);
    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other(Uses(self.0.clone())))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let held = Held::default();
        let audit = Audit::to_writer(Fails(held.clone()), AuditConfig::default()).unwrap();
        *held.lock().unwrap() = Some(audit.clone());
        for _ in 0..5 {
            audit.record("line", |entry| entry);
            audit.flush().unwrap_err();
        }
        held.lock().unwrap().take();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("the test hangs");
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_no_call() {
    let config = AuditConfig::default().max_queue(64 << 10).unwrap();
    let Ok(audit) = Audit::to_file_with("/dev/full", config) else { return eprintln!("skipped: no /dev/full here") };
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(1_000).unwrap());
    let circuit = Circuit::new(config.without_observers().observe(audit.clone()));
    for _ in 0..2_000 {
        circuit.force_open();
        circuit.set_mode(tower_recourse::breaker::Mode::Auto);
        circuit.call(|| async { Ok::<_, String>(()) }).await.unwrap();
    }
    assert_eq!(audit.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(audit.last_error().unwrap().kind(), io::ErrorKind::StorageFull);
    assert!(audit.dropped_lines() > 0, "the queue is bounded");
    assert_eq!(audit.close().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[cfg(feature = "tracing")]
#[test]
fn an_error_is_logged_once_until_the_next_success() {
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);
    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // The subscriber is global because the writing thread logs. No other test logs a warning with
    // this path.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let warnings = |path: &Path| {
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains("WARN") && line.contains(path.to_str().unwrap())).count()
    };

    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("folder");
    let path = folder.join("audit.jsonl");
    fs::create_dir(&folder).unwrap();
    let audit = Audit::to_file(&path).unwrap();
    for round in 1..=2 {
        fs::remove_dir_all(&folder).unwrap();
        for _ in 0..5 {
            audit.record("line", |entry| entry);
            assert_eq!(audit.flush().unwrap_err().kind(), io::ErrorKind::NotFound);
        }
        // The writer logs the warning after it has answered the flush. A second flush makes sure
        // that the warning is logged.
        audit.flush().unwrap_err();
        assert_eq!(warnings(&path), round);
        fs::create_dir(&folder).unwrap();
        audit.flush().unwrap();
        assert_eq!((lines(&path).len(), audit.dropped_lines()), (5, 0));
    }
}
