//! State that survives a restart. It is saved completely or not at all, and by one process at a
//! time, even if the disk fails.

mod circuits;
mod counter;
#[path = "../support/file_size_limit.rs"]
mod file_size_limit;
mod files;
#[cfg(feature = "breaker")]
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
mod full_disk;
mod hostile_text;
mod killed;
#[cfg(feature = "retry")]
mod quotas;
mod reentrant;
#[cfg(feature = "tracing")]
#[path = "../support/thread_log.rs"]
mod thread_log;

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc, Barrier, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use counter::Counter;
use serde_json::{Value, json};
use tower_recourse::store::{FileStore, Persist, Restored, StoreError};

fn file(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("state.json")).unwrap()).unwrap()
}

/// The names of the files in a folder, except the lock.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).filter(|name| name != "state.lock").collect();
    names.sort();
    names
}

/// A store of one counter, and the restored count.
fn counted(folder: &Path) -> (FileStore, Counter, u64) {
    let store = FileStore::open(folder, "state").unwrap();
    let counter = Counter::default();
    store.register("counter", &counter).unwrap();
    let restored = counter.get();
    (store, counter, restored)
}

#[test]
fn saved_state_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, restored) = counted(&folder.path().join("made/for/it"));
    assert_eq!(restored, 0);
    counter.set(17);
    store.save().unwrap();
    counter.set(18);
    // There is no explicit save. Dropping the last handle saves.
    drop(store.clone());
    drop(store);
    let (store, _, restored) = counted(&folder.path().join("made/for/it"));
    assert_eq!(restored, 18);
    assert!(store.last_error().is_none());
}

#[test]
fn the_file_has_the_documented_format() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, _) = counted(folder.path());
    counter.set(3);
    store.save().unwrap();
    let file = file(folder.path());
    assert_eq!((&file["version"], &file["parts"]["counter"]["state"]), (&json!(1), &json!(3)));
    for date in [&file["saved_at"], &file["parts"]["counter"]["saved_at"]] {
        assert_eq!(date.as_str().unwrap().len(), "2026-11-22T19:19:12.345Z".len());
    }
    assert_eq!(file["checksum"].as_str().unwrap().len(), 8);
    assert_eq!(names(folder.path()), ["state.json"], "and nothing else");
}

#[test]
fn unknown_entries_are_kept_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let odd = json!({ "big": 12_345_678_901_234_567_890_u64, "text": "\u{2028}\"" });
    let store = FileStore::open(folder.path(), "state").unwrap();
    store.register("other", &Arc::new(Fixed(odd.clone()))).unwrap();
    drop(store);
    let before = file(folder.path())["parts"]["other"].clone();
    for _ in 0..3 {
        let (store, counter, _) = counted(folder.path());
        counter.set(counter.get() + 1);
        store.save().unwrap();
    }
    assert_eq!(file(folder.path())["parts"]["other"], before, "the date of the snapshot too");
    let store = FileStore::open(folder.path(), "state").unwrap();
    assert!(matches!(store.register("other", &Arc::new(Fixed(Value::Null))).unwrap(), Restored::State { .. }));
    assert!(store.unregister("counter") && !store.unregister("counter"));
    drop(store);
    assert_eq!(file(folder.path())["parts"].as_object().unwrap().len(), 1);
}

/// A state that never changes.
struct Fixed(Value);

impl Persist for Fixed {
    type Snapshot = Value;

    fn snapshot(&self) -> Value {
        self.0.clone()
    }

    fn restore(&self, _: Value, _: Duration) {}
}

#[test]
fn a_second_store_is_rejected_until_the_first_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ..) = counted(folder.path());
    let error = FileStore::open(folder.path(), "state").unwrap_err();
    assert!(matches!(&error, StoreError::Held { path } if path.ends_with("state.lock")), "{error:?}");
    assert!(error.to_string().contains("state.lock\" is locked: this store is open in another process"), "{error}");
    FileStore::open(folder.path(), "another").unwrap();
    drop(store);
    counted(folder.path());
}

#[test]
fn a_name_that_is_a_path_is_invalid_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    for name in ["../state", "a/b", "..", "", "/tmp/state", "a\\b", ".state", "a\0b"] {
        let error = FileStore::open(&inside, name).unwrap_err();
        assert!(matches!(&error, StoreError::Name(invalid) if invalid.field() == "store"), "{name:?}: {error:?}");
    }
    assert!(!inside.exists());
}

