//! Quotas in a store: what was used before a restart stays used.

use tower_recourse::{
    RetryConfig, RetryLayer,
    retry::{Backoff, RetryQuota},
};

use super::*;

fn quota(store: &FileStore) -> RetryQuota {
    let quota = RetryQuota::new().max_per_key(3).max_total(5);
    store.register("quota", &quota).unwrap();
    quota
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_reset_the_retries_of_a_key() {
    let folder = tempfile::tempdir().unwrap();
    for (item, expected) in [(7, (3, 3)), (7, (3, 3)), (8, (2, 5)), (8, (2, 5))] {
        let store = FileStore::open(folder.path(), "state").unwrap();
        let quota = quota(&store);
        let config =
            RetryConfig::default().idempotent().backoff(Backoff::fixed(Duration::from_secs(1))).without_observers();
        let layer = RetryLayer::new(config.quota(&quota, |item: &u32| *item).observe(store.observer()));
        layer.run_for(&item, |_| async { Err::<(), _>("down".to_owned()) }).await.unwrap_err();
        assert_eq!((quota.retries_for_key(&item.to_string()), quota.total_retries()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_written_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), "state").unwrap().write_interval(Duration::from_millis(1));
    let quota = quota(&store);
    let config =
        RetryConfig::default().idempotent().backoff(Backoff::fixed(Duration::from_secs(1))).without_observers();
    let layer = RetryLayer::new(config.quota(&quota, |item: &u32| *item).observe(store.observer()));
    layer.run_for(&7, |_| async { Err::<(), _>("down".to_owned()) }).await.unwrap_err();
    let path = folder.path().join("state.json");
    let expected = json!({ "total": 3, "keys": [["7", 3]] });
    // The loop ends only if the store writes the file.
    while !path.exists() || file(folder.path())["parts"]["quota"]["state"] != expected {
        std::thread::yield_now();
    }
}
