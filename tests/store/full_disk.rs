//! A disk that is really full: a child process with a limit on the size of its files.
#![cfg(unix)]

use std::{
    env,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse::store::{FileStore, Persist, StoreError};

use super::{counted, file_size_limit::with_file_size_limit, names};

const FOLDER: &str = "RECOURSE_FULL_STORE_OF_A_CHILD";

#[derive(Clone, Default)]
struct Text(Arc<Mutex<String>>);

impl Persist for Text {
    type Snapshot = String;

    fn snapshot(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn restore(&self, text: String, _: Duration) {
        *self.0.lock().unwrap() = text;
    }
}

/// The work of the child process. Without its environment variable, the test does nothing. None of
/// its files may be longer than 4 blocks.
#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let store = FileStore::open(&folder, "state").unwrap();
    let text = Text::default();
    store.register("text", &text).unwrap();
    *text.0.lock().unwrap() = "small".to_owned();
    store.save().unwrap();
    for _ in 0..3 {
        *text.0.lock().unwrap() = "large".repeat(10_000);
        let error = store.save().unwrap_err();
        assert!(matches!(&error, StoreError::Io { doing: "write", .. }), "{error:?}");
        let saved: serde_json::Value =
            serde_json::from_slice(&std::fs::read(std::path::Path::new(&folder).join("state.json")).unwrap()).unwrap();
        assert!(["small", "again"].map(serde_json::Value::from).contains(&saved["parts"]["text"]["state"]), "whole");
        assert!(names(folder.as_ref()) == ["state.json"], "the partly written file is removed");
        *text.0.lock().unwrap() = "again".to_owned();
        store.save().unwrap();
        assert!(store.last_error().is_none());
    }
    println!("all is well");
}

#[test]
fn a_full_disk_keeps_the_old_state_and_saves_later() {
    let folder = tempfile::tempdir().unwrap();
    with_file_size_limit("full_disk::child", (FOLDER, folder.path().as_os_str()));
    let (store, ..) = counted(folder.path());
    let text = Text::default();
    store.register("text", &text).unwrap();
    assert_eq!(*text.0.lock().unwrap(), "again");
}
