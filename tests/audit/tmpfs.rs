//! A disk that is really full, of type `tmpfs`. The test is skipped where mounting isn't allowed.
#![cfg(target_os = "linux")]

use std::{fs, path::Path, process::Command};

use tower_recourse::observe::Audit;

use super::{lines, reported_lost};

/// A disk of 64 KiB in memory, or `None` where mounting isn't allowed.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(folder.path()).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn a_disk_with_room_again_continues_with_complete_lines() {
    let Some(disk) = Disk::new() else { return eprintln!("skipped: no disk can be mounted here") };
    let (filler, path) = (disk.path().join("filler"), disk.path().join("audit.jsonl"));
    let audit = Audit::to_file(&path).unwrap();
    fs::write(&filler, vec![0; 52 << 10]).unwrap();
    for number in 0..200 {
        audit.record("line", |entry| entry.count("number", number));
    }
    audit.flush().unwrap_err();
    let whole = lines(&path);
    assert!(!whole.is_empty() && whole.len() < 200, "{}", whole.len());
    fs::remove_file(&filler).unwrap();
    audit.flush().unwrap();
    let numbers: Vec<_> = lines(&path).iter().map(|line| line["counts"]["number"].as_u64().unwrap()).collect();
    assert_eq!((numbers, audit.dropped_lines()), ((0..200).collect(), 0), "the lines are only delayed");
    assert_eq!(reported_lost(&whole), 0);
}
