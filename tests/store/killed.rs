//! A process that is killed at random moments while it saves.
#![cfg(unix)]

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use proptest::test_runner::{Config, TestRunner};
use tower_recourse::store::{FileStore, StoreError};

use super::{Counter, counted};

const FOLDER: &str = "RECOURSE_STORE_OF_A_CHILD";
const KILLS: u32 = 50;

/// The work of the child process. Without its environment variable, the test does nothing. Counts,
/// and prints what is durable, until it is killed.
#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let store = match FileStore::open(folder, "state") {
        Ok(store) => store,
        Err(error @ StoreError::Held { .. }) => return println!("held {error}"),
        Err(error) => panic!("{error}"),
    };
    let counter = Counter::default();
    store.register("counter", &counter).unwrap();
    // A large state, which makes a save take long enough for a kill during it.
    store.register("ballast", &std::sync::Arc::new(super::Fixed(vec![17; 20_000].into()))).unwrap();
    loop {
        counter.set(counter.get() + 1);
        store.save().unwrap();
        println!("saved {}", counter.get());
    }
}

fn spawn(folder: &std::path::Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "killed::child", "--nocapture"]).env(FOLDER, folder).stdout(Stdio::piped());
    child.spawn().unwrap()
}

fn printed<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    // The test harness may have written text on the same line before the child's output.
    line.split_once(word).map(|(_, rest)| rest)
}

#[test]
fn saved_state_survives_a_kill_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::new(Config { cases: KILLS, ..Config::default() });
    // The last count that a child has printed. It must survive the kill.
    let durable = std::cell::Cell::new(0_u64);
    let moments = (1_usize..6, 0_u64..3_000);
    runner
        .run(&moments, |(saves, micros)| {
            let mut child = spawn(folder.path());
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
            let mut saved = lines.by_ref().filter_map(|line| printed(&line, "saved ")?.parse().ok());
            for count in saved.by_ref().take(saves) {
                durable.set(count);
            }
            thread::sleep(Duration::from_micros(micros));
            child.kill().unwrap();
            child.wait().unwrap();
            // Counts that the child printed before it was killed.
            durable.set(saved.last().unwrap_or(durable.get()));

            let (store, _, restored) = counted(folder.path());
            assert!(store.last_error().is_none());
            assert!(
                restored == durable.get() || restored == durable.get() + 1,
                "{} was durable, and it is {restored}",
                durable.get(),
            );
            drop(store);
            assert_eq!(super::names(folder.path()), ["state.json"], "nothing is damaged or left over");
            durable.set(restored);
            Ok(())
        })
        .unwrap();
    assert!(durable.get() >= KILLS.into());
}

#[test]
fn a_second_process_gets_an_error_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (store, counter, _) = counted(folder.path());
    counter.set(4);
    let refused = spawn(folder.path()).wait_with_output().unwrap();
    let text = String::from_utf8(refused.stdout).unwrap();
    let why = printed(&text, "held ").unwrap();
    assert!(why.contains("state.lock\" is locked: this store is open in another process"), "{text}");
    store.save().unwrap();
    drop(store);
    assert_eq!(counted(folder.path()).2, 4);
}