#[test]
fn a_damaged_file_is_set_aside_and_the_store_starts_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, _) = counted(folder.path());
    counter.set(5);
    drop(store);
    let path = folder.path().join("state.json");
    let whole = fs::read(&path).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    let forged = String::from_utf8(whole).unwrap().replace("\"state\":5", "\"state\":6").into_bytes();
    for (number, bytes) in [half, forged, Vec::new(), b"\xff\x00garbage".to_vec()].into_iter().enumerate() {
        fs::write(&path, &bytes).unwrap();
        let (store, counter, restored) = counted(folder.path());
        assert_eq!(restored, 0);
        counter.set(1);
        store.save().unwrap();
        let aside = folder.path().join(format!("state.json.damaged-{}", number + 1));
        assert_eq!(fs::read(aside).unwrap(), bytes, "unchanged, beside the earlier ones");
    }
    assert_eq!(names(folder.path()).len(), 5);
    assert_eq!(counted(folder.path()).2, 1);
}

#[test]
fn a_file_of_a_later_version_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let later = br#"{"version":2,"what":"we don't know"}"#;
    fs::write(folder.path().join("state.json"), later).unwrap();
    assert_eq!(counted(folder.path()).2, 0);
    assert_eq!(fs::read(folder.path().join("state.json.future-1")).unwrap(), later);
    assert_eq!(names(folder.path()), ["state.json", "state.json.future-1"]);
}

#[test]
fn the_number_of_files_set_aside_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..103 {
        fs::write(folder.path().join("state.json"), number.to_string()).unwrap();
        FileStore::open(folder.path(), "state").unwrap();
    }
    assert_eq!(names(folder.path()).len(), 1 + 99);
    assert_eq!(fs::read(folder.path().join("state.json.damaged-1")).unwrap(), b"0");
    assert_eq!(fs::read(folder.path().join("state.json.damaged-99")).unwrap(), b"102");
}

#[test]
fn an_unreadable_entry_starts_fresh_and_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    store.register("counter", &Arc::new(Fixed(json!("no number")))).unwrap();
    drop(store);
    let before = fs::read(folder.path().join("state.json")).unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    assert_eq!(store.register("counter", &Counter::default()).unwrap(), Restored::Unreadable);
    store.save().unwrap();
    assert_eq!(fs::read(folder.path().join("state.json.damaged-1")).unwrap(), before);
    assert_eq!(file(folder.path())["parts"]["counter"]["state"], 0);
}

#[test]
fn two_entries_with_one_name_are_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ..) = counted(folder.path());
    let error = store.register("counter", &Counter::default()).unwrap_err();
    assert_eq!(error.to_string(), "`part` is \"counter\", but must be a name that no other part of the store has");
}

#[test]
fn the_leftover_of_a_killed_writer_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state.json.tmp"), "{\"version\":1,").unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    assert!(names(folder.path()).is_empty());
    drop(store);
    assert_eq!(names(folder.path()), ["state.json"]);
}

#[test]
fn an_obstacle_keeps_the_old_state_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, _) = counted(folder.path());
    counter.set(1);
    store.save().unwrap();
    let before = fs::read(folder.path().join("state.json")).unwrap();
    let in_the_way = folder.path().join("state.json.tmp");
    fs::create_dir(&in_the_way).unwrap();
    counter.set(2);
    let error = store.save().unwrap_err();
    assert!(matches!(&error, StoreError::Io { path, .. } if path.ends_with("state.json.tmp")), "{error:?}");
    assert_eq!(store.last_error().unwrap().to_string(), error.to_string());
    assert_eq!(fs::read(folder.path().join("state.json")).unwrap(), before);
    fs::remove_dir(&in_the_way).unwrap();
    store.save().unwrap();
    assert!(store.last_error().is_none());
    assert_eq!(file(folder.path())["parts"]["counter"]["state"], 2);
}

/// Panics while the flag is set.
#[derive(Default)]
struct Fragile {
    panics: AtomicBool,
    count: AtomicU64,
}

impl Persist for Fragile {
    type Snapshot = u64;

