//! Modes, links and locks of the audit's files. The tests use real files, and child processes that
//! have a umask or hold a lock.
#![cfg(unix)]

use std::{
    collections::HashMap,
    env,
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tower_recourse::observe::{Audit, audit::AuditConfig};

use super::lines;

const PATH: &str = "RECOURSE_FILES_OF_A_CHILD";
const READER: &str = "RECOURSE_READER_OF_A_CHILD";
const ALONE: &str = "RECOURSE_READER_OF_A_CHILD_ALONE";

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

/// The modes of all files in a folder, by file name.
fn modes(folder: &Path) -> HashMap<String, u32> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), mode(&path))).collect()
}

fn small(keep: u32) -> AuditConfig {
    AuditConfig::default().max_file_size(4096).unwrap().max_backups(keep).unwrap()
}

fn write_some(audit: &Audit, lines: u64) {
    for number in 0..lines {
        audit.record("line", |entry| entry.count("number", number));
    }
}

fn write(audit: &Audit, lines: u64) {
    write_some(audit, lines);
    audit.flush().unwrap();
}

/// The work of a child process. Without its environment variable, the test does nothing.
#[test]
fn child_that_writes() {
    let Some(path) = env::var_os(PATH) else { return };
    write(&Audit::to_file_with(path, small(3)).unwrap(), 200);
}

#[test]
fn new_files_are_readable_by_their_owner_only() {
    for umask in ["000", "022", "027", "077"] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("umask {umask}; exec \"$0\" --exact files::child_that_writes");
        let mut child = Command::new("sh");
        child.arg("-c").arg(script).arg(env::current_exe().unwrap()).env(PATH, folder.path().join("a"));
        assert!(child.stdout(Stdio::null()).status().unwrap().success(), "umask {umask}");
        let modes = modes(folder.path());
        assert_eq!(modes.len(), 5, "umask {umask}: {modes:?}");
        assert!(modes.values().all(|&mode| mode == 0o600), "umask {umask}: {modes:?}");
    }
}

#[test]
fn a_file_keeps_its_mode() {
    for given in [0o600, 0o640, 0o644, 0o222] {
        for keep in [0, 2] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(given)).unwrap();
            let audit = Audit::to_file_with(&path, small(keep)).unwrap();
            write(&audit, 200);
            let modes = modes(folder.path());
            assert_eq!(modes.len(), keep as usize + 2, "{modes:?}");
            assert!(
                modes.iter().all(|(name, &mode)| mode == if name == "a.lock" { 0o600 } else { given }),
                "{modes:?}"
            );
        }
    }
}

#[test]
fn a_moved_file_is_created_again_with_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let audit = Audit::to_file_with(&path, AuditConfig::default().never_rotate()).unwrap();
    write(&audit, 1);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    write(&audit, 1);
    fs::rename(&path, folder.path().join("moved")).unwrap();
    write(&audit, 1);
    assert_eq!((mode(&path), lines(&path).len()), (0o640, 1));
}

#[test]
fn a_link_stays_and_the_files_are_beside_its_target() {
    for exists in [true, false] {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, target) = (folder.path().join("a"), elsewhere.path().join("target"));
        symlink(&target, folder.path().join("second")).unwrap();
        symlink("second", &link).unwrap();
        if exists {
            fs::write(&target, "").unwrap();
        }
        let audit = Audit::to_file_with(&link, small(1)).unwrap();
        write(&audit, 60);
        assert_eq!(fs::read_link(&link).unwrap(), PathBuf::from("second"));
        assert_eq!(fs::read_link(folder.path().join("second")).unwrap(), target);
        let mut names: Vec<_> = modes(elsewhere.path()).into_keys().collect();
        names.sort();
        assert_eq!(names, ["target", "target.1", "target.lock"]);
        assert_eq!(lines(&target).len() + lines(&elsewhere.path().join("target.1")).len(), 60);
    }
}

#[test]
fn a_link_that_appears_later_is_not_written_through() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, target) = (folder.path().join("a"), elsewhere.path().join("target"));
    let audit = Audit::to_file(&path).unwrap();
    for dangling in [true, false] {
        fs::remove_file(&path).unwrap();
        if !dangling {
            fs::write(&target, "other text").unwrap();
        }
        symlink(&target, &path).unwrap();
        audit.record("line", |entry| entry);
        let error = audit.flush().unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert_eq!(fs::read_link(&path).unwrap(), target);
        assert_eq!(target.exists(), !dangling);
    }
    assert_eq!(fs::read(&target).unwrap(), b"other text");
    fs::remove_file(&path).unwrap();
    audit.flush().unwrap();
    assert_eq!((lines(&path).len(), audit.dropped_lines()), (2, 0), "the lines are only delayed");
}

