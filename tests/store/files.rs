//! Modes, links and locks of the store's files. The tests use real files, and child processes that
//! have a umask or hold a lock.
#![cfg(unix)]

use std::{
    env,
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use tower_recourse::store::{FileStore, Restored, StoreError};

use super::{Arc, Counter, Fixed, counted, file, names};

const FOLDER: &str = "RECOURSE_FILES_OF_A_CHILD";

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The work of a child process. Without its environment variable, the test does nothing. Two saves,
/// a restart, and a damaged file.
#[test]
fn child_that_saves() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder).join("made/for/it");
    for count in 1..=2 {
        let (store, counter, _) = counted(&folder);
        for _ in 0..2 {
            counter.set(count);
            store.save().unwrap();
        }
    }
    let store = FileStore::open(&folder, "state").unwrap();
    store.register("counter", &Arc::new(Fixed(json!("no number")))).unwrap();
    drop(store);
    let (store, ..) = counted(&folder);
    store.save().unwrap();
}

#[test]
fn new_files_are_readable_by_their_owner_only() {
    for umask in ["000", "022", "027", "077"] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("umask {umask}; exec \"$0\" --exact files::child_that_saves");
        let mut child = Command::new("sh");
        child.arg("-c").arg(script).arg(env::current_exe().unwrap()).env(FOLDER, folder.path()).stdout(Stdio::null());
        assert!(child.status().unwrap().success(), "umask {umask}");
        let inside = folder.path().join("made/for/it");
        for name in fs::read_dir(&inside).unwrap() {
            let path = name.unwrap().path();
            assert_eq!(mode(&path), 0o600, "umask {umask}: {path:?}");
        }
        assert_eq!(names(&inside), ["state.json", "state.json.damaged-1"], "umask {umask}");
        assert!(inside.join("state.lock").exists());
        for made in ["made", "made/for", "made/for/it"] {
            assert_eq!(mode(folder.path().join(made)), 0o700, "umask {umask}: {made}");
        }
    }
}

#[test]
fn a_file_keeps_its_mode() {
    for given in [0o600, 0o640, 0o644, 0o400] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let (store, counter, _) = counted(folder.path());
        store.save().unwrap();
        set_mode(&path, given);
        for count in 1..=3 {
            counter.set(count);
            store.save().unwrap();
            assert_eq!(mode(&path), given);
        }
        drop((store, counter));
        let (store, counter, restored) = counted(folder.path());
        assert_eq!(restored, 3);
        counter.set(4);
        drop(store);
        assert_eq!((mode(&path), names(folder.path())), (given, vec!["state.json".to_owned()]));
    }
}

#[test]
fn files_set_aside_and_new_files_keep_the_mode() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap();
    store.register("counter", &Arc::new(Fixed(json!("no number")))).unwrap();
    drop(store);
    set_mode(folder.path().join("state.json"), 0o640);
    let store = FileStore::open(folder.path(), "state").unwrap();
    assert_eq!(store.register("counter", &Counter::default()).unwrap(), Restored::Unreadable);
    assert_eq!(mode(folder.path().join("state.json.damaged-1")), 0o640);
    drop(store);
    fs::write(folder.path().join("state.json"), "damaged").unwrap();
    let (store, ..) = counted(folder.path());
    assert_eq!(mode(folder.path().join("state.json.damaged-2")), 0o640);
    for _ in 0..2 {
        store.save().unwrap();
        assert_eq!(mode(folder.path().join("state.json")), 0o640, "the next one gets it too");
        fs::remove_file(folder.path().join("state.json")).unwrap();
    }
}

/// A link and its target, which must not change.
struct Link {
    link: std::path::PathBuf,
    target: std::path::PathBuf,
}

impl Link {
    fn at(link: std::path::PathBuf, elsewhere: &Path) -> Self {
        let target = elsewhere.join("target");
        fs::write(&target, "other text").unwrap();
        symlink(&target, &link).unwrap();
        Self { link, target }
    }

    #[track_caller]
    fn target_is_untouched(&self) {
        assert_eq!(fs::read(&self.target).unwrap(), b"other text");
    }

    #[track_caller]
    fn is_untouched(&self) {
        self.target_is_untouched();
        assert_eq!(fs::read_link(&self.link).unwrap(), self.target);
    }
}

