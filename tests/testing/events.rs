//! Recorded events.

use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Cause, Circuit, FailureInfo, FailureKind, FallbackLayer, RetryConfig, RetryLayer,
    breaker::{Mode, OpenDuration, TripRule},
    observe::{ErrorText, Event, Observer, QuotaUsage},
    retry::{Backoff, Jitter, RetryQuota},
    testing::{EventRecorder, Script, fail, succeed},
};

use crate::secs;

#[tokio::test(start_paused = true)]
async fn one_recorder_records_the_events_of_all_layers_in_order() {
    let recorder = EventRecorder::new();
    let breaker = BreakerConfig::default()
        .open_when(TripRule::consecutive(2).unwrap())
        .open_for(OpenDuration::fixed(secs(30)))
        .name("db")
        .observe(recorder.clone());
    let backoff = Backoff::exponential(secs(1)).jitter(Jitter::None);
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("stored").observe(recorder.clone()))
        .layer(RetryLayer::new(RetryConfig::default().idempotent().backoff(backoff).observe(recorder.clone())))
        .layer(BreakerLayer::new(breaker))
        .service(Script::new([fail::<&str, _>("down")]));

    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), "stored");
    assert_eq!(
        recorder.lines(),
        [
            r#"CallFailed failure=transient error="down""#,
            r#"RetryScheduled attempt=1 delay=1s failure=transient error="down""#,
            r#"CallFailed failure=transient error="down""#,
            r#"CircuitOpened open_for=30s openings_in_a_row=1 failures_in_a_row=2 calls=2 failures=2 slow=0 failure=transient error="down""#,
            r#"RetryScheduled attempt=2 delay=2s failure=transient error="down""#,
            "CallRejected retry_in=28s",
            "RetryStopped attempt=3 cause=rejected failure=rejected error=\"circuit `db` is open; retry in 28.0 s\"",
            r#"FallbackCalled cause=rejected failure=rejected error="circuit `db` is open; retry in 28.0 s""#,
            "FallbackSucceeded cause=rejected",
        ]
    );
    assert_eq!(
        recorder.labels(),
        [
            "CallFailed",
            "RetryScheduled",
            "CallFailed",
            "CircuitOpened",
            "RetryScheduled",
            "CallRejected",
            "RetryStopped",
            "FallbackCalled",
            "FallbackSucceeded",
        ]
    );
    let named = recorder.named_lines();
    assert_eq!(named[0], r#"db: CallFailed failure=transient error="down""#);
    assert_eq!(named[1], r#"retry: RetryScheduled attempt=1 delay=1s failure=transient error="down""#);
    assert_eq!(named[5], "db: CallRejected retry_in=28s");
    assert_eq!(recorder.lines_of("retry").len(), 3);
    assert_eq!(recorder.lines_of("db").len(), 4);
    assert_eq!(recorder.count("CallFailed"), 2);
    assert_eq!(recorder.events()[4].at - recorder.events()[0].at, secs(1));
}

#[test]
fn an_event_keeps_its_borrowed_texts() {
    let recorder = EventRecorder::new();
    let circuit = Circuit::new(BreakerConfig::default().name("db").observe(recorder.clone()));
    circuit.set_mode(Mode::MetricsOnly);
    {
        let (name, key) = (String::from("jobs").into(), String::from("tenant\n7"));
        let quota = Some(QuotaUsage::new(&key, 2, 5));
        recorder.on_event(&Event::RetryStopped {
            name: &name,
            attempt: 3,
            max_attempts: Some(4),
            cause: Cause::KeyQuota { limit: 2 },
            failure: Some(FailureInfo::new(FailureKind::Transient).with_error(Some(ErrorText::text("lost\n")))),
            elapsed: None,
            quota,
        });
    }
    let events = recorder.events();
    assert!(
        matches!(events[0].event(), Event::CircuitModeChanged { mode: "metrics only", name } if name.as_str() == "db")
    );
    let Event::RetryStopped { quota: Some(quota), name, .. } = events[1].event() else { panic!("{events:?}") };
    assert_eq!((quota, name.as_str()), (QuotaUsage::new("tenant\n7", 2, 5), "jobs"));
    assert_eq!(
        recorder.take(),
        [
            r#"CircuitModeChanged mode="metrics only""#,
            r#"RetryStopped attempt=3 cause=key_quota failure=transient error="lost\n" key="tenant\n7" retries=2 total=5"#,
        ]
    );
    assert!(recorder.events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn wait_for_returns_a_past_and_a_future_event() {
    let recorder = EventRecorder::new();
    let quota = RetryQuota::new();
    let config = RetryConfig::default().idempotent().quota(&quota, |(): &()| "key").observe(recorder.clone());
    let script = Script::new([fail("down"), succeed(())]);
    let mut service = RetryLayer::new(config).layer(script);
    let caller = tokio::spawn(async move { service.ready().await.unwrap().call(()).await });

    let scheduled = recorder.wait_for("RetryScheduled").await;
    assert!(matches!(scheduled.event(), Event::RetryScheduled { quota: Some(quota), .. } if quota.key == "key"));
    let succeeded = recorder.wait_for("RetrySucceeded").await;
    assert!(succeeded.at > scheduled.at);
    assert_eq!(recorder.wait_for("RetryScheduled").await.at, scheduled.at);
    caller.await.unwrap().unwrap();
    assert!(tokio::time::timeout(secs(60), recorder.wait_for("CircuitOpened")).await.is_err());
}

#[test]
fn a_full_recorder_counts_the_events_that_it_loses() {
    let recorder = EventRecorder::new();
    let circuit = Circuit::new(BreakerConfig::default().without_observers().observe(recorder.clone()));
    circuit.force_closed();
    for _ in 0..10_005 {
        circuit.try_acquire().unwrap().failure();
    }
    assert_eq!((recorder.events().len(), recorder.lost()), (10_000, 6));
}
