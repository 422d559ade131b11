//! The spans of requests and attempts.

use reqwest::{Client, Method};
use tower::ServiceBuilder;
use tower_recourse::{
    RetryLayer,
    spans::{AttemptSpanLayer, RequestSpanLayer},
};

use crate::{
    config, request,
    server::{Server, reply},
    span_tree::{record, tree},
};

#[tokio::test]
async fn a_response_with_an_error_status_marks_its_span() {
    record();
    let server = Server::start([reply(503)]).await;
    let service = ServiceBuilder::new()
        .layer(RequestSpanLayer::reqwest())
        .layer(RetryLayer::new(config()))
        .layer(AttemptSpanLayer::reqwest())
        .service(Client::new());
    let get = request(Method::GET, &server.url("/"));
    assert_eq!(service.oneshot(get).await.unwrap().status(), 200);
    let tree: Vec<_> = tree().into_iter().filter(|line| !line.contains(" - ")).collect();
    assert_eq!(
        tree,
        [
            "request otel.name=reqwest resilience.pipeline.name=reqwest recourse.attempts=2 recourse.outcome=success \
             otel.status_code=OK",
            "  attempt resilience.attempt.index=0 http.response.status_code=503 recourse.outcome=failure \
             error.type=transient otel.status_code=ERROR",
            "  attempt resilience.attempt.index=1 recourse.outcome=success",
        ]
    );
}
