//! Several processes that write to one audit file.
#![cfg(unix)]

use std::{collections::HashMap, env, fs, process::Command};

use tower_recourse::observe::{Audit, audit::AuditConfig};

use super::lines;

const PATH: &str = "RECOURSE_AUDIT_OF_A_CHILD";
const LINES: u64 = 1_000;

/// The work of a child process. Without its environment variable, the test does nothing.
#[test]
fn child() {
    let Some(path) = env::var_os(PATH) else { return };
    let config = AuditConfig::default().max_file_size(4096).unwrap().max_backups(999).unwrap();
    let audit = Audit::to_file_with(path, config).unwrap().with_field("process", std::process::id());
    for number in 0..LINES {
        audit.record("line", |entry| entry.count("number", number));
        if number % 10 == 0 {
            audit.flush().unwrap();
        }
    }
    audit.close().unwrap();
}

#[test]
fn processes_that_share_a_file_lose_no_line_when_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..3)
        .map(|_| {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "processes::child"]).env(PATH, folder.path().join("audit.jsonl"));
            child.stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut numbers: HashMap<String, Vec<u64>> = HashMap::new();
    for file in fs::read_dir(folder.path()).unwrap() {
        for line in lines(&file.unwrap().path()) {
            let process = line["process"].as_str().unwrap().to_owned();
            numbers.entry(process).or_default().push(line["counts"]["number"].as_u64().unwrap());
        }
    }
    assert_eq!(numbers.len(), 3);
    for mut numbers in numbers.into_values() {
        numbers.sort_unstable();
        assert_eq!(numbers, (0..LINES).collect::<Vec<_>>());
    }
}
