//! Classifiers of tower-http.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_http::classify::{ServerErrorsAsFailures, ServerErrorsFailureClass, SharedClassifier};
use tower_recourse::{RetryLayer, Verdict, http::Classes};

use crate::{Scripted, answer, config, status};

fn request(method: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri("/").body(Full::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn its_classes_become_verdicts_and_all_else_is_as_with_statuses() {
    let cases = [
        ("GET", 500, 3),
        ("GET", 503, 3),
        ("GET", 501, 1),
        ("POST", 500, 1),
        // No failure to that classifier.
        ("GET", 429, 1),
        ("GET", 200, 1),
    ];
    for (method, code, calls) in cases {
        let make = SharedClassifier::new(ServerErrorsAsFailures::new());
        let classes = Classes::new(make, |class: &ServerErrorsFailureClass| match class {
            ServerErrorsFailureClass::StatusCode(status) if status.as_u16() == 501 => Verdict::permanent(),
            _ => Verdict::transient(),
        });
        let server = Scripted::new(move |_| {
            let mut response = answer(code);
            response.headers_mut().insert("retry-after", "2".parse().unwrap());
            response
        });
        let retry = RetryLayer::new(config().classifier(classes)).layer(server.service());
        assert_eq!(status(retry, request(method)).await, code);
        assert_eq!(server.calls(), calls, "{method} {code}");
        assert_eq!(server.first_gap(), (calls > 1).then_some(Duration::from_secs(2)), "{method} {code}");
    }
}
