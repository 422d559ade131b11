//! `report_requests` for HTTP requests.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_recourse::{
    RetryLayer,
    http::{Deadline, GatewayTimeout},
    observe::Event,
    retry::Timeouts,
    testing::EventRecorder,
};

use crate::{Scripted, config, empty_response, status};

#[tokio::test(start_paused = true)]
async fn every_finished_request_is_reported_with_its_status() {
    let scheduled = r#"RetryScheduled attempt=1 delay=50ms failure=transient status="HTTP 503""#;
    let cases: [(&[u16], &[&str]); 4] = [
        (&[200], &["RequestFinished attempts=1 outcome=success"]),
        (&[404], &["RequestFinished attempts=1 outcome=success"]),
        (&[503, 200], &[scheduled, "RetrySucceeded attempt=2", "RequestFinished attempts=2 outcome=success"]),
        (
            &[503, 503],
            &[
                scheduled,
                r#"RetryStopped attempt=2 cause=attempts_exhausted failure=transient status="HTTP 503""#,
                "RequestFinished attempts=2 outcome=failure cause=attempts_exhausted failure=transient \
                 status=\"HTTP 503\"",
            ],
        ),
    ];
    for (statuses, expected) in cases {
        let events = EventRecorder::new();
        let retry = RetryLayer::new(config().retries(1).observe(events.clone()).report_requests());
        let server = Scripted::new(move |call| empty_response(statuses[call]));
        let request = Request::new(Full::<Bytes>::from("a body"));
        assert_eq!(status(retry.layer(server.service()), request).await.as_u16(), *statuses.last().unwrap());
        assert_eq!(events.lines(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_after_its_deadline_is_reported() {
    let events = EventRecorder::new();
    let limits = Timeouts::none().timeout_outcome(GatewayTimeout);
    let retry = RetryLayer::new(config().timeouts(limits).observe(events.clone()).report_requests());
    let server = Scripted::new(|_| empty_response(200));
    let mut request = Request::new(Full::<Bytes>::default());
    request.extensions_mut().insert(Deadline::after(Duration::from_secs(1)));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(status(retry.layer(server.service()), request).await, 504);
    assert_eq!(server.calls(), 0);
    let events = events.events();
    let Event::RequestFinished { attempts, cause, elapsed, .. } = events.last().unwrap().event() else {
        panic!("{events:?}");
    };
    assert_eq!((attempts, cause.map(|cause| cause.label()), elapsed), (1, Some("deadline"), Some(Duration::ZERO)));
}
