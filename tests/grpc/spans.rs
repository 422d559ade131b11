//! The spans of gRPC calls.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::ServiceBuilder;
use tower_recourse::{
    RetryLayer,
    spans::{AttemptSpanLayer, RequestSpanLayer},
    testing::{Script, respond_with},
};

use crate::{
    config, request,
    span_tree::{record, tree},
};

#[tokio::test(start_paused = true)]
async fn a_call_has_one_client_span_and_a_span_per_attempt() {
    record();
    let respond = |status: &'static str| {
        respond_with(move || {
            let head = Response::builder().header("grpc-status", status).header("grpc-message", "draining");
            Ok::<_, Infallible>(head.body(Full::<Bytes>::default()).unwrap())
        })
    };
    let stack = |steps| {
        ServiceBuilder::new()
            .layer(RequestSpanLayer::grpc())
            .layer(RetryLayer::new(config()))
            .layer(AttemptSpanLayer::grpc())
            .service(Script::<Request<Full<Bytes>>, _, _>::new(steps))
    };
    let unavailable = "rpc.status_code=UNAVAILABLE recourse.outcome=failure error.type=transient \
                       otel.status_code=ERROR otel.status_description=draining";
    let call = "request otel.name=greeter.Greeter/SayHello otel.kind=client rpc.system.name=grpc \
                rpc.method=greeter.Greeter/SayHello server.address=greeter.example server.port=50051";

    stack([respond("14"), respond("0")])
        .oneshot(request("http://greeter.example:50051/greeter.Greeter/SayHello"))
        .await
        .unwrap();
    assert_eq!(
        tree(),
        [
            &format!("{call} recourse.attempts=2 recourse.outcome=success otel.status_code=OK"),
            &format!("  attempt resilience.attempt.index=0 {unavailable}"),
            "  attempt resilience.attempt.index=1 recourse.outcome=success",
        ]
    );

    record();
    stack([respond("5"), respond("0")]).oneshot(request("/greeter.Greeter/SayHello")).await.unwrap();
    let call = "request otel.name=greeter.Greeter/SayHello otel.kind=client rpc.system.name=grpc \
                rpc.method=greeter.Greeter/SayHello";
    assert!(tree()[0].starts_with(&format!("{call} recourse.attempts=1")), "{:#?}", tree());
}