#[test]
fn a_store_whose_file_is_a_link_is_refused() {
    for name in ["state.json", "state.lock"] {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = Link::at(folder.path().join(name), elsewhere.path());
        let error = FileStore::open(folder.path(), "state").unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{name}: {error}");
        link.is_untouched();
        fs::remove_file(&link.target).unwrap();
        FileStore::open(folder.path(), "state").unwrap_err();
        assert!(!link.target.exists(), "{name}: nothing is created through a dangling link");
    }
}

#[test]
fn a_store_in_a_linked_folder_works() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("folder")).unwrap();
    symlink("folder", parent.path().join("link")).unwrap();
    let (store, counter, _) = counted(&parent.path().join("link"));
    counter.set(7);
    store.save().unwrap();
    drop(store);
    assert_eq!(counted(&parent.path().join("folder")).2, 7);
}

#[test]
fn a_link_that_appears_later_is_not_written_through() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, counter, _) = counted(folder.path());
    store.save().unwrap();
    fs::remove_file(folder.path().join("state.json")).unwrap();
    let link = Link::at(folder.path().join("state.json"), elsewhere.path());
    counter.set(1);
    let error = store.save().unwrap_err();
    assert!(matches!(&error, StoreError::Io { doing: "replace", .. }), "{error:?}");
    link.is_untouched();
    fs::remove_file(&link.link).unwrap();
    fs::remove_file(&link.target).unwrap();
    let temporary = Link::at(folder.path().join("state.json.tmp"), elsewhere.path());
    store.save().unwrap();
    temporary.target_is_untouched();
    assert_eq!(file(folder.path())["parts"]["counter"]["state"], 1);
    assert!(fs::symlink_metadata(folder.path().join("state.json")).unwrap().is_file());
}

#[test]
fn setting_a_file_aside_follows_no_link() {
    for readable in [false, true] {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = FileStore::open(folder.path(), "state").unwrap();
        store.register("counter", &Arc::new(Fixed(json!("no number")))).unwrap();
        drop(store);
        if !readable {
            fs::write(folder.path().join("state.json"), "damaged").unwrap();
        }
        let before = fs::read(folder.path().join("state.json")).unwrap();
        // All numbers of damaged files are in use: 1 to 98 by files, and 99 by a link.
        for number in 1..99 {
            fs::write(folder.path().join(format!("state.json.damaged-{number}")), "").unwrap();
        }
        let link = Link::at(folder.path().join("state.json.damaged-99"), elsewhere.path());
        let store = FileStore::open(folder.path(), "state").unwrap();
        store.register("counter", &Counter::default()).unwrap();
        link.target_is_untouched();
        assert!(fs::symlink_metadata(&link.link).unwrap().is_file(), "the link is replaced");
        assert_eq!(fs::read(&link.link).unwrap(), before);
    }
}

/// The work of a child process. Without its environment variable, the test does nothing. The child
/// holds shared locks on all files until it is killed, as a backup program may.
#[test]
fn child_that_reads() {
    let Some(folder) = env::var_os("RECOURSE_READER_OF_A_CHILD") else { return };
    let files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| fs::File::open(entry.unwrap().path()).unwrap()).collect();
    // The owner of the store has locked one of the files.
    let locked = files.iter().filter(|file| fs4::FileExt::try_lock_shared(*file).is_ok()).count();
    println!("locked {locked}");
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn reader(folder: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "files::child_that_reads", "--nocapture"]).env("RECOURSE_READER_OF_A_CHILD", folder);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.contains("locked ")));
    child
}

#[test]
fn a_reader_with_a_lock_prevents_no_save() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, _) = counted(folder.path());
    store.save().unwrap();
    let mut reader = reader(folder.path());
    for count in 1..=10 {
        counter.set(count);
        store.save().unwrap();
    }
    reader.kill().unwrap();
    reader.wait().unwrap();
}

#[test]
fn a_reader_that_holds_the_lock_prevents_no_store() {
    let folder = tempfile::tempdir().unwrap();
    drop(counted(folder.path()));
    let mut reader = reader(folder.path());
    for count in 1..=3 {
        let (store, counter, restored) = counted(folder.path());
        assert_eq!(restored, count - 1);
        let error = FileStore::open(folder.path(), "state").unwrap_err();
        assert!(matches!(error, StoreError::Held { .. }), "one store at a time: {error:?}");
        counter.set(count);
        drop(store);
    }
    assert_eq!(names(folder.path()), ["state.json"]);
    reader.kill().unwrap();
    reader.wait().unwrap();
}