    fn snapshot(&self) -> u64 {
        assert!(!self.panics.load(Ordering::SeqCst), "this snapshot panics");
        self.count.load(Ordering::SeqCst)
    }

    fn restore(&self, count: u64, _: Duration) {
        assert!(!self.panics.load(Ordering::SeqCst), "this restore panics");
        self.count.store(count, Ordering::SeqCst);
    }
}

#[test]
fn an_entry_that_panics_keeps_its_state_and_others_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, _) = counted(folder.path());
    let fragile = Arc::new(Fragile::default());
    store.register("fragile", &fragile).unwrap();
    fragile.count.store(7, Ordering::SeqCst);
    store.save().unwrap();
    fragile.panics.store(true, Ordering::SeqCst);
    fragile.count.store(8, Ordering::SeqCst);
    counter.set(9);
    let error = store.save().unwrap_err();
    assert_eq!(error.to_string(), "the part \"fragile\" can't be saved: its snapshot panicked");
    let saved = |name: &str| file(folder.path())["parts"][name]["state"].clone();
    assert_eq!((saved("fragile"), saved("counter")), (json!(7), json!(9)));
    fragile.panics.store(false, Ordering::SeqCst);
    store.save().unwrap();
    assert_eq!(saved("fragile"), 8);

    drop(store);
    let store = FileStore::open(folder.path(), "state").unwrap();
    fragile.panics.store(true, Ordering::SeqCst);
    let restored = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.register("fragile", &fragile)));
    assert!(restored.is_err(), "a panic of a restore reaches its caller");
    drop(store);
    assert_eq!(saved("fragile"), 8, "and the saved state is kept");
}

/// A state whose snapshot waits until the test releases it.
#[derive(Default)]
struct Slow {
    taken: AtomicU64,
    gate: (Mutex<bool>, Condvar),
}

impl Slow {
    fn open(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl Persist for Slow {
    type Snapshot = u64;

    fn snapshot(&self) -> u64 {
        let number = self.taken.fetch_add(1, Ordering::SeqCst) + 1;
        drop(self.gate.1.wait_while(self.gate.0.lock().unwrap(), |is_open| !*is_open).unwrap());
        number
    }

    fn restore(&self, _: u64, _: Duration) {}
}

#[test]
fn concurrent_flushes_share_one_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    let slow = Arc::new(Slow::default());
    store.register("slow", &slow).unwrap();
    store.changed();
    while slow.taken.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    // The first write is taking its snapshot. Requests from now on belong to the next write.
    let asking = Barrier::new(9);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                asking.wait();
                store.save().unwrap();
                assert!(slow.taken.load(Ordering::SeqCst) >= 2, "an earlier write isn't enough");
            });
        }
        asking.wait();
        slow.open();
    });
    // The first write, and at most one more per request: a request that arrives after a write has
    // begun needs the next write. If all requests arrive before the second write, it serves all of
    // them.
    assert!(slow.taken.load(Ordering::SeqCst) <= 9);
}

#[tokio::test]
async fn a_dropped_flush_is_still_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    let slow = Arc::new(Slow::default());
    store.register("slow", &slow).unwrap();
    {
        let mut flush = std::pin::pin!(store.flush());
        assert!(poll(flush.as_mut()).is_pending());
        assert!(poll(flush.as_mut()).is_pending());
    }
    slow.open();
    store.flush().await.unwrap();
    assert!(slow.taken.load(Ordering::SeqCst) >= 1);
    let (one, two) = tokio::join!(store.flush(), store.flush());
    one.and(two).unwrap();
    assert!(file(folder.path())["parts"]["slow"]["state"].as_u64().unwrap() >= 2);
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[test]
fn a_change_is_written_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, _) = counted(folder.path());
    let store = store.write_interval(Duration::from_millis(1));
    for count in 1..=20 {
        counter.set(count);
        store.changed();
        // The loop ends only if the store writes the file.
        while !folder.path().join("state.json").exists() || file(folder.path())["parts"]["counter"]["state"] != count {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_file_with_appended_bytes_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    drop(counted(folder.path()));
    let path = folder.path().join("state.json");
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{}").unwrap();
    drop(counted(folder.path()));
    assert_eq!(names(folder.path()), ["state.json", "state.json.damaged-1"]);
}
