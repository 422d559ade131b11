//! Paths, names and file contents from outside, in errors and warnings.

use std::{fs, sync::Arc};

use serde_json::json;
use tower_recourse::store::{FileStore, Persist, Restored, StoreError};

#[cfg(feature = "tracing")]
use super::thread_log::{listen, logged};
use super::{Counter, Fixed};

const HOSTILE: &str = "a\nERROR forged\r\u{1b}[2J\u{202e}\u{2028}";

#[track_caller]
fn is_harmless(shown: &str) {
    let start: String = shown.chars().take(200).collect();
    assert!(shown.len() < 12 << 10, "{} bytes: {start:?}", shown.len());
    assert!(shown.chars().all(|char| char == '…' || (' '..='~').contains(&char)), "{start:?}");
}

#[track_caller]
fn all_is_harmless(error: &StoreError) {
    is_harmless(&error.to_string());
    is_harmless(&format!("{error:?}"));
}

#[cfg(unix)]
#[test]
fn a_hostile_folder_name_is_escaped_in_errors() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join(HOSTILE);
    let store = FileStore::open(&folder, "state").unwrap();
    is_harmless(&format!("{store:?}"));
    let held = FileStore::open(&folder, "state").unwrap_err();
    assert!(held.to_string().contains(r"a\nERROR forged\r\u{1b}[2J"), "{held}");
    all_is_harmless(&held);
    fs::create_dir(folder.join("state.json.tmp")).unwrap();
    all_is_harmless(&store.save().unwrap_err());
    all_is_harmless(&FileStore::open(folder.join("x".repeat(1 << 20)), "state").unwrap_err());
}

#[test]
fn a_hostile_part_name_is_escaped_in_errors() {
    struct Panics;
    impl Persist for Panics {
        type Snapshot = u64;

        fn snapshot(&self) -> u64 {
            panic!("{HOSTILE}")
        }

        fn restore(&self, _: u64, _: std::time::Duration) {}
    }
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    let name = format!("{HOSTILE}{}", "x".repeat(1 << 20));
    store.register(&name, &Arc::new(Panics)).unwrap();
    let taken = store.register(&name, &Counter::default()).unwrap_err();
    is_harmless(&taken.to_string());
    is_harmless(&format!("{taken:?}"));
    all_is_harmless(&store.save().unwrap_err());
    is_harmless(&format!("{store:?}"));
    all_is_harmless(&FileStore::open(folder.path(), &name).unwrap_err());
}

#[test]
fn a_hostile_key_in_a_state_file_is_escaped_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = json!({ HOSTILE: [HOSTILE, "\u{9b}31m\u{7f}"] });
    let store = FileStore::open(folder.path(), "state").unwrap();
    store.register(HOSTILE, &Arc::new(Fixed(state.clone()))).unwrap();
    for _ in 0..2 {
        store.save().unwrap();
        let file = fs::read_to_string(folder.path().join("state.json")).unwrap();
        is_harmless(file.strip_suffix('\n').unwrap());
        let file: serde_json::Value = serde_json::from_str(&file).unwrap();
        assert_eq!(file["parts"][HOSTILE]["state"], state);
    }
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn a_hostile_file_content_is_escaped_in_warnings() {
    listen();
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{HOSTILE}{}", "x".repeat(1 << 20));
    let file = json!({ "version": 1, "saved_at": long, "checksum": "", "parts": {} });
    fs::write(folder.path().join("state.json"), file.to_string()).unwrap();
    let damaged = logged(async { drop(FileStore::open(folder.path(), "state").unwrap()) }).await;
    assert_eq!(damaged.lines().count(), 1);
    assert!(damaged.contains("is damaged"), "{damaged}");
    is_harmless(damaged.trim_end());

    let store = FileStore::open(folder.path(), "state").unwrap();
    store.register(HOSTILE, &Arc::new(Fixed(json!({ "a": long })))).unwrap();
    drop(store);
    let store = FileStore::open(folder.path(), "state").unwrap();
    let unreadable = logged(async {
        assert_eq!(store.register(HOSTILE, &Counter::default()).unwrap(), Restored::Unreadable);
    })
    .await;
    assert_eq!(unreadable.lines().count(), 1);
    assert!(unreadable.contains("can't be read"), "{unreadable}");
    is_harmless(unreadable.trim_end());
}
