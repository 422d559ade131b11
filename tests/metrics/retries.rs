//! The series of retries and fallbacks.

use std::{
    collections::BTreeMap,
    io,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    time::Duration,
};

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerLayer, Circuit, FallbackLayer, RetryConfig, RetryLayer, Verdict,
    breaker::{OpenDuration, TripRule},
    retry::Backoff,
};

use crate::exporter::{Exporter, Scrape};

fn config(name: &'static str, exporter: &Exporter) -> RetryConfig {
    RetryConfig::default().name(name).backoff(Backoff::none()).without_observers().register(&exporter.registry)
}

fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

/// Fails `failures` times, then succeeds.
fn flaky(failures: u32) -> impl FnMut(Attempt) -> Result<u32, io::Error> {
    move |attempt| if attempt.number() <= failures { Err(refused()) } else { Ok(attempt.number()) }
}

#[test]
fn retries_are_counted_by_attempt_and_reason() {
    let exporter = Exporter::new();
    let layer = RetryLayer::new(config("a", &exporter));
    layer.run_blocking(flaky(2)).unwrap();
    layer.run_blocking(flaky(1)).unwrap();
    layer.run_blocking(flaky(9)).unwrap_err();
    let scrape = exporter.scrape();
    let retries = |attempt| {
        scrape.value("recourse_retries_total", &[("name", "a"), ("attempt", attempt), ("reason", "transient")])
    };
    assert_eq!(["2", "3", "4", "5"].map(retries), [Some(3.0), Some(2.0), Some(1.0), None]);
    let succeeded = |attempt| scrape.value("recourse_requests_succeeded_total", &[("name", "a"), ("attempt", attempt)]);
    assert_eq!(["1", "2", "3", "4"].map(succeeded), [None, Some(1.0), Some(1.0), Some(0.0)]);
    let stopped = [("name", "a"), ("cause", "attempts_exhausted")];
    assert_eq!(scrape.value("recourse_requests_failed_total", &stopped), Some(1.0));
    assert_eq!(scrape.value("recourse_retry_delay_seconds_count", &[("name", "a")]), Some(6.0));
}

#[tokio::test(start_paused = true)]
async fn services_count_like_blocking_calls() {
    let exporter = Exporter::new();
    let layer = RetryLayer::new(config("a", &exporter).backoff(Backoff::fixed(Duration::from_secs(400))));
    let calls = AtomicU32::new(0);
    let service = ServiceBuilder::new().layer(layer).service(service_fn(|_: ()| {
        let is_first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move { if is_first { Err(refused()) } else { Ok(()) } }
    }));
    service.oneshot(()).await.unwrap();
    let scrape = exporter.scrape();
    let labels = [("name", "a"), ("attempt", "2")];
    assert_eq!(scrape.value("recourse_requests_succeeded_total", &labels), Some(1.0));
    assert_eq!(scrape.sum("recourse_retries_total", &labels), 1.0);
    let bucket = |le| scrape.value("recourse_retry_delay_seconds_bucket", &[("name", "a"), ("le", le)]);
    assert_eq!((bucket("300"), bucket("+Inf")), (Some(0.0), Some(1.0)));
    assert_eq!(scrape.value("recourse_retry_delay_seconds_sum", &[("name", "a")]), Some(400.0));
}

#[tokio::test(start_paused = true)]
async fn finished_requests_are_counted_once_with_their_time() {
    let exporter = Exporter::new();
    let config = config("a", &exporter).retries(1).report_requests().backoff(Backoff::fixed(Duration::from_secs(1)));
    let layer = RetryLayer::new(config);
    // The first request succeeds at once, the second at its second attempt, and the third fails.
    let (failures, calls) = ([false, true, false, true, true], AtomicUsize::new(0));
    let mut service = ServiceBuilder::new().layer(layer).service(service_fn(|_: ()| {
        let fails = failures[calls.fetch_add(1, Ordering::Relaxed)];
        async move { if fails { Err(refused()) } else { Ok(()) } }
    }));
    let before = exporter.scrape();
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(service.ready().await.unwrap().call(()).await.is_ok());
    }
    assert_eq!(outcomes, [true, true, false]);
    let scrape = exporter.scrape();
    let succeeded = |scrape: &Scrape, attempt| {
        scrape.value("recourse_requests_succeeded_total", &[("name", "a"), ("attempt", attempt)])
    };
    assert_eq!(["1", "2"].map(|attempt| succeeded(&before, attempt)), [Some(0.0), Some(0.0)]);
    assert_eq!(["1", "2"].map(|attempt| succeeded(&scrape, attempt)), [Some(1.0), Some(1.0)]);
    let success = |end: &str| scrape.value(&format!("recourse_time_to_success_seconds_{end}"), &[("name", "a")]);
    assert_eq!((success("count"), success("sum")), (Some(2.0), Some(1.0)));
    let duration = |outcome, end: &str| {
        let metric = format!("recourse_request_duration_seconds_{end}");
        scrape.value(&metric, &[("name", "a"), ("outcome", outcome)])
    };
    assert_eq!((duration("success", "count"), duration("success", "sum")), (Some(2.0), Some(1.0)));
    assert_eq!((duration("failure", "count"), duration("failure", "sum")), (Some(1.0), Some(1.0)));
}

