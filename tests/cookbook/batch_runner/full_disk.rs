//! A disk that is really full: a child process with a limit on the size of its files.
#![cfg(unix)]

use std::{env, path::Path};

use super::{Batch, fail, passing, succeed};
use tower_recourse::retry::Backoff;

use crate::file_size_limit::with_file_size_limit;

const FOLDER: &str = "RECOURSE_FULL_BATCH_OF_A_CHILD";

/// The work of the child process. Without its environment variable, the test does nothing. Neither
/// the state file nor the audit file may be longer than 4 blocks.
#[tokio::test]
async fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let batch = Batch::open(Path::new(&folder), "b-17", Backoff::none(), |_| {}).unwrap();
    for item in 0..16 {
        let item = format!("{item}-{}", "x".repeat(250));
        let (calls, not_done) = fail(&batch, &item, passing).await;
        assert_eq!((calls, not_done.reason, not_done.retries), (4, "attempts exhausted", 3));
        succeed(&batch, &item).await;
    }
    assert_eq!(batch.quota.total_retries(), 48);
    assert!(batch.audit.last_error().is_some(), "without a full disk the test proves nothing");
    println!("all is well");
}

#[test]
fn point_7_a_full_disk_never_stops_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    with_file_size_limit("batch_runner::full_disk::child", (FOLDER, folder.path().as_os_str()));
    // The file is complete, and contains the retries that fitted before the disk was full.
    assert!(Batch::open(folder.path(), "b-17", Backoff::none(), |_| {}).unwrap().quota.total_retries() > 0);
}
