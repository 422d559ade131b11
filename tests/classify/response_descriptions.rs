//! How the classifiers of HTTP and gRPC describe responses for events.

use std::io;

use http::{Request, Response};
use http_body_util::Empty;
use tower_recourse::{Classifier, Verdict, classify, grpc, http as recourse_http, observe::ResponseStatus};

type Body = Empty<&'static [u8]>;

fn of_response<C>(classifier: C, response: &Response<Body>) -> (Option<ResponseStatus>, Option<String>)
where
    C: Classifier<Request<()>, Response<Body>, io::Error>,
{
    let description = classifier.describe_failure(Ok(response));
    (description.status, description.error.map(|error| error.to_string()))
}

#[test]
fn an_http_response_is_described_by_its_status_alone() {
    let response = Response::builder().status(503).header("x-secret", "token").body(Body::new()).unwrap();
    let expected = (Some(ResponseStatus::Http(503)), None);
    assert_eq!(of_response(recourse_http::StatusClassifier::default(), &response), expected);
    assert_eq!(of_response(recourse_http::stale_if_error::StaleIfErrorClassifier::default(), &response), expected);
    let chain = classify::first(classify::outcomes(|_: Result<&Response<Body>, &io::Error>| None::<Verdict>))
        .or(recourse_http::StatusClassifier::default());
    assert_eq!(of_response(chain, &response), expected);
}

#[test]
fn a_grpc_response_is_described_by_code_and_message() {
    let response =
        Response::builder().header("grpc-status", "14").header("grpc-message", "50%25 down%0A").body(Body::new());
    let expected = (Some(ResponseStatus::Grpc(14)), Some("50% down\\n".to_owned()));
    assert_eq!(of_response(grpc::StatusClassifier::default(), &response.unwrap()), expected);
    let by_proxy = Response::builder().status(503).body(Body::new()).unwrap();
    assert_eq!(of_response(grpc::StatusClassifier::default(), &by_proxy), (Some(ResponseStatus::Grpc(14)), None));
}
