//! A batch whose process is killed 50 times, at random moments.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    env,
    fs::{self, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tower_recourse::{Attempt, retry::Backoff, store::StoreError};

use super::{Batch, passing};

const FOLDER: &str = "RECOURSE_BATCH_OF_A_CHILD";
const ID: &str = "RECOURSE_BATCH_ID_OF_A_CHILD";
const KILLS: u32 = 50;
const PER_ITEM: u32 = 3;
const IN_ALL: u64 = 50;
/// The number of items that a child processes concurrently.
const AT_A_TIME: u64 = 3;

/// The work of a child process. Without its environment variable, the test does nothing. Processes
/// items that mostly fail, until it is killed or no retries are left.
#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (folder, id) = (Path::new(&folder), env::var(ID).unwrap());
    let batch = match Batch::open(folder, &id, Backoff::none(), |_| {}) {
        Ok(batch) => batch,
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::Held { .. })) => return println!("held {error}"),
        Err(error) => panic!("{error}"),
    };
    // The log is independent of the batch: each line reaches the operating system as soon as it is
    // written.
    let log = OpenOptions::new().create(true).append(true).open(folder.join(format!("{id}.log"))).unwrap();
    let random = Mutex::new(StdRng::seed_from_u64(RandomState::new().hash_one(&id)));
    let one = async || {
        while batch.quota.total_retries() < IN_ALL {
            let item = format!("item-{}", random.lock().unwrap().random_range(0..30));
            let work = |attempt: Attempt| {
                if attempt.number() > 1 {
                    (&log).write_all(format!("{item}\n").as_bytes()).unwrap();
                    println!("retry");
                }
                let fails = random.lock().unwrap().random_bool(0.6);
                async move { if fails { Err(passing()) } else { Ok(()) } }
            };
            let _ = batch.process(&item, work).await;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::join!(one(), one(), one()) });
    println!("spent");
}

fn spawn(folder: &Path, id: &str) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "batch_runner::killed::child", "--nocapture"]).env(FOLDER, folder).env(ID, id);
    child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn point_6_no_count_is_lost_in_50_kills() {
    let folder = tempfile::tempdir().unwrap();
    let seed = RandomState::new().hash_one("moments");
    println!("seed {seed}");
    let mut moments = StdRng::seed_from_u64(seed);
    let (mut kills, mut batches, mut made_in_all) = (0, 0, 0);
    while kills < KILLS {
        batches += 1;
        let id = format!("b-{batches}");
        let mut killed_here = 0;
        loop {
            let mut child = spawn(folder.path(), &id);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
            let retries = moments.random_range(0..8);
            let seen = lines.by_ref().filter(|line| line.ends_with("retry")).take(retries).count();
            if seen == retries {
                thread::sleep(Duration::from_micros(moments.random_range(0..6_000)));
                child.kill().unwrap();
            }
            // Reads the rest of the output, because a full pipe would block a child that still
            // runs.
            lines.for_each(drop);
            let status = child.wait().unwrap();
            let was_killed = status.signal() == Some(9);
            assert!(was_killed || status.success(), "the child failed: {status}");
            killed_here += u32::from(was_killed);
            nothing_is_lost(folder.path(), &id, killed_here);
            if !was_killed || kills + killed_here == KILLS {
                break;
            }
        }
        kills += killed_here;
        made_in_all += fs::read_to_string(folder.path().join(format!("{id}.log"))).unwrap_or_default().lines().count();
    }
    println!("{kills} kills in {batches} batches, {made_in_all} retries made");
    let damaged = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(damaged.filter(|name| name.contains("damaged")).count(), 0);
}

/// Compares the retries that were made, according to the log, with the counts of the batch.
fn nothing_is_lost(folder: &Path, id: &str, kills: u32) {
    let log = fs::read_to_string(folder.join(format!("{id}.log"))).unwrap_or_default();
    let mut made: BTreeMap<&str, u32> = BTreeMap::new();
    log.lines().for_each(|item| *made.entry(item).or_default() += 1);
    let made_in_all = log.lines().count() as u64;

    let batch = Batch::open(folder, id, Backoff::none(), |_| {}).unwrap();
    let known = batch.quota.snapshot();
    let context = format!("{id} after {kills} kills: {known:?}, and really {made:?}");
    assert!(known.total >= made_in_all && made_in_all <= IN_ALL && known.total <= IN_ALL, "{context}");
    for (item, &made) in &made {
        assert!(made <= PER_ITEM && batch.quota.retries_for_key(item) >= made, "{item}, {context}");
    }
    assert!(known.keys.iter().all(|&(_, retries)| retries <= PER_ITEM), "{context}");
    assert_eq!(known.keys.iter().map(|&(_, retries)| u64::from(retries)).sum::<u64>(), known.total, "{context}");
    // Retries that were counted but not yet made: at most one for each item in progress at each
    // kill.
    assert!(known.total <= made_in_all + u64::from(kills) * AT_A_TIME, "{context}");

    let audit = fs::read_to_string(folder.join(format!("{id}.audit.jsonl"))).unwrap();
    let retry_lines = audit.lines().filter(|line| line.contains("\"kind\":\"retry\"")).count() as u64;
    assert!(retry_lines >= made_in_all, "{retry_lines} lines in the audit, {context}");
}

/// The fault: two processes read the same file, and each overwrote the other's counts.
#[test]
fn corrected_a_second_process_on_a_state_file_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let batch = Batch::open(folder.path(), "b-17", Backoff::none(), |_| {}).unwrap();
    let refused = spawn(folder.path(), "b-17").wait_with_output().unwrap();
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(said.contains("b-17.lock\" is locked: this store is open in another process"), "{said}");
    assert!(!said.contains("retry"), "{said}");
    drop(batch);
    assert!(spawn(folder.path(), "b-17").wait().unwrap().success(), "after the first process, the next one may");
}
