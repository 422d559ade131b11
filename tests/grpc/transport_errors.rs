//! Transport errors of a tonic client: the caller's mistakes, and connections whose task is gone.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use tokio_test::{assert_pending, task::spawn};
use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Classifier, Health, RetryLayer, Verdict,
    grpc::{Code, PeekLayer, StatusClassifier},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{config, greeter::greeter_client::GreeterClient, in_time, name};

/// hyper-util's client needs a URI with an authority. `GreeterClient::new` sets none, but
/// `with_origin` does. Another attempt can't succeed, and the server isn't involved.
#[tokio::test]
async fn a_client_without_an_origin_makes_one_attempt() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<tonic::body::Body>();
    let client = service_fn(move |request: Request<tonic::body::Body>| {
        counted.fetch_add(1, Ordering::SeqCst);
        client.clone().call(request)
    });
    let circuit = Circuit::new(BreakerConfig::grpc().fixed_share().without_observers());
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(config().idempotent()))
        .layer(BreakerLayer::on(&circuit))
        .layer(PeekLayer::new())
        .service(client);
    let mut client = GreeterClient::new(stack);
    in_time(client.greet(name("Ann"))).await.unwrap_err();
    let stats = circuit.stats();
    assert_eq!((calls.load(Ordering::SeqCst), stats.total_neutral, stats.total_failures), (1, 1, 0));
}

/// The error of a call whose connection task is dropped, for example with its runtime, while the
/// call waits for its response.
async fn dispatch_gone() -> hyper::Error {
    let (near, _far) = tokio::io::duplex(1024);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    let mut connection = spawn(connection);
    let mut calling = spawn(sender.send_request(Request::new(Empty::<Bytes>::new())));
    assert_pending!(calling.poll());
    assert_pending!(connection.poll());
    drop(connection);
    calling.await.unwrap_err()
}

/// A lost connection is UNAVAILABLE, whichever side lost it.
#[tokio::test]
async fn a_connection_whose_task_is_gone_is_unavailable() {
    type Answer = Response<Full<Bytes>>;
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    let error = dispatch_gone().await;
    assert!(error.to_string().contains("dispatch task is gone"), "{error}");
    let boxed: BoxError = error.into();
    let judge = |codes: &[Code]| {
        let statuses = StatusClassifier::default().retry_codes(codes.iter().copied());
        Classifier::<Request<()>, Answer, BoxError>::classify(&statuses, &None, Err(&boxed))
    };
    let unhealthy = |verdict: Verdict| verdict.health(Health::Unhealthy);
    assert_eq!(judge(&[Code::Unavailable]), unhealthy(Verdict::transient()));
    assert_eq!(judge(&[Code::Unknown]), unhealthy(Verdict::permanent()));

    // Through a tonic client, the call is retried.
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let service = service_fn(move |_: Request<tonic::body::Body>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if call == 0 {
                return Err::<Answer, BoxError>(dispatch_gone().await.into());
            }
            Ok(Response::builder().header("grpc-status", "5").body(Full::default()).unwrap())
        }
    });
    let stack =
        ServiceBuilder::new().layer(RetryLayer::new(config().idempotent())).layer(PeekLayer::new()).service(service);
    let status = in_time(GreeterClient::new(stack).greet(name("Ann"))).await.unwrap_err();
    assert_eq!((status.code(), calls.load(Ordering::SeqCst)), (tonic::Code::NotFound, 2));
}
