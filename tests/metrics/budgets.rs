//! The series of budgets and quotas.

use std::{io, sync::Arc};

use tower_recourse::{
    RetryConfig, RetryLayer,
    retry::{Backoff, CostBucket, RetryQuota, TokenBucket},
};

use crate::exporter::Exporter;

fn fails(layer: &RetryLayer<RetryConfig>) {
    layer.run_blocking(|_| Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused))).unwrap_err();
}

fn config(name: &'static str, exporter: &Exporter) -> RetryConfig {
    RetryConfig::default().name(name).backoff(Backoff::none()).without_observers().register(&exporter.registry)
}

#[test]
fn a_budget_shows_its_balance_and_its_counts() {
    let exporter = Exporter::new();
    let bucket = || TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0).capacity(5).unwrap().initial(2).unwrap();
    let layer = RetryLayer::new(config("a", &exporter).budget(bucket()));
    let value = |metric: &str| exporter.scrape().value(metric, &[("name", "a")]).unwrap();
    assert_eq!((value("recourse_budget_tokens"), value("recourse_budget_capacity")), (2.0, 5.0));
    fails(&layer);
    assert_eq!((value("recourse_budget_tokens"), value("recourse_budget_capacity")), (0.0, 5.0));
    assert_eq!((value("recourse_budget_withdrawals_total"), value("recourse_budget_refusals_total")), (2.0, 1.0));

    // A dropped budget leaves its counts, and the next one of the name continues them.
    drop(layer);
    assert_eq!((value("recourse_budget_tokens"), value("recourse_budget_capacity")), (0.0, 0.0));
    assert_eq!((value("recourse_budget_withdrawals_total"), value("recourse_budget_refusals_total")), (2.0, 1.0));
    let next = RetryLayer::new(config("a", &exporter).budget(bucket()));
    fails(&next);
    assert_eq!((value("recourse_budget_withdrawals_total"), value("recourse_budget_refusals_total")), (4.0, 2.0));
}

#[test]
fn a_shared_budget_is_counted_once() {
    let exporter = Exporter::new();
    let bucket = Arc::new(CostBucket::aws_2_0());
    let layers = ["a", "b"].map(|name| RetryLayer::new(config(name, &exporter).shared_budget(Arc::clone(&bucket))));
    layers.iter().for_each(fails);
    let scrape = exporter.scrape();
    assert_eq!(scrape.sum("recourse_budget_withdrawals_total", &[]), 6.0);
    assert_eq!(scrape.sum("recourse_budget_capacity", &[]), 100.0);
}

#[test]
fn a_shared_budget_that_changes_its_name_is_counted_once() {
    let exporter = Exporter::new();
    let bucket = Arc::new(CostBucket::aws_2_0());
    let [first, second] =
        ["a", "b"].map(|name| RetryLayer::new(config(name, &exporter).shared_budget(Arc::clone(&bucket))));
    fails(&first);
    let withdrawals = |name| exporter.scrape().value("recourse_budget_withdrawals_total", &[("name", name)]);
    assert_eq!((withdrawals("a"), withdrawals("b")), (Some(3.0), None));
    drop(first);
    assert_eq!((withdrawals("a"), withdrawals("b")), (Some(3.0), Some(0.0)));
    fails(&second);
    assert_eq!((withdrawals("a"), withdrawals("b")), (Some(3.0), Some(3.0)));
}

#[test]
fn a_quota_shows_its_retries_and_keys() {
    let exporter = Exporter::new();
    let quota = RetryQuota::new();
    let layer = RetryLayer::new(config("a", &exporter).quota(&quota, |request: &u32| *request));
    let _permits = ["1", "1", "2"].map(|key| quota.try_acquire(key).unwrap());
    let scrape = exporter.scrape();
    assert_eq!(scrape.value("recourse_quota_retries", &[("name", "a")]), Some(3.0));
    assert_eq!(scrape.value("recourse_quota_keys", &[("name", "a")]), Some(2.0));
    drop((layer, quota));
    assert_eq!(exporter.scrape().value("recourse_quota_keys", &[("name", "a")]), Some(0.0));
}
