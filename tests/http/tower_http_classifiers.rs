//! The classifiers of tower-http, in both versions.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_recourse::{RetryLayer, Verdict};

use crate::{Scripted, config, empty_response, status};

fn request(method: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri("/").body(Full::default()).unwrap()
}

macro_rules! of_version {
    ($test:ident, $tower_http:ident, $classes:path) => {
        #[tokio::test(start_paused = true)]
        async fn $test() {
            use $classes as TowerHttpClassifier;
            use $tower_http::classify::{ServerErrorsAsFailures, ServerErrorsFailureClass, SharedClassifier};

            let cases = [
                ("GET", 500, 3),
                ("GET", 503, 3),
                ("GET", 501, 1),
                ("POST", 500, 1),
                // That classifier doesn't treat 429 as a failure.
                ("GET", 429, 1),
                ("GET", 200, 1),
            ];
            for (method, code, calls) in cases {
                let make = SharedClassifier::new(ServerErrorsAsFailures::new());
                let classes = TowerHttpClassifier::new(make, |class: &ServerErrorsFailureClass| match class {
                    ServerErrorsFailureClass::StatusCode(status) if status.as_u16() == 501 => Verdict::permanent(),
                    _ => Verdict::transient(),
                });
                let server = Scripted::new(move |_| {
                    let mut response = empty_response(code);
                    response.headers_mut().insert("retry-after", "2".parse().unwrap());
                    response
                });
                let retry = RetryLayer::new(config().classifier(classes)).layer(server.service());
                assert_eq!(status(retry, request(method)).await, code);
                assert_eq!(server.calls(), calls, "{method} {code}");
                assert_eq!(server.first_gap(), (calls > 1).then_some(Duration::from_secs(2)), "{method} {code}");
            }
        }
    };
}

#[cfg(feature = "tower-http")]
of_version!(classes_of_tower_http_0_7_become_verdicts, tower_http, tower_recourse::http::TowerHttpClassifier);
#[cfg(feature = "tower-http-06")]
of_version!(
    classes_of_tower_http_0_6_become_verdicts,
    tower_http_06,
    tower_recourse::http::tower_http_06::TowerHttpClassifier
);

/// A gRPC classifier of tower-http 0.7, whose failure classes are statuses.
#[cfg(feature = "tower-http")]
#[tokio::test(start_paused = true)]
async fn grpc_classes_of_tower_http_0_7_become_verdicts() {
    use tower_http::classify::{GrpcErrorsAsFailures, GrpcFailureClass, SharedClassifier};
    use tower_recourse::http::TowerHttpClassifier;

    for (code, calls) in [("14", 3), ("13", 1), ("0", 1)] {
        let make = SharedClassifier::new(GrpcErrorsAsFailures::new());
        let classes = TowerHttpClassifier::new(make, |class: &GrpcFailureClass| match class {
            GrpcFailureClass::Status(status) if status.code_raw() == 14 => Verdict::transient(),
            _ => Verdict::permanent(),
        });
        let server = Scripted::new(move |_| {
            let mut response = empty_response(200);
            response.headers_mut().insert("grpc-status", code.parse().unwrap());
            response
        });
        let retry = RetryLayer::new(config().classifier(classes)).layer(server.service());
        // gRPC requests are POSTs, which HTTP's rules don't resend.
        assert_eq!(status(retry, request("PUT")).await, 200);
        assert_eq!(server.calls(), calls, "{code}");
    }
}