#[test]
fn an_old_file_that_is_a_link_is_moved() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, target) = (folder.path().join("a"), elsewhere.path().join("target"));
    fs::write(&target, "other text").unwrap();
    symlink(&target, folder.path().join("a.1")).unwrap();
    let audit = Audit::to_file_with(&path, small(2)).unwrap();
    write(&audit, 60);
    assert_eq!(fs::read(&target).unwrap(), b"other text");
    assert_eq!(fs::read_link(folder.path().join("a.2")).unwrap(), target);
    assert_eq!(lines(&path).len() + lines(&folder.path().join("a.1")).len(), 60);
}

/// The work of a child process. Without its environment variable, the test does nothing. The child
/// holds locks until it is killed: shared ones, as a backup program may, or exclusive ones.
#[test]
fn child_that_reads() {
    let Some(paths) = env::var_os(READER) else { return };
    let files: Vec<_> = env::split_paths(&paths).map(|path| fs::File::open(path).unwrap()).collect();
    for file in &files {
        match env::var_os(ALONE) {
            None => fs4::FileExt::lock_shared(file).unwrap(),
            Some(_) => fs4::FileExt::lock(file).unwrap(),
        }
    }
    println!("locked {}", files.len());
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn reader(paths: &[PathBuf], alone: bool) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    if alone {
        child.env(ALONE, "");
    }
    child.args(["--exact", "files::child_that_reads", "--nocapture"]).env(READER, env::join_paths(paths).unwrap());
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.contains("locked ")));
    child
}

#[test]
fn a_reader_that_holds_the_lock_prevents_no_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let audit = Audit::to_file_with(&path, small(999)).unwrap();
    write(&audit, 1);
    let mut reader = reader(&[path.clone(), folder.path().join("a.lock")], false);
    write(&audit, 200);
    assert!(audit.last_error().is_none() && audit.dropped_lines() == 0);
    assert!(modes(folder.path()).len() > 3 && fs::metadata(&path).unwrap().len() <= 4096);
    reader.kill().unwrap();
    reader.wait().unwrap();
}

/// The reader locks the audit file alone, or also its lock file.
#[test]
fn a_reader_with_a_lock_causes_no_lost_line() {
    for all in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::to_file(&path).unwrap();
        write(&audit, 1);
        let mut locked = vec![path.clone()];
        locked.extend(all.then(|| folder.path().join("audit.jsonl.lock")));
        let mut reader = reader(&locked, false);
        for number in 0..5_000 {
            audit.record("line", |entry| entry.count("number", number));
            if number % 1_000 == 0 {
                audit.flush().unwrap();
            }
        }
        audit.flush().unwrap();
        assert_eq!((lines(&path).len(), audit.dropped_lines()), (5_001, 0));
        assert!(audit.last_error().is_none());
        reader.kill().unwrap();
        reader.wait().unwrap();
    }
}

#[test]
fn a_full_file_grows_while_another_process_holds_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let audit = Audit::to_file_with(&path, small(999)).unwrap();
    write(&audit, 1);
    let mut reader = reader(&[folder.path().join("a.lock")], true);
    // The loop ends when a flush reports the error. The writer may write a line before the flush
    // begins.
    let mut written_before = 0;
    let error = loop {
        write_some(&audit, 50);
        written_before += 50;
        if let Err(error) = audit.flush() {
            break error;
        }
    };
    assert!(error.to_string().contains("the file is full, and can't be rotated without its lock"), "{error}");
    reader.kill().unwrap();
    reader.wait().unwrap();
    write(&audit, 200);
    assert!(audit.last_error().is_none());
    let files = modes(folder.path()).into_keys().filter(|name| name != "a.lock");
    let written: usize = files.map(|name| lines(&folder.path().join(name)).len()).sum();
    assert_eq!((written, audit.dropped_lines()), (1 + written_before + 200, 0));
    assert!(fs::metadata(&path).unwrap().len() <= 4096);
}