#[test]
fn finished_blocking_requests_are_counted_once() {
    let exporter = Exporter::new();
    let layer = RetryLayer::new(config("a", &exporter).report_requests());
    layer.run_blocking(flaky(0)).unwrap();
    layer.run_blocking(flaky(1)).unwrap();
    layer.run_blocking(flaky(9)).unwrap_err();
    let scrape = exporter.scrape();
    let succeeded = |attempt| scrape.value("recourse_requests_succeeded_total", &[("name", "a"), ("attempt", attempt)]);
    assert_eq!(["1", "2"].map(succeeded), [Some(1.0), Some(1.0)]);
    assert_eq!(scrape.sum("recourse_time_to_success_seconds_count", &[]), 2.0);
    assert_eq!(scrape.sum("recourse_request_duration_seconds_count", &[]), 3.0);
}

#[test]
fn attempts_after_the_tenth_share_a_series() {
    let exporter = Exporter::new();
    let layer = RetryLayer::new(config("a", &exporter).retries(30));
    layer.run_blocking(flaky(20)).unwrap();
    let scrape = exporter.scrape();
    let more = [("name", "a"), ("attempt", "more")];
    assert_eq!(scrape.sum("recourse_retries_total", &more), 11.0);
    assert_eq!(scrape.value("recourse_requests_succeeded_total", &more), Some(1.0));
}

#[test]
fn transparent_retries_are_counted() {
    let exporter = Exporter::new();
    let layer = RetryLayer::new(config("a", &exporter).classify_errors(|_: &io::Error| Some(Verdict::unprocessed())));
    let mut calls = 0;
    let result = layer.run_blocking(|_| {
        calls += 1;
        if calls == 1 { Err(refused()) } else { Ok(()) }
    });
    result.unwrap();
    let scrape = exporter.scrape();
    assert_eq!(scrape.value("recourse_transparent_retries_total", &[("name", "a")]), Some(1.0));
    assert_eq!(scrape.sum("recourse_retries_total", &[]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_breaker_are_counted() {
    let exporter = Exporter::new();
    let open_for = OpenDuration::fixed(Duration::from_millis(50));
    let rule = TripRule::consecutive(1).unwrap();
    let circuit = Circuit::new(BreakerConfig::default().open_when(rule).open_for(open_for).without_observers());
    circuit.report_failure();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config("a", &exporter)))
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(async |_: ()| Ok::<_, io::Error>(())));
    service.oneshot(()).await.unwrap();
    assert_eq!(exporter.scrape().value("recourse_rejection_waits_total", &[("name", "a")]), Some(1.0));
}

#[tokio::test]
async fn fallbacks_are_counted_by_cause_and_outcome() {
    let exporter = Exporter::new();
    let down = || service_fn(async |_: ()| Err::<(), _>(refused()));
    let layer = FallbackLayer::value(()).name("a").without_observers().register(&exporter.registry);
    ServiceBuilder::new().layer(layer.clone()).service(down()).oneshot(()).await.unwrap();
    let exhausted =
        ServiceBuilder::new().layer(layer).layer(RetryLayer::new(config("b", &exporter).retries(1))).service(down());
    exhausted.oneshot(()).await.unwrap();
    let failing = FallbackLayer::new(down()).name("a").without_observers().register(&exporter.registry);
    ServiceBuilder::new().layer(failing).service(down()).oneshot(()).await.unwrap_err();
    let scrape = exporter.scrape();
    let count = |cause, outcome| {
        scrape.value("recourse_fallbacks_total", &[("name", "a"), ("cause", cause), ("outcome", outcome)])
    };
    assert_eq!(count("failure", "success"), Some(1.0));
    assert_eq!(count("attempts_exhausted", "success"), Some(1.0));
    assert_eq!(count("failure", "failure"), Some(1.0));
}

#[test]
fn the_usual_counters_start_at_zero() {
    let exporter = Exporter::new();
    let _layers = [
        RetryLayer::new(config("once", &exporter).retries(1)),
        RetryLayer::new(config("often", &exporter).retries(u32::MAX)),
    ];
    let fallback = FallbackLayer::value(()).name("a").without_observers().register(&exporter.registry);
    let _service = ServiceBuilder::new().layer(fallback).service(service_fn(async |_: ()| Ok::<_, io::Error>(())));
    let scrape = exporter.scrape();
    let attempts = |name: &str| {
        let of = |labels: &crate::exporter::Labels| labels["name"] == name && labels["reason"] == "transient";
        let retries =
            scrape.series.iter().filter(|(metric, labels, _)| metric == "recourse_retries_total" && of(labels));
        let mut attempts: Vec<_> = retries.map(|(_, labels, value)| (labels["attempt"].clone(), *value)).collect();
        attempts.sort_by(|a, b| a.0.cmp(&b.0));
        attempts
    };
    assert_eq!(attempts("once"), [("2".to_owned(), 0.0)]);
    assert_eq!(attempts("often"), ["2", "3", "4"].map(|attempt| (attempt.to_owned(), 0.0)));
    for (metric, labels) in [
        ("recourse_requests_failed_total", &[("name", "once"), ("cause", "attempts_exhausted")][..]),
        ("recourse_requests_succeeded_total", &[("name", "once"), ("attempt", "2")]),
        ("recourse_transparent_retries_total", &[("name", "once")]),
        ("recourse_rejection_waits_total", &[("name", "once")]),
        ("recourse_fallbacks_total", &[("name", "a"), ("cause", "rejected"), ("outcome", "success")]),
    ] {
        assert_eq!(scrape.value(metric, labels), Some(0.0), "{metric}");
    }
}

#[test]
fn publishing_again_changes_no_counter() {
    let exporter = Exporter::new();
    let layer = RetryLayer::new(config("a", &exporter));
    layer.run_blocking(flaky(1)).unwrap();
    let counters = || {
        let series = exporter.scrape().series.into_iter().filter(|(name, _, _)| name.ends_with("_total"));
        series.map(|(name, labels, value)| ((name, labels), value as u64)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(counters(), counters());
}
